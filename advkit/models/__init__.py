"""How a classifier comes in: specs, the load gate, the probe, and the small nets of our own."""

from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.models.specs import input_shape, load_model

__all__ = ["Classifier", "input_shape", "load_model", "probe"]
