"""Attacks made from attacks: requirements on all of them."""

import inspect
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS, HIGHER_ORDER, attack_card, norms_of
from advkit.attacks.averaged_transforms import noisy, shifted
from advkit.attacks.options import COMMON, Attack, defaults
from advkit.engine import NORMS, metered, straight_through
from advkit.engine.objectives import Model, margins
from advkit.errors import UsageError
from advkit.evaluate.measure import slack
from advkit.models.classifier import Classifier
from tests.attacks.problems import Sure, cnn, few, images, lucky
from tests.attacks.subjects import EPS

restarted, targeted, strongest, on_average, minimised, in_bfloat16, through, in_band = (
    HIGHER_ORDER.values()
)
fgsm, pgd, ddn = (ATTACKS[name] for name in ("fgsm", "pgd", "ddn"))

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
