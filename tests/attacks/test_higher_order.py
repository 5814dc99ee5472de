"""Attacks made from attacks: what all of them must do, and each against a plain loop."""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from advkit import load_data, load_model
from advkit.attacks import ATTACKS, HIGHER_ORDER, attack_card, norms_of
from advkit.attacks.averaged_transforms import averaged, fooled_share, noisy, shifted, unchanged
from advkit.attacks.bisection import close_in
from advkit.attacks.options import COMMON, Attack, defaults
from advkit.attacks.targets_per_sample import choose_targets
from advkit.engine import NORMS, metered, rows, straight_through
from advkit.engine.objectives import Model, margins
from advkit.engine.projections import furthest
from advkit.engine.seeding import keys, normal, reseeded
from advkit.errors import UsageError
from advkit.evaluate.measure import slack
from advkit.models.classifier import Classifier
from tests.attacks.problems import Sure, affine, boxed_radius, cnn, near_boundary
from tests.attacks.test_conformance import EPS, images

restarted, targeted, strongest, on_average, minimised, in_bfloat16, through, in_band = (
    HIGHER_ORDER.values()
)
fgsm, pgd, ddn = (ATTACKS[name] for name in ("fgsm", "pgd", "ddn"))
few = partial(pgd, steps=4, step=0.3)


def lucky(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    draws: int = 3,
) -> Tensor:
    """Return the nearest of some random points that fools.

    Knows: decisions
    Cost: draws forward, 0 backward
    """
    stream, found = keys(seed, ids, x, "lucky"), x.clone()
    limit = torch.inf if eps is None else eps
    nearest = torch.as_tensor(limit).expand(len(x)).clone()
    for i in range(draws):
        d = normal(stream, x.shape[1:], i).to(x.dtype)
        tried = (x + (0.1 + 0.2 * i) * d).clamp(0, 1)
        output = model(tried)
        labels = output.argmax(1) if output.ndim > 1 else output
        size = NORMS[norm].size(tried - x)
        hit = (labels == targets if targets is not None else labels != y) & (size <= nearest)
        found[hit], nearest[hit] = tried[hit], size[hit]
    return found


MADE: dict[str, Attack] = {
    "restarted": restarted(few, 3),
    "restarted minimum": restarted(lucky, 3),
    "targeted random": targeted(few, "random"),
    "targeted all": targeted(few, "all"),
    "targeted all minimum": targeted(partial(ddn, steps=5), "all"),
    "strongest": strongest(fgsm, few),
    "strongest mixed": strongest(partial(ddn, steps=5), few),
    "on_average": on_average(few, noisy(), 3),
    "on_average minimum": on_average(partial(ddn, steps=5), shifted(1), 3),
    "minimised": minimised(few, 4),
    "in_bfloat16": in_bfloat16(few),
    "through": through(few, straight_through),
    "through minimum": through(partial(ddn, steps=5), straight_through),
    "in_bfloat16 minimum": in_bfloat16(partial(ddn, steps=5)),
    "nested": targeted(minimised(restarted(in_bfloat16(few), 2), 3), "second"),
}
CARDS = {name: attack_card(name, attack) for name, attack in MADE.items()}
WEAK = ("restarted minimum", "on_average minimum")
each = pytest.mark.parametrize("name", MADE)


@each
def test_it_has_the_signature_of_every_attack_and_the_options_of_the_inner_one(name: str) -> None:
    parameters = inspect.signature(MADE[name]).parameters
    assert tuple(parameters)[:8] == ("model", "x", "y", *COMMON)
    assert (parameters["eps"].default is None) is CARDS[name].minimum_norm
    assert CARDS[name].minimum_norm is any(w in name for w in ("minim", "mixed", "nested"))
    assert parameters["norm"].default in norms_of(MADE[name])
    if "strongest" not in name:
        assert set(defaults(MADE[name])) >= {"draws" if name == "restarted minimum" else "steps"}
        with pytest.raises(ValueError, match="stepps"):
            MADE[name](cnn(), images(2), torch.zeros(2), eps=0.1, stepps=3)


