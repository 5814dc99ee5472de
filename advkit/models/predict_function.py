"""``predict:./file.py:function``: any function of arrays as a black box."""

import inspect
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from advkit.errors import InputError, UsageError
from advkit.models.black_box import Ask, BlackBox
from advkit.models.classifier import Classifier
from advkit.models.user_code import found_in, told
from advkit.spec_text import Spec, only, whole

OPTIONS = ("output", "n_classes", "layout")


def predict_function(spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return the classifier defined by a function of the user's.

    It takes float32 (n, channels, height, width) in [0, 1], or with ``layout=hwc`` the channels
    last; it returns scores (n, K), with ``output=probabilities`` probabilities, with
    ``output=labels`` labels (n,) of ``n_classes``. Raises UsageError, InputError.
    """
    only(spec, OPTIONS)
    place, colon, name = spec.ref.rpartition(":")
    if not colon:
        raise UsageError(f"{spec.text!r} names no function", "predict:./file.py:function")
    function = found_in(place, name)
    n_classes = whole(spec, "n_classes", len(classes or ()))
    box = BlackBox(
        _asked(function, spec), stamp_of(function), output=spec.query.get("output", "logits"),
        n_classes=n_classes, name=spec.text,
    )  # fmt: skip
    return Classifier(box, name=spec.text, classes=classes)


def stamp_of(function: Any) -> bytes:
    """Return a digest of the function's file, which a resumed run compares."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(function)) or ""
        return sha256(Path(file).read_bytes()).digest()
    except (OSError, TypeError):
        return sha256(repr(getattr(function, "__qualname__", type(function))).encode()).digest()


def _asked(function: Any, spec: Spec) -> Ask:
    layout = spec.query.get("layout", "chw")
    if layout not in ("chw", "hwc"):
        raise UsageError(f"{spec.text!r}: layout={layout}", "chw or hwc")

    def ask(x: Any) -> Any:
        given = np.moveaxis(x, 1, -1) if layout == "hwc" else x
        try:
            return function(given)
        except Exception as error:
            raise InputError(f"{spec.text} raised {told(error)}") from error

    return ask
