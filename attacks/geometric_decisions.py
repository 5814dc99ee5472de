"""GeoDA: estimate the normal of the boundary, move from the image along it, repeat."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.boundary_normal import Survey, normal_at, survey
from advkit.attacks.counted_queries import Hunt, hunt_for, pursue, scouted, shrink
from advkit.attacks.minimum import Nearest, within
from advkit.attacks.starting_points import with_start
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys

HALVINGS = 12


class _Walk(NamedTuple):
    point: Tensor
    view: Survey
    memory: Tensor
    probes: float


def geoda(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    queries: int = 5000,
    probes: int = 60,
    growth: float = 1.4,
    memory: float = 1.0,
    reach: float = 0.05,
    frequencies: int = 0,
    scouts: int = 0,
) -> Tensor:
    """Return the nearest adversarial example of ``queries`` (GeoDA, Rahmati et al. 2020).

    The boundary is assumed to be flat around the image. Its normal is estimated at a boundary point
    from ``probes`` directions at first and ``growth`` times more at each move, as in `hopskipjump`,
    and averaged with the last estimate weighted by ``memory``. Then the boundary point along the
    steepest direction of the norm from the image itself is searched for, and the normal is
    estimated again there. ``reach``, ``frequencies`` and ``scouts`` are those of `hopskipjump`.

    Knows: decisions
    Cost: queries forward, 0 backward
    Use: a second opinion beside `hopskipjump`; often nearer with few queries.
    Fails: where the boundary is curved; where the decision is random.
    Paper: Rahmati et al. 2020, arXiv:2003.06468
    """
    if not len(x):
        return x

    def move(hunt: Hunt, walk: _Walk) -> tuple[Hunt, _Walk]:
        hunt, normal, view = normal_at(
            model, norm, hunt, walk.point, walk.view, int(walk.probes), HALVINGS + 1
        )
        normal = (
            normal / rows(NORMS["L2"].size(walk.point - hunt.x) * reach, normal)
            + memory * walk.memory
        )
        distance = NORMS[norm].size(walk.point - hunt.x)
        step = NORMS[norm].steepest(normal)
        far = (hunt.x + rows(4 * distance, step) * step)[:, None]
        going = torch.ones_like(far.flatten(1)[:, :1], dtype=torch.bool)
        hunt, place, found = shrink(model, norm, hunt, far, going, 2 * distance, HALVINGS)
        point = torch.where(rows(found, place), place, walk.point)
        return hunt, _Walk(point, view, normal, walk.probes * growth)

    def walk_of(hunt: Hunt, number: int) -> Nearest:
        stream = keys(seed, ids, x, "geoda", number)
        hunt = with_start(model, norm, hunt, stream)
        view = survey(stream, x, reach, frequencies, queries, tangential=False)
        return pursue(hunt, _Walk(hunt.best, view, torch.zeros_like(x), probes), move)

    hunt = hunt_for(x, y, targets, eps, queries)
    return within(scouted(hunt, walk_of, scouts or queries // 1500, 250), x, eps)
