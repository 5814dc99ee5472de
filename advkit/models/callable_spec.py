"""Models from the user's code: ``package.module:callable?key=value``, ``./file.py:callable``."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.schemes import SCHEMES
from advkit.models.user_code import call_in, is_estimator
from advkit.spec_text import Spec, literal, numbers


def called(spec: Spec) -> Any:
    """Return the module or estimator that ``spec`` returns; raises UsageError, InputError."""
    options = {k: literal(v) for k, v in spec.query.items() if k not in ("mean", "std")}
    top = spec.scheme.partition(".")[0]
    if top == spec.scheme and find_spec(top) is None:
        raise UnknownNameError(
            f"the model {spec.text!r} has an unknown scheme, and there is no module {top!r}",
            did_you_mean(top, SCHEMES),
        )
    return call_in(spec.scheme, spec.ref, options)


def wrapped(net: Any, spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return ``net``, a module or an estimator, as a classifier with the mean and std of ``spec``.

    Raises UsageError, InputError.
    """
    mean, std = numbers(spec, "mean"), numbers(spec, "std")
    if is_estimator(net):
        from advkit.models.scikit import from_estimator

        net = from_estimator(net, name=spec.text, classes=classes)
    if not isinstance(net, Classifier):
        return Classifier(net, name=spec.text, classes=classes, mean=mean, std=std)
    if mean or std:
        raise UsageError(
            f"{spec.text!r} gives a Classifier, which has its own normalisation",
            "leave mean and std out",
            code="E210",
        )
    return net
