"""The names of the proof methods, separate so that the command line need not import torch."""

RUNGS = ("intervals", "crown", "alpha", "split")
"""Intervals with a final CROWN step; CROWN; optimised slopes; branch and bound."""
WAYS = ("auto", "off", *RUNGS)
"""How an audit seeks proofs: if they pay, never, or always and up to a method."""
