"""Labelled images or sounds with stable ids, and how they are loaded."""

from advkit.data.samples import Samples, fingerprint, take
from advkit.data.specs import load_data

__all__ = ["Samples", "fingerprint", "load_data", "take"]
