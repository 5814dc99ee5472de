"""Recipes and comparisons; those in `peers/` need other libraries and are not installed."""