@each
def test_it_pays_exactly_what_its_card_says(name: str) -> None:
    model, x = cnn(), images(3)
    y, norm = model(x).argmax(1), CARDS[name].norms[0]
    sure, y = nn.Sequential(model, Sure()), torch.zeros_like(y)
    radii = [EPS[norm] / 10, None] if CARDS[name].minimum_norm else [EPS[norm] / 10]
    for eps in radii:
        with metered(sure) as meter:
            MADE[name](sure, x, y, eps=eps, norm=norm)
        assert (meter.forwards / 3, meter.backwards / 3) == CARDS[name].passes(classes=4)


def test_the_python_of_the_manual_works() -> None:
    text = (Path(__file__).parents[2] / "docs/attacks/higher-order.md").read_text(encoding="utf-8")
    code, again = re.findall(r"```python\n(.*?)```", text, re.S)
    space: dict = {}
    exec(code, space)
    assert (margins(space["model"](space["x_adv"]), space["y"]) > 0).any()
    exec(again, space)
    listed = re.findall(r"^\| `(\w+)\(", text, re.M)
    assert set(listed) == set(HIGHER_ORDER)


@each
def test_options_are_passed_on_and_may_be_bound(name: str) -> None:
    if "strongest" in name or name == "restarted minimum":
        return
    model, x = cnn(), images(6)
    y = model(x).argmax(1)
    eps = None if CARDS[name].minimum_norm else EPS[CARDS[name].norms[0]]
    one, two = (MADE[name](model, x, y, eps=eps, steps=steps) for steps in (1, 4))
    bound = partial(MADE[name], steps=4)
    assert torch.equal(bound(model, x, y, eps=eps), two)
    assert not torch.equal(one, two)
    assert attack_card("bound", bound).options["steps"] == 4


