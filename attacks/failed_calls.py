"""Explanations of a failed call of an attack: invalid model, labels or numbers."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from advkit.engine.objectives import Model
from advkit.errors import UsageError
from advkit.models.net_checks import described, where_logits_are


def wrong(message: str, hint: str) -> UsageError:
    """Return the error for an invalid argument."""
    return UsageError(message, hint, code="E203")


def check_highest(name: str, what: str, y: Tensor, classes: int) -> None:
    """Raise UsageError for a label beyond the ``classes`` of the model, if these are known."""
    if classes and len(y) and y.max() >= classes:
        raise wrong(
            f"{name}: {what} holds {int(y.max())}, but the model has {classes} classes",
            f"classes are numbered from 0 to {classes - 1}",
        )


def explain(
    name: str, model: Model, x: Tensor, labels: Mapping[str, Tensor | None], error: Exception
) -> None:
    """Raise UsageError if ``error`` is due to an invalid model or labels."""
    kinds = {each.dtype for each in model.parameters()} if isinstance(model, nn.Module) else set()
    if "dtype" in str(error) or "type (" in str(error):
        told = ", ".join(sorted(str(kind) for kind in kinds))
        if kinds and x.dtype not in kinds:
            hint = "bring one to the type of the other, such as x.float()"
            raise wrong(f"{name}: x holds {x.dtype}, the weights are {told}", hint) from error
    try:
        with torch.no_grad():
            logits = model(x[:1])
    except Exception:  # the model's own error is more precise
        return
    if not isinstance(logits, Tensor):
        raise wrong(
            f"{name}: the model returns {described(logits)}, not one tensor of logits",
            f"wrap it in a module that returns the logits alone{where_logits_are(logits)}",
        ) from error
    if "out of bounds" not in str(error):
        return
    if logits.ndim < 2 or logits.shape[-1] < 2:
        raise wrong(f"{name}: the model gives one number per sample, not one per class",
                    "return both logits, such as torch.cat([-s, s], 1) / 2") from error  # fmt: skip
    for what, y in labels.items():
        try:
            check_highest(name, what, x.new_zeros(0) if y is None else y, logits.shape[-1])
        except UsageError as found:
            raise found from error
