"""Fixed-budget attacks compared with slower references, and on nets that reveal small errors."""

import math

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.attacks.auto_pgd_l1 import walk_back
from advkit.attacks.projected_gradient import course, pgd
from advkit.attacks.walks import random_start
from advkit.engine import NORMS, Objective, evaluate, metered
from advkit.engine.objectives import margins, probability_margin
from advkit.engine.seeding import keys
from advkit.models.classifier import Classifier
from tests.attacks.problems import Sure, cnn, images
from tests.attacks.subjects import CARDS

X = torch.rand(6, 1, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
MODEL = cnn().double()
Y = MODEL(X).argmax(1)
EPS = {"Linf": 0.02, "L2": 0.15}
WALKS = [("bim", 0.0), ("mifgsm", 1.0), ("mifgsm", 0.5)]


def slope_of(value: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(value, x)[0]


def strongest(walk: list[Tensor], y: Tensor, x: Tensor) -> Tensor:
    """Return the first fooling point, else that of highest margin."""
    over = [float(margins(MODEL(p[None]), y[None])) for p in walk]
    first = next((p for p, m in zip(walk, over, strict=True) if m > 0), None)
    return walk[over.index(max(over))] if first is None else first


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.02), ("L2", 0.4), ("L1", 3.0)])
def test_a_course_is_one_walk_that_is_what_walks_of_each_length_find(norm: str, eps: float) -> None:
    marks, who = (1, 4, 9), {"seed": 3, "ids": list("abcdef")}
    model = cnn().double()
    with metered(model) as meter:
        found = course(model, X, Y, eps=eps, norm=norm, marks=marks, **who)  # type: ignore[arg-type]
    assert meter.forwards <= 6 * 10
    for steps, points in zip(marks, found, strict=True):
        alone = pgd(model, X, Y, eps=eps, norm=norm, steps=steps, loss="margin", **who)  # type: ignore[arg-type]
        assert points.equal(alone)
    fooled = margins(model(found[-1]), Y) > 0
    assert fooled.any() or norm == "Linf"
    assert not (found[0] == found[-1]).all()


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize(("name", "decay"), WALKS)
def test_iterative_methods_are_their_formula(name: str, decay: float, norm: str) -> None:
    eps, steps, step = EPS[norm], 6, 0.3
    options = {"decay": decay} if name == "mifgsm" else {}
    found = ATTACKS[name](MODEL, X, Y, eps=eps, norm=norm, steps=steps, step=step, **options)
    for x, y, ours in zip(X, Y, found, strict=True):
        here, velocity, walk, radius = x, torch.zeros_like(x), [x], torch.tensor([eps]).double()
        for _ in range(steps):
            z = here.clone().requires_grad_(True)
            g = slope_of(nn.functional.cross_entropy(MODEL(z[None])[0], y), z)
            velocity = decay * velocity + g / g.abs().sum()
            v = velocity.sign() if norm == "Linf" else velocity / velocity.norm()
            here = NORMS[norm].confine((here + step * eps * v)[None], x[None], radius)[0]
            walk.append(here)
        torch.testing.assert_close(ours, strongest(walk, y, x), atol=1e-7, rtol=0)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("name", ["md", "pma"])
@pytest.mark.parametrize("targeted", [False, True])
def test_two_phases_are_their_formula(name: str, norm: str, targeted: bool) -> None:
    """The twin takes plain probabilities: in float64 and far from sure they do not saturate."""
    eps, steps, half = EPS[norm], 9, 4
    targets = (Y + 1) % 4 if targeted else None
    stream, radius = keys(0, None, X, name), torch.full((6,), eps).double()
    found = ATTACKS[name](MODEL, X, Y, eps=eps, norm=norm, steps=steps, targets=targets)
    for i, (x, y) in enumerate(zip(X, Y, strict=True)):
        fixed, runs = (y if targets is None else targets[i]), []
        for run in range(2):
            here = random_start(norm, stream, X, radius, stream=run, surface=False)[i]
            runs.append(here)
            for move in range(steps):
                z = here.clone().requires_grad_(True)
                out = MODEL(z[None])[0]
                p = out.softmax(0) if name == "pma" else out
                rest = p.index_fill(0, fixed, -torch.inf).max()
                up, down = (p[fixed], rest) if targeted else (rest, p[fixed])
                g = slope_of(up - down if move >= half else up if run else -down, z)
                at, of = (move, half) if move < half else (move - half, steps - half)
                length = eps * (1 + math.cos(math.pi * at / of))
                v = g.sign() if norm == "Linf" else g / g.norm()
                here = NORMS[norm].confine((here + length * v)[None], x[None], radius[:1])[0]
                runs.append(here)
        goal = None if targets is None else targets[i : i + 1]
        over = [float(margins(MODEL(q[None]), Y[i : i + 1], goal)) for q in runs]
        best = next((k for k, m in enumerate(over) if m > 0), over.index(max(over)))
        torch.testing.assert_close(found[i], runs[best], atol=1e-7, rtol=0)