@each
def test_no_result_depends_on_the_batch(name: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(9)
    y, ids, norm = model(x).argmax(1), [f"image {i}" for i in range(9)], CARDS[name].norms[0]
    eps = None if CARDS[name].minimum_norm else EPS[norm] / 2
    whole = MADE[name](model, x, y, eps=eps, ids=ids)
    for size in (1, 4):
        parts = [
            MADE[name](model, x[i : i + size], y[i : i + size], eps=eps, ids=ids[i : i + size])
            for i in range(0, 9, size)
        ]
        assert torch.equal(torch.cat(parts), whole), f"batches of {size}"
    turned = MADE[name](model, x.flip(0), y.flip(0), eps=eps, ids=ids[::-1])
    assert torch.equal(turned.flip(0), whole)


@each
def test_an_eps_for_each_sample_and_the_box(name: str) -> None:
    model, x, norm = cnn(), images(8), CARDS[name].norms[0]
    eps = torch.linspace(0, 8 * EPS[norm], 8)
    found = MADE[name](model, x, model(x).argmax(1), eps=eps, norm=norm)
    assert ((found >= 0) & (found <= 1)).all()
    assert (NORMS[norm].size(found - x) <= eps * (1 + 1e-6) + slack(norm, x)).all()
    assert not torch.equal(found, x)


@each
def test_nan_no_slope_and_an_empty_batch_do_no_harm(name: str) -> None:
    x, y, eps = images(4), torch.tensor([0, 1, 2, 3]), EPS[CARDS[name].norms[0]]
    flat = nn.Sequential(nn.Flatten(), nn.Linear(63, 4)).requires_grad_(False)
    nn.init.zeros_(flat[1].weight)
    for model in (flat, lambda z: flat(z) * torch.nan):
        found = MADE[name](model, x, y, eps=eps)
        assert ((found >= 0) & (found <= 1)).all()
    assert MADE[name](flat, x[:0], y[:0], eps=eps).shape == x[:0].shape


@each
def test_targets_that_are_given_are_the_only_success(name: str) -> None:
    model, x = cnn(), images(16)
    y = model(x).argmax(1)
    goal, eps = (y + 1) % 4, None if CARDS[name].minimum_norm else 8 * EPS[CARDS[name].norms[0]]
    found = MADE[name](model, x, y, eps=eps, targets=goal)
    reached = model(found).argmax(1) == goal
    assert reached.float().mean() > (0.02 if name in WEAK else 0.4)
    if CARDS[name].minimum_norm and "average" not in name:
        assert torch.equal(found[~reached], x[~reached])


def by_hand(
    runs: Sequence[Callable[..., Tensor]], model: Model, x: Tensor, y: Tensor, **common: Any
) -> list[Tensor]:
    """Return per sample the point of highest margin, one sample after the other, or the nearest."""
    chosen, minimum = [], common.get("eps") is None
    for i in range(len(x)):
        best, top = x[i : i + 1], -torch.inf
        for run in runs:
            found = run(model, x[i : i + 1], y[i : i + 1], ids=[str(i)], **common)
            margin = float(margins(model(found), y[i : i + 1]))
            size = float(NORMS[common["norm"]].size(found - x[i : i + 1]))
            score = (-size if margin > 0 else -torch.inf) if minimum else margin
            if score > top:
                best, top = found, score
            if top >= 0 if minimum else top > 0:
                break
        chosen.append(best)
    return torch.cat(chosen)


@pytest.mark.parametrize(("inner", "eps", "norm"), [(few, 0.03, "Linf"), (lucky, None, "L2")])
def test_restarts_are_the_plain_loop_over_seeds(inner: Attack, eps: Any, norm: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(16)
    y = model(x).argmax(1)
    found = restarted(inner, 4)(model, x, y, eps=eps, norm=norm, seed=7)
    seeds = [partial(inner, seed=reseeded(7, i)) for i in range(4)]
    assert torch.equal(found, by_hand(seeds, model, x, y, eps=eps, norm=norm))
    once = inner(model, x, y, eps=eps, norm=norm, seed=7)
    assert torch.equal(restarted(inner, 1)(model, x, y, eps=eps, norm=norm, seed=7), once)
    assert (margins(model(found), y) > 0).sum() > (margins(model(once), y) > 0).sum()


def test_seeds_of_runs_are_those_of_no_neighbour() -> None:
    assert reseeded(5, 0) == 5
    assert len({reseeded(seed, run) for seed in range(50) for run in range(50)}) == 2500


def test_a_label_is_enough_for_a_model() -> None:
    model, x = cnn(), images(12)
    y = model(x).argmax(1)

    def labels(z: Tensor) -> Tensor:
        return model(z).argmax(1)

    for made in (restarted(lucky, 3), strongest(lucky, partial(lucky, draws=5)),
                 on_average(lucky, noisy(), 3), in_bfloat16(lucky)):  # fmt: skip
        one, other = made(model, x, y), made(labels, x, y)
        assert torch.equal(one, other)
        assert (labels(other) != y).any()


def test_targets_are_chosen_by_the_logits_or_by_the_key() -> None:
    model, x = cnn(6), images(40)
    logits = model(x)
    y = logits.argmax(1)
    y[:8] = (y[:8] + 1) % 6  # some are misread
    second, least, luck = (
        choose_targets(model, x, y, choice) for choice in ("second", "least_likely", "random")
    )
    for i in range(40):
        others = [c for c in range(6) if c != y[i]]
        assert second[i] == max(others, key=lambda c: logits[i, c])
        assert least[i] == min(others, key=lambda c: logits[i, c])
    assert (luck != y).all()
    assert set((luck - y).remainder(6).tolist()) == {1, 2, 3, 4, 5}
    ids = [str(i) for i in range(40)]
    assert torch.equal(choose_targets(model, x[9:], y[9:], "random", ids=ids[9:]), luck[9:])
    assert not torch.equal(choose_targets(model, x, y, "random", seed=1), luck)
    found = targeted(few, "second")(model, x, y, eps=0.05)
    assert torch.equal(found, few(model, x, y, eps=0.05, targets=second))


def test_all_targets_are_the_plain_loop_over_classes() -> None:
    model, x = Classifier(cnn(5), name="small"), images(12)
    logits = model(x)
    y = logits.argmax(1)
    order = logits.argsort(1, descending=True)[:, 1:]

    def towards(place: int, inner: Attack) -> Callable[..., Tensor]:
        def run(model: Model, x: Tensor, y: Tensor, **common: Any) -> Tensor:
            goal = order[int(common["ids"][0]), place : place + 1]
            return inner(model, x, y, targets=goal, **common)

        return run

    for inner, eps, norm in ((few, 0.04, "Linf"), (partial(ddn, steps=10), None, "L2")):
        found = targeted(inner, "all")(model, x, y, eps=eps, norm=norm)
        runs = [towards(place, inner) for place in range(4)]
        assert torch.equal(found, by_hand(runs, model, x, y, eps=eps, norm=norm))


def test_given_targets_must_be_given() -> None:
    model, x = cnn(), images(4)
    with pytest.raises(UsageError, match="does not choose"):
        targeted(few, "given")(model, x, model(x).argmax(1), eps=0.1)
    with pytest.raises(UsageError, match="cannot be chosen by 'secnd'") as caught:
        targeted(few, "secnd")
    assert "did you mean second?" in caught.value.hint


def test_the_strongest_is_the_plain_loop_over_attacks() -> None:
    model, x = Classifier(cnn(), name="small"), images(8)
    y = model(x).argmax(1)
    fixed = (fgsm, few, partial(pgd, loss="dlr", steps=8))
    found = strongest(*fixed)(model, x, y, eps=0.03)
    assert torch.equal(found, by_hand(fixed, model, x, y, eps=0.03, norm="Linf"))
    assert norms_of(strongest(fgsm, ddn)) == ("L2",)
    mixed = (partial(ddn, steps=10), lucky, minimised(few))
    found = strongest(partial(ddn, steps=10), lucky, few)(model, x, y)
    assert torch.equal(found, by_hand(mixed, model, x, y, eps=None, norm="L2"))
    with pytest.raises(UsageError, match="without a common norm"):
        strongest(ddn, partial(_linf_only))


def _linf_only(model: Model, x: Tensor, y: Tensor, *, eps: float, norm: Literal["Linf"] = "Linf"
               ) -> Tensor:  # fmt: skip
    return x


def test_the_average_is_that_of_the_logits_and_its_margin_the_worst_of_the_draws() -> None:
    model, x, transform = cnn(), images(5), noisy(0.2)
    names, y = keys(0, None, x, "test"), torch.tensor([0, 1, 2, 3, 0])
    each = torch.stack([model(transform(x, names, draw)) for draw in range(7)])
    for goal, at in ((None, y), ((y + 1) % 4, (y + 1) % 4)):
        logits = averaged(model, y, goal, transform, names, 7)(x)
        worst = torch.stack([margins(one, y, goal) for one in each]).amin(0)
        torch.testing.assert_close(margins(logits, y, goal), worst)
        others = torch.ones_like(logits).scatter(1, at[:, None], 0).bool()
        torch.testing.assert_close(logits[others], each.mean(0)[others])
    assert torch.equal(averaged(model, y, None, unchanged(), names, 1)(x), model(x))


def test_its_gradient_is_the_mean_over_the_draws() -> None:
    model, x, transform = cnn(), images(5), noisy(0.2)
    names, y = keys(0, None, x, "test"), torch.tensor([0, 1, 2, 3, 0])
    z = x.clone().requires_grad_()
    averaged(model, y, None, transform, names, 3)(z)[:, 2].sum().backward()
    slope = z.grad.clone()
    z.grad.zero_()
    (sum(model(transform(z, names, i))[:, 2].sum() for i in range(3)) / 3).backward()
    torch.testing.assert_close(slope, z.grad)


def test_of_labels_all_must_be_wrong() -> None:
    answers = torch.tensor([[1, 1, 2], [2, 1, 2], [2, 0, 2]])  # by draw and sample
    labels = averaged(lambda _z: answers.flatten(), torch.tensor([0, 0, 2]), None,
                      unchanged(), torch.zeros(3), 3)  # fmt: skip
    assert labels(torch.zeros(3, 2)).tolist() == [2, 0, 2]
    aimed = averaged(lambda _z: answers.flatten(), torch.tensor([0, 2, 1]),
                     torch.tensor([2, 1, 2]), unchanged(), torch.zeros(3), 3)  # fmt: skip
    assert aimed(torch.zeros(3, 2)).tolist() == [0, 2, 2]


def test_every_step_of_a_sample_sees_the_same_transforms_and_each_sample_its_own() -> None:
    seen: list[tuple[int, float]] = []

    def transform(x: Tensor, keys: Tensor, stream: int) -> Tensor:
        seen.extend((int(key), stream) for key in keys)
        return x

    model, x = cnn(), images(3)
    on_average(few, transform, 2)(model, x, model(x).argmax(1), eps=1e-6)
    assert len(seen) == 3 * 2 * 5
    assert len(set(seen)) == 3 * 2


def test_shifts_move_whole_images_and_signals() -> None:
    x = torch.arange(2 * 3 * 5 * 4).reshape(2, 3, 5, 4).double()
    names = keys(0, None, x, "shift")
    for draw in range(20):
        moved = shifted(1)(x, names, draw)
        for one, image in zip(moved, x, strict=True):
            places = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            inner = [image[:, 1 + a : 4 + a, 1 + b : 3 + b] for a, b in places]
            assert sum(torch.equal(one[:, 1:4, 1:3], part) for part in inner) == 1
    signal = torch.arange(6).double().expand(2, 6)
    assert {float(shifted(1)(signal, names, i)[0, 2]) for i in range(20)} == {1, 2, 3}
    assert shifted(1)(x[:, 0], names, 3).shape == x[:, 0].shape


def test_examples_made_on_average_survive_the_transforms_that_others_do_not() -> None:
    model, x = load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=10).x
    y, transform = model(x).argmax(1), noisy(0.1)
    attack = partial(pgd, steps=8, eps=0.2)
    plain, tough = (a(model, x, y) for a in (attack, on_average(attack, transform, 6)))
    shares = [float(fooled_share(model, z, y, transform).mean()) for z in (x, plain, tough)]
    assert shares[2] > shares[1] + 0.15, shares
    assert shares[1] > shares[0]


def slow_close_in(reach: Callable[[float], float], steps: int, first: float, most: float) -> float:
    low, high = 0.0, float("inf")
    for _ in range(steps):
        if high <= 1.001 * low:
            break
        middle = min(max(2 * low, first), most) if high == float("inf") else (low + high) / 2
        at = reach(middle)
        low, high = (low, min(at, high)) if at < float("inf") else (middle, high)
        low = 0.0 if low >= high else low
    return high


def test_closing_in_is_the_plain_loop() -> None:
    truth = torch.logspace(-3, 1, 41, dtype=torch.float64)
    asked: list[int] = []

    def reach(middle: Tensor, index: Tensor, _step: int) -> Tensor:
        asked.extend(index.tolist())
        at = truth[index] + 0.3 * (middle - truth[index])
        return torch.where(middle >= truth[index], at, torch.inf)

    high = torch.full_like(truth, torch.inf)
    found = close_in(reach, high, 12, first=0.1, most=4.0)
    for t, got in zip(truth.tolist(), found.tolist(), strict=True):
        wanted = slow_close_in(lambda m, t=t: t + 0.3 * (m - t) if m >= t else torch.inf,
                               12, 0.1, 4.0)  # fmt: skip
        assert got == pytest.approx(wanted, rel=1e-12)
    assert found[truth > 4].isinf().all()
    assert (found[truth < 4] / truth[truth < 4] - 1 < 0.05).all()
    assert all(asked.count(i) == 12 for i in (truth > 4).nonzero().squeeze(1).tolist())


def test_whole_numbers_are_found_exactly_and_not_asked_for_twice() -> None:
    truth, asked = torch.arange(1.0, 40), []

    def reach(middle: Tensor, index: Tensor, _step: int) -> Tensor:
        assert torch.equal(middle, middle.round())
        asked.extend(zip(index.tolist(), middle.tolist(), strict=True))
        return torch.where(middle >= truth[index], middle, torch.inf)

    high = torch.full_like(truth, torch.inf)
    assert torch.equal(close_in(reach, high, 20, first=2.0, most=63.0, whole=True), truth)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("kind", ["plain", "box in the way"])
@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_minimised_ends_within_a_hundredth_of_the_exact_distance(norm: str, kind: str) -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    x = x.where(x < 0.7, 1.0).where(x > 0.3, 0.0)
    if kind == "plain":
        x = near_boundary(model, 24, 0.05 if norm == "Linf" else 0.1, norm)
    y = model(x).argmax(1)
    exact = boxed_radius(model, x, y, norm)
    for inner in (fgsm, partial(pgd, steps=80))[: 1 if norm == "L1" else 2]:
        found = minimised(inner, 14)(model, x, y, norm=norm)
        assert (margins(model(found), y) > 0).all()
        ratio = NORMS[norm].size(found.double() - x.double()) / exact
        assert (ratio > 1 - 1e-4).all()
        assert ratio.max() < 1.01


def test_minimised_counts_entries_in_l0() -> None:
    model = affine(30, seed=2)
    x = torch.rand(24, 30, generator=torch.Generator().manual_seed(5))
    y = model(x).argmax(1)

    def greedy(
        model: Model, x: Tensor, y: Tensor, *, eps: float | Tensor, norm: Literal["L0"] = "L0",
        targets: Tensor | None = None, seed: int = 0, ids: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        down = torch.where(y[:, None] == 1, -model.weight, model.weight)
        room = down.abs() * torch.where(down > 0, 1 - x, x)
        place = room.argsort(1, descending=True).argsort(1)
        return torch.where(place < rows(torch.as_tensor(eps), x), (down > 0).to(x.dtype), x)

    found = minimised(greedy)(model, x, y)
    count = (found != x).sum(1)
    down = torch.where(y[:, None] == 1, -model.weight, model.weight)
    assert torch.equal(count, _exact_count(model, x, y, down))


def _exact_count(model: nn.Module, x: Tensor, y: Tensor, down: Tensor) -> Tensor:
    room = (down.abs() * torch.where(down > 0, 1 - x, x)).sort(1, descending=True).values.cumsum(1)
    score = (x @ model.weight + model.bias).abs()
    return (room <= score[:, None]).sum(1) + 1


def test_a_true_size_far_below_eps_is_the_next_upper_end() -> None:
    asked: list[float] = []

    def keen(
        model: Model, x: Tensor, y: Tensor, *, eps: float | Tensor, norm: Literal["L2"] = "L2",
        targets: Tensor | None = None, seed: int = 0, ids: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the nearest point of all whenever it is within eps."""
        asked.append(float(eps))
        down = torch.where(y[:, None] == 1, -model.weight, model.weight)
        best = furthest("L2", down, x, 1.0001 * boxed_radius(model, x, y, "L2"))
        reached = NORMS["L2"].size(best - x) <= eps
        return torch.where(rows(reached, x), best, x)

    model = affine(400)
    x = near_boundary(model, 1, 0.01, "L2")
    y = model(x).argmax(1)
    exact = float(boxed_radius(model, x, y, "L2"))
    found = minimised(keen, 4)(model, x, y)
    assert asked[0] == pytest.approx(20 / 32)
    assert asked[0] > 30 * exact
    assert asked[1] == pytest.approx(exact / 2, rel=0.01), "it ignores how near the point is"
    assert float(NORMS["L2"].size(found - x)) == pytest.approx(exact, rel=1e-3)


def test_a_minimum_norm_attack_is_minimised_already_and_shared_ones_cannot_be() -> None:
    assert minimised(ddn) is ddn

    def universal(model: Model, x: Tensor, y: Tensor, *, eps: float, norm: str = "L2") -> Tensor:
        """Return x.

        Knows: gradients of all samples
        """
        return x

    for make in (minimised, restarted, in_bfloat16, strongest, partial(targeted, choice="all"),
                 lambda a: on_average(a, noisy()),
                 lambda a: through(a, straight_through)):  # fmt: skip
        with pytest.raises(UsageError, match="one perturbation for all samples"):
            make(universal)


def test_a_misread_image_is_its_own_example() -> None:
    model, x = cnn(), images(6)
    wrong = (model(x).argmax(1) + 1) % 4
    for eps in (None, 0.1):
        with metered(model) as meter:
            assert torch.equal(minimised(few)(model, x, wrong, eps=eps), x)
        assert (meter.forwards, meter.backwards) == (6, 0)


def shaky() -> tuple[nn.Module, Model, Tensor, Tensor]:
    """Return a linear model, one that under autocast is fooled too early, images and labels."""
    model = affine(40)
    x = near_boundary(model, 40, 0.1, "L2")
    x = x[model(x).argmax(1) == 1]
    early = 0.002 * float(model.weight.norm())

    def biased(z: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            half = torch.tensor([early, -early]) / 2
            logits = model(z)
        return logits + half if torch.is_autocast_enabled("cpu") else logits

    return model, biased, x, torch.ones(len(x), dtype=torch.long)


def test_what_fools_in_bfloat16_alone_is_moved_on_until_it_fools() -> None:
    model, biased, x, y = shaky()
    exact = boxed_radius(model, x, y, "L2")
    with torch.autocast("cpu", torch.bfloat16):
        early = ddn(biased, x, y, steps=60)
    assert (margins(model(early), y) <= 0).any(), "it needs no mending"
    for outer in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=outer), metered(model) as meter:
            found = in_bfloat16(partial(ddn, steps=60))(biased, x, y)
        assert (margins(model(found), y) > 0).all()
        ratio = NORMS["L2"].size(found - x) / exact
        assert (ratio >= 1 - 1e-5).all()
        assert ratio.max() < 1.03
        assert meter.backwards == 60 * len(x), "it was attacked anew"


def test_what_cannot_be_mended_is_attacked_anew_in_full_precision() -> None:
    net, x = cnn(), images(16)
    y = net(x).argmax(1)

    def gullible(z: Tensor) -> Tensor:
        """Under autocast everything is a mistake."""
        logits = net(z).float()
        return -logits if torch.is_autocast_enabled("cpu") else logits

    for inner, eps in ((few, 0.05), (few, 0.2), (partial(ddn, steps=20), None)):
        found = in_bfloat16(inner)(gullible, x, y, eps=eps)
        assert torch.equal(found, inner(net, x, y, eps=eps))


def test_what_is_moved_out_of_the_ball_does_not_count() -> None:
    model, biased, x, y = shaky()
    eps = 0.995 * boxed_radius(model, x, y, "L2")  # bfloat16 says yes, and it is not so
    found = in_bfloat16(partial(ddn, steps=60))(biased, x, y, eps=eps)
    assert torch.equal(found, x)


def test_through_a_change_the_gradient_is_another_and_the_answers_are_not() -> None:
    model, x = cnn(), images(9)
    y = model(x).argmax(1)

    def rounded(z: Tensor) -> Tensor:
        return model((z * 31).round() / 31)

    for attack, eps in ((few, 0.3), (partial(ddn, steps=20), None)):
        alone, found = (
            a(rounded, x, y, eps=eps) for a in (attack, through(attack, straight_through))
        )
        assert (margins(rounded(alone), y) > 0).sum() <= 2
        assert (margins(rounded(found), y) > 0).sum() >= 7
    assert attack_card("mine", through(few, straight_through)).name == "mine"
