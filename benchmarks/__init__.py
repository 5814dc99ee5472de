"""Recipes and comparisons; `peers/` holds those that need other libraries and is not installed."""
