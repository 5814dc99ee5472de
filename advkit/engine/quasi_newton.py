"""L-BFGS with a line search for the strong Wolfe conditions, as a generator of points."""

from collections.abc import Iterator

import torch
from torch import Tensor

from advkit.engine.gradient import Objective, Point, evaluate


def lbfgs(
    objective: Objective, x: Tensor, steps: int, *, passes: int = 0, history: int = 10
) -> Iterator[Point]:
    """Yield the start and the point after each of ``steps`` ascent steps from ``x`` (1, ...).

    One image at a time, as each has its own curvature. With ``passes`` the run ends after so many
    evaluations; it ends early if it cannot rise further (Liu and Nocedal 1989).
    """
    place = x.detach().clone().requires_grad_(True)
    solver = torch.optim.LBFGS([place], lr=1, max_iter=1, max_eval=25, history_size=history,
                               tolerance_grad=0, tolerance_change=0,
                               line_search_fn="strong_wolfe")  # fmt: skip
    known: list[Point] = []
    paid = 0

    def ask() -> Point:
        nonlocal paid
        for point in known:
            if torch.equal(point.x, place.detach()):
                return point
        paid += 1
        known.append(evaluate(objective, place.detach().clone()))
        del known[:-30]
        return known[-1]

    def closure() -> Tensor:
        point = ask()
        place.grad = -point.gradient
        return -point.value.sum()

    yield ask()
    for _ in range(steps):
        before = ask()
        solver.step(closure)  # type: ignore[no-untyped-call]
        after = ask()
        if torch.equal(before.x, after.x) or not after.value.isfinite().all():
            return
        del known[:-1]
        if after is not known[-1]:
            known.append(after)
        yield after
        if passes and paid >= passes:
            return
