"""The decision boundaries around a point, each replaced by its tangent plane."""

import torch
from torch import Tensor

from advkit.engine import NORMS, Objective, Point
from advkit.engine.objectives import Model, likeliest, margins


def differences(model: Model, y: Tensor, targets: Tensor | None, count: int) -> Objective:
    """Return the logits of the ``count`` likeliest other classes minus that of ``y``, (n, k).

    The likeliest are determined anew at every input and sorted by descending logit, so that the
    first value is the margin; k = min(count, classes - 1). With ``targets`` only the margin is
    returned, (n, 1).
    """

    def untargeted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return logits.gather(1, likeliest(logits, y)[:, :count]) - logits.gather(
            1, y[:, None]
        ), logits

    def targeted(x: Tensor, y: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(x)
        return margins(logits, y, targets)[:, None], logits

    return Objective(untargeted, (y,)) if targets is None else Objective(targeted, (y, targets))


def nearest_boundary(norm: str, point: Point) -> tuple[Tensor, Tensor]:
    """Return value (n,) and slope (n, ...) of the value in (n, k) with the nearest plane.

    A value with zero slope has no plane.
    """
    steepness = NORMS[norm].dual(point.gradient.flatten(0, 1)).view_as(point.value)
    distance = (point.value.abs() / steepness).nan_to_num(torch.inf)
    row, nearest = torch.arange(len(distance), device=distance.device), distance.argmin(1)
    return point.value[row, nearest], point.gradient[row, nearest]
