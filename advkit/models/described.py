"""Weights files that describe themselves, as `advkit train` writes them."""

from typing import Any, NamedTuple

from advkit.errors import InputError
from advkit.models.classifier import Classifier
from advkit.models.nets import build
from advkit.models.weights_file import Weights, fill
from advkit.spec_text import parse_spec


class _About(NamedTuple):
    arch: str
    shape: tuple[int, ...]
    n_classes: int
    options: dict[str, Any]
    classes: list[str] | None
    mean: list[float] | None
    std: list[float] | None


def load_described(weights: Weights, path: str, name: str, arch: str | None) -> Classifier:
    """Return the classifier in ``weights``, which were read from ``path`` and describe themselves.

    ``arch`` is the architecture that the user gave, if any. Raises InputError, UnsafeError.
    """
    about = _about(path, weights.about or {})
    if arch is not None and parse_spec(arch).ref != about.arch:
        raise InputError(
            f"{path} holds a {about.arch}, not a {arch}", "leave --arch out", code="E303"
        )
    net = build(about.arch, shape=about.shape, n_classes=about.n_classes, **about.options)
    fill(net, weights.tensors, path)
    classifier = Classifier(
        net.eval(),
        name=name,
        classes=about.classes,
        mean=about.mean,
        std=about.std,
        shape=about.shape,
    )
    classifier.n_classes = about.n_classes
    return classifier


def _about(path: str, about: dict[str, Any]) -> _About:
    try:
        return _About(
            str(about["arch"]),
            tuple(int(n) for n in about["shape"]),
            int(about["n_classes"]),
            dict(about.get("options") or {}),
            about.get("classes"),
            about.get("mean"),
            about.get("std"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} has an 'advkit' entry in its header that cannot be used: {error!r}",
            "train or save it again",
            code="E302",
        ) from error
