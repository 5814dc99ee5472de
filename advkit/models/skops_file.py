"""Estimators of scikit-learn in skops files, whose types are checked before loading."""

from collections.abc import Sequence

from advkit.errors import InputError, UnsafeError
from advkit.models.classifier import Classifier
from advkit.models.extras import extra
from advkit.models.load_policy import is_allowed

PLAIN = frozenset(
    f"sklearn.neural_network._stochastic_optimizers.{name}"
    for name in ("AdamOptimizer", "SGDOptimizer")
)
"""Types that skops does not list, but that hold only numbers: every MLP has one. Trees do not
belong here: their compiled code uses indices in the file unchecked."""


def skops_classifier(
    data: bytes, path: str, *, name: str, classes: Sequence[str] | None = None
) -> Classifier:
    """Return the classifier in a skops file with the content ``data``.

    Raises UnsafeError for types that skops does not know to be harmless, InputError.
    """
    from advkit.models.scikit import from_estimator

    skops = extra("skops.io", of="sklearn", by=path)
    try:
        asked = skops.get_untrusted_types(data=data)
        unknown = [kind for kind in asked if kind not in PLAIN]
        if unknown and not is_allowed(data):
            raise UnsafeError(
                f"{path} holds types that could run code: {', '.join(unknown[:5])}; it was not "
                "opened",
                f"if you trust who made it: advkit trust add {path}, or --allow-unsafe-load",
            )
        estimator = skops.loads(data, trusted=asked)
    except UnsafeError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a readable skops file: {told}") from error
    return from_estimator(estimator, name=name, classes=classes)
