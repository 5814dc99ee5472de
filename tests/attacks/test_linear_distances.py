"""Exact distances of linear models compared with independent solvers."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, nnls

from advkit.attacks import linear_distances
from advkit.attacks.linear_distances import exact_nearest, worst_margin
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.errors import UsageError

SIZE = 6
each_norm = pytest.mark.parametrize("norm", ["Linf", "L2", "L1", "L0"])
each_box = pytest.mark.parametrize("box", [True, False], ids=["box", "free"])


def problem(seed: int, classes: int, n: int = 1):
    """Return a random model and images that it is sure of, many of their entries at the walls."""
    g = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, SIZE, generator=g).double()
    x = torch.rand(n, SIZE, generator=g).double()
    x = x.where(x < 0.6, 1.0).where(x > 0.4, 0.0)
    bias = 0.3 * torch.randn(classes, generator=g).double() - weight.sum(1) / 2
    bias[(x @ weight.T + bias).argmax(1)[0]] += 1.5
    return weight, bias, x, (x @ weight.T + bias).argmax(1)


def by_program(norm, x, slopes, gains, box):
    """Return the least size of a move, by a general solver over (u, t): |u - x| <= t."""
    d, eye = len(x), np.eye(len(x))
    extra = np.ones((d, 1)) if norm == "Linf" else eye
    sides = [(0, 1) if box else (None, None)] * d
    found = linprog(
        np.r_[np.zeros(d), np.ones(extra.shape[1])],
        A_ub=np.block([[eye, -extra], [-eye, -extra],
                       [-slopes, np.zeros((len(gains), extra.shape[1]))]]),
        b_ub=np.r_[x, -x, -gains - slopes @ x],
        bounds=sides + [(0, None)] * extra.shape[1],
    )  # fmt: skip
    return found.fun if found.success else np.inf


def by_quadratic_program(x, slopes, gains, box):
    """Return the least |z|: G z >= h, by non-negative least squares (Lawson and Hanson 1974)."""
    eye = np.eye(len(x))
    g = np.vstack([slopes, eye, -eye]) if box else slopes
    h = np.r_[gains, -x, x - 1] if box else gains
    goal = np.r_[np.zeros(len(x)), 1.0]
    system = np.vstack([g.T, h])
    left = system @ nnls(system, goal, maxiter=1000)[0] - goal
    if np.linalg.norm(left) < 1e-7:
        return np.inf
    return np.linalg.norm(left[:-1] / left[-1])


def by_trying_all_sets(x, slopes, gains, box):
    """Return the smallest number of entries whose moving is enough."""
    for size in range(len(x) + 1):
        for kept in map(list, combinations(range(len(x)), size)):
            if box and len(gains) == 1:  # the most that this set can gain is plain
                most = np.maximum(slopes[0] * (1 - x), -slopes[0] * x)[kept].sum()
                if most >= gains[0]:
                    return size
                continue
            sides = np.c_[-x, 1 - x][kept] if box else [(None, None)] * size
            if not size:
                if (gains <= 0).all():
                    return 0
            elif linprog(np.zeros(size), A_ub=-slopes[:, kept], b_ub=-gains, bounds=sides).success:
                return size
    return np.inf


def by_solver(norm, x, slopes, gains, box):
    if norm == "L2":
        return by_quadratic_program(x, slopes, gains, box)
    return (by_trying_all_sets if norm == "L0" else lambda *a: by_program(norm, *a))(
        x, slopes, gains, box
    )


def constraints(weight, bias, x, y, target=None):
    """Return what must be gained, by whom: a list of problems, of which one must be solved."""
    logits = (weight @ x + bias).numpy()
    weight, k = weight.numpy(), len(bias)
    if target is None:
        return [(weight[[t]] - weight[y], logits[[y]] - logits[t]) for t in range(k) if t != y]
    rest = [t for t in range(k) if t != target]
    return [(weight[target] - weight[rest], logits[rest] - logits[target])]


@each_norm
@each_box
def test_100_random_models_against_general_solvers(norm: str, box: bool) -> None:
    cut = 0
    for seed in range(100):
        weight, bias, x, y = problem(seed, classes=2 + seed % 3)
        found = exact_nearest(weight, bias, x, y, norm, box=box)
        free = exact_nearest(weight, bias, x, y, norm, box=False)
        cut += bool(found.distance > free.distance + 1e-9)
        wanted = min(by_solver(norm, x[0].numpy(), *one, box)
                     for one in constraints(weight, bias, x[0], int(y)))  # fmt: skip
        assert found.distance.item() == pytest.approx(wanted, rel=1e-6, abs=1e-6), seed
        if np.isfinite(wanted):
            over = margins(found.x @ weight.T + bias, y)
            assert over.item() >= -1e-9
            assert NORMS[norm].size(found.x - x).item() == pytest.approx(wanted, rel=1e-6)
    assert cut >= 50 or not box, "the box must be in the way of half of them"


@each_norm
def test_to_a_target_every_other_class_must_be_passed(norm: str) -> None:
    cut = 0
    for seed in range(50):
        weight, bias, x, y = problem(seed, classes=3 + seed % 3)
        target = (y + 1) % len(bias)
        found = exact_nearest(weight, bias, x, y, norm, targets=target)
        (one,) = constraints(weight, bias, x[0], int(y), int(target))
        wanted = by_solver(norm, x[0].numpy(), *one, True)
        assert found.distance.item() == pytest.approx(wanted, rel=1e-6, abs=1e-6), seed
        if np.isfinite(wanted):
            assert margins(found.x @ weight.T + bias, y, target).item() >= -1e-6
        free = exact_nearest(weight, bias, x, y, norm, targets=target, box=False)
        assert free.distance.item() == pytest.approx(
            by_solver(norm, x[0].numpy(), *one, False), rel=1e-6, abs=1e-6
        )
        assert margins(free.x @ weight.T + bias, y, target).item() >= -1e-6
        cut += bool(found.distance > free.distance + 1e-9)
    assert cut >= 25


@each_norm
def test_a_target_of_two_classes_is_the_other_class(norm: str) -> None:
    weight, bias, x, y = problem(3, 2, n=20)
    plain = exact_nearest(weight, bias, x, y, norm)
    aimed = exact_nearest(weight, bias, x, y, norm, targets=1 - y)
    assert torch.equal(plain.distance, aimed.distance)
    assert torch.equal(plain.x, aimed.x)


def test_what_is_read_so_already_is_at_distance_0_and_what_the_box_forbids_at_infinity() -> None:
    weight, bias, x, y = problem(5, 3, n=8)
    wrong = (y + 1) % 3
    assert (exact_nearest(weight, bias, x, wrong, "L2").distance == 0).all()
    assert (exact_nearest(weight, bias, x, y, "L2", targets=y).distance == 0).all()
    sure = bias + 100.0 * torch.eye(3)[0]
    for targets in (None, torch.ones_like(y)):
        found = exact_nearest(weight, sure, x, torch.zeros_like(y), "L1", targets=targets)
        assert found.distance.isinf().all()


def test_it_is_the_same_however_little_is_held_at_once(monkeypatch) -> None:
    weight, bias, x, y = problem(7, 4, n=13)
    whole = exact_nearest(weight, bias, x, y, "L2"), worst_margin(weight, bias, x, y, 0.1, "L2")
    monkeypatch.setattr(linear_distances, "NUMBERS", 5 * weight.numel())
    parts = exact_nearest(weight, bias, x, y, "L2"), worst_margin(weight, bias, x, y, 0.1, "L2")
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=0)
    assert exact_nearest(weight, bias, x[:0], y[:0], "L2").x.shape == (0, SIZE)
    assert len(worst_margin(weight, bias, x[:0], y[:0], 0.1, "L2")) == 0


def test_l0_to_a_target_without_the_box_takes_as_many_entries_as_it_must() -> None:
    """Entry i moves logit i alone, and the target's by nothing: each other class takes its own."""
    weight = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    weight = torch.nn.functional.pad(weight, (0, 3))
    x, bias = torch.zeros(1, 7, dtype=torch.float64), torch.tensor([0.0, 1.0, 2.0, 3.0]).double()
    y, target = torch.tensor([3]), torch.tensor([0])
    found = exact_nearest(weight, bias, x, y, "L0", targets=target, box=False)
    assert found.distance.tolist() == [3.0]
    assert found.x.tolist() == [[0.0, -1.0, -2.0, -3.0, 0.0, 0.0, 0.0]]
    shut = exact_nearest(0 * weight, bias, x, y, "L0", targets=target, box=False)
    assert shut.distance.isinf().all()


def test_l0_without_the_box_that_would_take_too_long_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("advkit.attacks.linear_fewest.MOST", 0)
    weight, bias, x, y = problem(5, 4)
    with pytest.raises(UsageError, match="too many sets"):
        exact_nearest(weight, bias, x, y, "L0", targets=(y + 1) % 4, box=False)


@each_norm
def test_certificates_turn_exactly_at_the_distance(norm: str) -> None:
    weight, bias, x, y = problem(11, 4, n=60)
    found = exact_nearest(weight, bias, x, y, norm)
    for i in found.distance.isfinite().nonzero()[:, 0].tolist():
        far = found.distance[i].item()
        below, above = (far - 1, far) if norm == "L0" else (0.9999 * far, 1.0001 * far)
        row = slice(i, i + 1)
        assert worst_margin(weight, bias, x[row], y[row], below, norm).item() < 0
        assert worst_margin(weight, bias, x[row], y[row], above, norm).item() >= -1e-9
