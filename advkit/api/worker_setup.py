"""Functions by which workers rebuild model and samples of a run from their specs."""

from collections.abc import Mapping
from typing import Any

from advkit.api.request import load_both, pick_device
from advkit.data.samples import Samples, taken_relative
from advkit.evaluate.attack_plan import banded, planned
from advkit.evaluate.unit_runner import bench
from advkit.evaluate.units import Do
from advkit.models.classifier import Classifier
from advkit.models.load_policy import unsafe_loads_allowed


def audit_worker(recipe: Mapping[str, Any]) -> Do:
    """Return the function that does units of an audit."""
    samples, model = _both(recipe)
    return bench(model, samples, recipe)


def attack_worker(recipe: Mapping[str, Any]) -> Do:
    """Return the function that does units of one attack, with its wrappers."""
    samples, model = _both(recipe)
    plan = banded(planned(**recipe["plan"]), recipe["band"], samples.rate)
    return bench(model, samples, recipe, lambda _label: plan.member)


def _both(recipe: Mapping[str, Any]) -> tuple[Samples, Classifier]:
    load = {**recipe["load"], "device": pick_device(recipe["load"]["device"])}
    with unsafe_loads_allowed(recipe["unsafe"]):
        samples, model = load_both(**load)
    return taken_relative(samples) if recipe["relative"] else samples, model
