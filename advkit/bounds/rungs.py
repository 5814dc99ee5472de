"""The names of proofs, apart from what proves: a command line is read without torch."""

RUNGS = ("intervals", "crown", "alpha", "split")
"""Intervals with a relaxed last way back; CROWN; optimised slopes; branch and bound."""
WAYS = ("auto", "off", *RUNGS)
"""How an audit seeks proofs: where they pay, never, or always and up to a rung."""
