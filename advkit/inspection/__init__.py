"""Diagnostics of a model on its data (`advkit inspect`), and of the machine (`advkit doctor`)."""
