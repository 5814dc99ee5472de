import pytest
import torch
from torch import Tensor, nn

from advkit.engine import NORMS, Objective, Point, ascend, best, last, metered, nearest, rows, take
from advkit.engine.objectives import margin, margins
from advkit.engine.rules import adam, ball, box, momentum, steepest, within

N, SIZE = 8, 6


def model() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(SIZE, 12), nn.Tanh(), nn.Linear(12, 3)).double()


X = torch.rand(N, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
RADIUS = torch.linspace(0.02, 0.6, N, dtype=torch.float64)


def rule():
    inner = momentum(steepest(NORMS["Linf"].steepest, 0.1 * RADIUS), 0.5, NORMS["L1"].size)
    return within(inner, ball(NORMS["Linf"], X, RADIUS))


def test_yields_the_start_and_a_point_per_move_and_pays_exactly_that() -> None:
    net = model()
    y = net(X).argmax(1)
    with metered(net) as meter:
        points = list(ascend(margin(net, y), X, rule(), 5))
    assert len(points) == 6
    assert torch.equal(points[0].x, X)
    assert (meter.forwards, meter.backwards) == (6 * N, 5 * N)
    assert points[-1].gradient.count_nonzero() == 0


def test_leaving_samples_change_nothing_for_those_that_stay() -> None:
    net = model()
    y = net(X).argmax(1)

    def fooled(point: Point) -> Tensor:
        return margins(point.output, y[point.which]) > 0

    whole = list(ascend(margin(net, y), X, rule(), 20))
    left = list(ascend(margin(net, y), X, rule(), 20, fooled))
    assert len(left[-1].which) < N, "nobody left: the test shows nothing"
    for a, b in zip(whole, left, strict=False):
        torch.testing.assert_close(b.x, a.x[b.which])
    counts = [len(p.which) for p in left]
    assert counts == sorted(counts, reverse=True)


def test_ends_when_everybody_left() -> None:
    objective = Objective(lambda x: (x.sum(1), x))
    points = list(ascend(objective, X, adam(0.1), 50, lambda p: p.value > -1))
    assert len(points) == 1


def test_folds() -> None:
    objective = Objective(lambda x: (-(x - 0.29).square().sum(1), x))
    walk = list(
        ascend(objective, torch.zeros(2, 1), steepest(torch.sign, torch.full((2,), 0.2)), 3)
    )
    assert last(walk).flatten().tolist() == pytest.approx([0.2, 0.2])
    x, top = best(walk, lambda p: p.value)
    assert x[0].item() == pytest.approx(0.2)
    assert top[0].item() == pytest.approx(-0.0081)
    found, size = nearest(walk, torch.zeros(2, 1), NORMS["L2"], lambda p: p.x[:, 0] > 0.3)
    assert found.flatten().tolist() == pytest.approx([0.4, 0.4])
    assert size.tolist() == pytest.approx([0.4, 0.4])
    _, never = nearest(walk, torch.zeros(2, 1), NORMS["L2"], lambda p: p.x[:, 0] > 9)
    assert torch.isinf(never).all()


def test_a_score_of_nan_never_wins() -> None:
    points = [
        Point(torch.full((1, 1), float(i)), v, v, v, torch.tensor([0]))
        for i, v in enumerate(
            (torch.tensor([torch.nan]), torch.tensor([1.0]), torch.tensor([torch.nan]))
        )
    ]
    x, top = best(points, lambda p: p.value)
    assert (x.item(), top.item()) == (1.0, 1.0)


def test_take_narrows_every_tensor_and_leaves_numbers_alone() -> None:
    tree = (3, (X, None), Objective(torch.sin, (RADIUS,)))
    index = torch.tensor([5, 1])
    count, (x, none), objective = take(tree, index)
    assert count == 3
    assert none is None
    assert torch.equal(x, X[index])
    assert torch.equal(objective.fixed[0], RADIUS[index])


def test_adam_is_that_of_torch() -> None:
    start = torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    objective = Objective(lambda x: ((x.sin() * 3 - x.square()).sum(1), x))
    ours = last(ascend(objective, start, adam(0.05), 30))
    theirs = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([theirs], lr=0.05, maximize=True)
    for _ in range(30):
        optimiser.zero_grad()
        objective(theirs)[0].sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_box_and_rows() -> None:
    rule = within(steepest(torch.sign, torch.full((2,), 5.0)), box())
    objective = Objective(lambda x: (x.sum((1, 2)), x))
    assert last(ascend(objective, torch.rand(2, 3, 3), rule, 1)).eq(1).all()
    assert rows(torch.ones(2), torch.ones(2, 3, 4)).shape == (2, 1, 1)
