"""The one judge. It recomputes everything from the example as it will be saved."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from advkit.engine import NORMS
from advkit.engine.objectives import Model, margins
from advkit.norm_names import norm_named

ROUNDING = 2.0**-24  # how far float32 may move a pixel of [0, 1]


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
    summed in float64), ``right`` (margin < 0), ``fooled`` (margin > 0: a tie is neither, nor are
    logits that are not finite, whose margin is NaN; with ``targets`` (n,), only where the logit of
    the target is the highest), ``valid`` (finite, in the box [0, 1], and no further than ``eps``
    but for float32 rounding). Sizes and ``eps`` are told in ``units``, where there are any: by norm
    how much in ``x`` counts as 1, (n,).

    >>> model, images = advkit.load_model("bundled:digits-cnn"), advkit.load_data("bundled:digits")
    >>> x, y = images.x[:10], images.y[:10]
    >>> x_adv = advkit.attacks.pgd(model, x, y, eps=0.2, norm="Linf", steps=10)
    >>> table = advkit.measure(model, x, y, x_adv, norm="Linf", eps=0.2)
    >>> int(table["fooled"].sum()), bool(table["valid"].all())
    (8, True)
    """
    norm, x, x_adv = norm_named(norm), x.float(), x_adv.float()
    logits = model(x_adv).float()
    confidence, prediction = logits.softmax(1).max(1)
    delta = x_adv.double() - x.double()
    sizes = {name: geometry.size(delta) for name, geometry in NORMS.items()}
    for name, unit in (units or {}).items():
        if unit is not None:
            sizes[name] = sizes[name] / unit.double()
    inside = ((x_adv >= 0) & (x_adv <= 1)).flatten(1).all(1)  # NaN is not inside
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


def slack(norm: str, x: Tensor, unit: Tensor | None = None) -> float:
    """Return by how much float32 rounding of every pixel may lengthen a perturbation of ``x``.

    At most, where what counts as 1 (``unit``) differs between samples.
    """
    if norm == "L0":
        return 0.0
    most = float(NORMS[norm].size(torch.full_like(x[:1], ROUNDING, dtype=torch.float64)))
    return most if unit is None or not len(unit) else most / float(unit.min())
