"""The names of the proof methods, kept apart so that the command line can be read without torch."""

RUNGS = ("intervals", "crown", "alpha", "split")
"""Intervals with a relaxed last way back; CROWN; optimised slopes; branch and bound."""
WAYS = ("auto", "off", *RUNGS)
"""How an audit seeks proofs: where they pay, never, or always and up to a rung."""
