"""Classifiers: specs, the load gate, the probe, and the small nets that advkit trains."""

from advkit.models.classifier import Classifier
from advkit.models.probe import probe
from advkit.models.specs import input_shape, load_model

__all__ = ["Classifier", "input_shape", "load_model", "probe"]
