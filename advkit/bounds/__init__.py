"""Certified bounds: what no perturbation within a set can do to a classifier."""
