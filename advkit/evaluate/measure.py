"""The judge: recomputes predictions and sizes from each example as it is saved."""

from collections.abc import Mapping
from numbers import Real

import pandas as pd
import torch
from torch import Tensor

from advkit.attacks.checked_calls import check_labels, check_model
from advkit.attacks.failed_calls import check_highest, wrong
from advkit.engine import NORMS
from advkit.engine.objectives import Model, margins
from advkit.norm_names import norm_named

ROUNDING = 2.0**-24  # by how much float32 may move a pixel of [0, 1]


@torch.no_grad()
def measure(
    model: Model,
    x: Tensor,
    y: Tensor,
    x_adv: Tensor,
    *,
    norm: str,
    eps: float,
    targets: Tensor | None = None,
    units: Mapping[str, Tensor | None] | None = None,
) -> pd.DataFrame:
    """Return one row per sample for examples ``x_adv`` of images ``x`` (n, ...), both float32.

    Columns: ``prediction``, ``confidence`` (softmax of the prediction), ``margin`` (best other
    logit minus that of the label), ``L0`` (entries), ``L1``, ``L2``, ``Linf`` (sizes of x_adv - x,
    summed in float64), ``right`` (margin < 0), ``fooled`` (margin > 0; with ``targets`` (n,), only
    if the logit of the target is the highest), ``valid`` (finite, in the box [0, 1], and no further
    than ``eps`` up to float32 rounding). A tie is neither right nor fooled, nor are logits that are
    not finite, whose margin is NaN. Sizes and ``eps`` are in ``units``, if given: by norm the
    amount of ``x`` that counts as 1, (n,). Raises UsageError for input that cannot be measured.

    >>> model, images = advkit.load_model("bundled:digits-cnn"), advkit.load_data("bundled:digits")
    >>> x, y = images.x[:10], images.y[:10]
    >>> x_adv = advkit.attacks.pgd(model, x, y, eps=0.2, norm="Linf", steps=10)
    >>> table = advkit.measure(model, x, y, x_adv, norm="Linf", eps=0.2)
    >>> int(table["fooled"].sum()), bool(table["valid"].all())
    (8, True)
    """
    _check(model, x, y, x_adv, eps, targets)
    norm, x, x_adv, y = norm_named(norm), x.float(), x_adv.float(), y.long()
    logits = model(x_adv).float()
    check_highest("measure", "y", y, logits.shape[-1])
    confidence, prediction = logits.softmax(1).max(1)
    delta = x_adv.double() - x.double()
    sizes = {name: geometry.size(delta) for name, geometry in NORMS.items()}
    for name, unit in (units or {}).items():
        if unit is not None:
            sizes[name] = sizes[name] / unit.double()
    inside = ((x_adv >= 0) & (x_adv <= 1)).flatten(1).all(1)  # comparisons with NaN are false
    room = eps * (1 + 1e-6) + slack(norm, x, (units or {}).get(norm))
    finite = logits.isfinite().all(1)
    over = margins(logits, y).where(finite, torch.nan)
    reached = over if targets is None else margins(logits, y, targets).where(finite, torch.nan)
    columns = {
        "label": y,
        "prediction": prediction,
        "confidence": confidence,
        "margin": over,
        **sizes,
        "right": over < 0,
        "fooled": reached > 0,
        "valid": inside & (sizes[norm] <= room),
    }
    return pd.DataFrame({name: column.cpu().numpy() for name, column in columns.items()})


def _check(model: Model, x: object, y: object, x_adv: object, eps: object, targets: object) -> None:
    check_model("measure", model)
    for name, images in (("x", x), ("x_adv", x_adv)):
        if not isinstance(images, Tensor):
            hint = f"give a tensor: torch.from_numpy({name})"
            raise wrong(f"measure: {name} is a {type(images).__name__}", hint)
    if x.shape != x_adv.shape:  # type: ignore[attr-defined]
        shapes = (tuple(each.shape) for each in (x, x_adv))  # type: ignore[attr-defined]
        told = " and x_adv ".join(map(str, shapes))
        raise wrong(f"measure: x has the shape {told}", "one example per image, in the same order")
    check_labels("measure", model, "y", y, len(x))  # type: ignore[arg-type]
    check_labels("measure", model, "targets", targets, len(x))  # type: ignore[arg-type]
    if not isinstance(eps, Tensor) and not (isinstance(eps, Real) and float(eps) >= 0):
        raise wrong(f"measure: eps={eps!r} is not a radius", "a number, 0 or more: 8 / 255")


def slack(norm: str, x: Tensor, unit: Tensor | None = None) -> float:
    """Return by how much float32 rounding of pixels may lengthen a perturbation of ``x``.

    The maximum over samples if ``unit``, the amount that counts as 1, differs between them.
    """
    if norm == "L0":
        return 0.0
    most = float(NORMS[norm].size(torch.full_like(x[:1], ROUNDING, dtype=torch.float64)))
    return most if unit is None or not len(unit) else most / float(unit.min())
