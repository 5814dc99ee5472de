"""The decision boundaries around a point, each replaced by its tangent plane."""

import torch
from torch import Tensor

from advkit.engine import NORMS, Objective, Point
from advkit.engine.objectives import Model, likeliest, margins


def differences(model: Model, y: Tensor, targets: Tensor | None, count: int) -> Objective:
    """Return how far the ``count`` likeliest other classes are above ``y``, values (n, k).

    The likeliest are looked up at every input anew and stand by falling logit, so that the first
    value is the margin. There are k = min(count, classes - 1) of them. With ``targets`` the margin
    alone is returned, (n, 1).
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
    """Return value (n,) and slope (n, ...) of that of the values (n, k) whose plane is nearest.

    A value whose slope is zero has no plane.
    """
    steepness = NORMS[norm].dual(point.gradient.flatten(0, 1)).view_as(point.value)
    distance = (point.value.abs() / steepness).nan_to_num(torch.inf)
    row, nearest = torch.arange(len(distance), device=distance.device), distance.argmin(1)
    return point.value[row, nearest], point.gradient[row, nearest]