@pytest.mark.parametrize("attack", ["pma", "apgd"])
def test_a_net_that_is_sure_is_fooled_all_the_same(attack: str) -> None:
    """Logits apart by 50 and more: in float32 every softmax is 0 or 1 and has no slope."""
    model, x = nn.Sequential(cnn(), _Scaled(20000.0)), X.float()
    y = model(x).argmax(1)
    assert (margins(model(x), y) < -50).all()
    plain = evaluate(Objective(lambda z: (margins(model(z).softmax(1), y), z)), x)
    assert plain.gradient.count_nonzero() == 0
    assert (evaluate(probability_margin(model, y), x).gradient.flatten(1).norm(dim=1) > 0).all()
    options = {"loss": "probability"} if attack == "apgd" else {}
    found = ATTACKS[attack](model, x, y, eps=0.2, **options)
    assert (margins(model(found), y) > 0).all()


class _Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        return self.factor * logits


class _Steep(nn.Module):
    """Class 0 leads; class 1 is close behind but moves little with the input, class 2 much."""

    def forward(self, x: Tensor) -> Tensor:
        s = (x.flatten(1) - 0.5).sum(1)
        return torch.stack([torch.zeros_like(s), 0.1 * s - 1, -10 * s - 2], 1)


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.03), ("L2", 0.09), ("L1", 0.25)])
def test_by_distance_the_nearest_class_comes_first(norm: str, eps: float) -> None:
    """The gaps are 1 and 2, the distances 10 and 0.2 over what eps can add to the sum."""
    x = torch.full((5, 9), 0.5)
    y = torch.zeros(5, dtype=torch.long)
    for by_distance in (False, True):
        found = ATTACKS["apgd_targeted"](
            _Steep(),
            x,
            y,
            eps=eps,
            norm=norm,
            n_targets=1,
            steps=10,
            by_distance=by_distance,
            loss="margin",
        )
        fooled = margins(_Steep()(found), y) > 0
        assert bool((fooled == by_distance).all())


def test_an_image_that_is_misread_is_returned_after_one_look() -> None:
    wrong = (Y + 1) % 4
    for by_distance in (False, True):
        with metered(MODEL) as meter:
            found = ATTACKS["apgd_targeted"](MODEL, X, wrong, eps=0.1, by_distance=by_distance)
        assert torch.equal(found, X)
        assert (meter.forwards, meter.backwards) == (len(X), 0)


@pytest.mark.parametrize("steps", [1, 3, 9, 10, 25, 100])
def test_points_outside_the_ball_lead_but_never_count(steps: int) -> None:
    """Class 1 is read only beyond 1.5 times the radius: the walk passes there and stays sober."""
    radius = torch.full((4,), 1.0).double()
    x = torch.full((4, 20), 0.5).double()
    seen: list[Tensor] = []

    def value(z: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(z.detach())
        moved = (z - 0.5).sum(1)
        return moved, torch.stack([torch.full_like(moved, 1.5), moved], 1)

    y = torch.zeros(4, dtype=torch.long)
    found = walk_back(Objective(value), x, x, y, None, radius, steps)
    assert len(seen) == steps + 1, "the budget is not exact"
    size = NORMS["L1"].size(found.x - x)
    assert (size <= 1 + 1e-9).all()
    assert (size > 0.999).all(), "the optimum is on the sphere"
    assert torch.allclose(found.margin, size - 1.5)
    if steps >= 10:
        assert max(float(NORMS["L1"].size(z - x).max()) for z in seen) > 1.5


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.015), ("L2", 0.125), ("L1", 0.625)])
def test_targets_may_be_tried_first(norm: str, eps: float) -> None:
    model, x = Classifier(cnn(6), name="small"), images(19)
    y = model(x).argmax(1)
    options = {"steps": 12, "n_targets": 1, "try_steps": 3}
    given = {"norm": norm, "eps": eps, **options}
    whole = ATTACKS["apgd_targeted"](model, x, y, **given)
    ids = [str(i) for i in range(19)]
    ones = [ATTACKS["apgd_targeted"](model, x[i : i + 1], y[i : i + 1], ids=ids[i : i + 1], **given)
            for i in range(19)]  # fmt: skip
    assert torch.equal(torch.cat(ones), whole)
    assert (NORMS[norm].size(whole - x) <= eps * (1 + 1e-5)).all()
    sure = nn.Sequential(model, Sure())
    with metered(sure) as meter:
        ATTACKS["apgd_targeted"](sure, x, torch.zeros_like(y), **given)
    cost = CARDS["apgd_targeted"].passes(classes=6, **options)
    assert (meter.forwards / 19, meter.backwards / 19) == cost
