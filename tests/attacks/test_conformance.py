"""Requirements on every attack; a new one is tested once listed in ATTACKS and SUBJECTS."""

import inspect
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.attacks.cards import KNOWS
from advkit.attacks.reduced_precision import in_bfloat16
from advkit.engine import NORMS, metered
from advkit.engine.objectives import margins
from advkit.evaluate.measure import slack
from advkit.models.classifier import Classifier
from tests.attacks.problems import Sure, cnn, images
from tests.attacks.subjects import CARDS, CASES, EPS, SUBJECTS, each, each_attack, run

MINIMUM = [(name, norm) for name, norm in CASES if CARDS[name].minimum_norm]
ALONE = [(name, norm) for name, norm in CASES if not CARDS[name].shared]
SIGHTED = [(name, norm) for name, norm in ALONE if CARDS[name].knows == "gradients"]
each_minimum = pytest.mark.parametrize(("name", "norm"), MINIMUM)
each_alone = pytest.mark.parametrize(("name", "norm"), ALONE)
each_sighted = pytest.mark.parametrize(("name", "norm"), SIGHTED)


def test_every_attack_has_its_subject_and_a_whole_card() -> None:
    assert list(SUBJECTS) == list(ATTACKS)
    for card in CARDS.values():
        assert card.knows.removesuffix(" of all samples") in KNOWS, card.name
        assert min(len(card.use), len(card.fails), len(card.paper), len(card.summary)) > 10
        assert sum(card.passes()) > 0


@each
def test_stays_in_ball_and_box_and_breaks_something(name: str, norm: str) -> None:
    model, x = cnn(), images(32)
    y = model(x).argmax(1)
    found = run(name, model, x, y, norm=norm)
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    assert ((found >= 0) & (found <= 1)).all()
    sizes = NORMS[norm].size(found.double() - x.double())
    assert (sizes <= EPS[norm] * (1 + 1e-6) + slack(norm, x)).all()
    assert (margins(model(found), y) > 0).sum() >= SUBJECTS[name].teeth, "it is toothless here"


@each_minimum
def test_minimum_norm_gives_fooling_points_or_the_image_itself(name: str, norm: str) -> None:
    model, x = cnn(), images(32)
    y = model(x).argmax(1)
    found = run(name, model, x, y, norm=norm, eps=None)
    assert ((found >= 0) & (found <= 1)).all()
    fooled = margins(model(found), y) > 0
    assert torch.equal(found[~fooled], x[~fooled])
    if SUBJECTS[name].teeth:
        assert fooled.sum() >= 16


@each_alone
def test_no_result_depends_on_the_batch(name: str, norm: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(19)
    y, ids = model(x).argmax(1), [f"image {i}" for i in range(19)]
    eps = None if CARDS[name].minimum_norm else EPS[norm]
    whole = run(name, model, x, y, norm=norm, eps=eps, ids=ids)
    for part in (slice(18, 19), slice(5, 8), slice(8, 16)):
        found = run(name, model, x[part], y[part], norm=norm, eps=eps, ids=ids[part])
        assert torch.equal(found, whole[part]), part
    turned = run(name, model, x.flip(0), y.flip(0), norm=norm, eps=eps, ids=ids[::-1])
    assert torch.equal(turned.flip(0), whole)


@each
def test_pays_exactly_what_its_card_says(name: str, norm: str) -> None:
    x, y = images(4), torch.zeros(4, dtype=torch.long)
    sure = nn.Sequential(cnn(), Sure())
    eps = None if CARDS[name].minimum_norm else EPS[norm] / 10
    with metered(sure) as meter:
        run(name, sure, x, y, norm=norm, eps=eps)
    cost = CARDS[name].passes(classes=4, features=63, pixels=63, **SUBJECTS[name].options)
    assert (meter.forwards / 4, meter.backwards / 4) == cost


@each_sighted
def test_in_bfloat16_it_fools_in_float32_and_hardly_a_sample_is_lost(name: str, norm: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(32)  # the same logits in any batch
    y = model(x).argmax(1)
    attack = partial(ATTACKS[name], norm=norm, **SUBJECTS[name].options)
    for eps in [None, EPS[norm]] if CARDS[name].minimum_norm else [EPS[norm]]:
        plain, found = (a(model, x, y, eps=eps) for a in (attack, in_bfloat16(attack)))
        assert found.dtype == torch.float32
        assert ((found >= 0) & (found <= 1)).all()
        before, after = (margins(model(z), y) > 0 for z in (plain, found))
        assert (before & ~after).sum() <= 2
        sizes = [NORMS[norm].size(z.double() - x.double()) for z in (plain, found)]
        if eps is not None:
            assert (sizes[1] <= eps * (1 + 1e-6) + slack(norm, x)).all()
        if CARDS[name].minimum_norm:
            assert torch.equal(found[~after], x[~after])
            both = before & after
            assert not both.any() or sizes[1][both].median() <= 1.3 * sizes[0][both].median()


@each_attack
def test_a_fooled_sample_is_not_paid_for(name: str) -> None:
    model, x = cnn(), images(6)
    wrong = (model(x).argmax(1) + 1) % 4
    with metered(model) as meter:
        found = run(name, model, x, wrong)
    assert (margins(model(found), wrong) > 0).all()
    assert meter.forwards <= 6 * 4


@each_attack
def test_returns_a_point_that_it_evaluated(name: str) -> None:
    seen: list[Tensor] = []
    model, x = cnn(), images(5)
    y = model(x).argmax(1)
    spy = model.register_forward_pre_hook(lambda _m, args: seen.append(args[0].detach().clone()))
    found = run(name, model, x, y)
    spy.remove()
    if CARDS[name].passes() == (
        1,
        1,
    ):  # by definition one gradient and a step that is not looked at
        return
    places = torch.cat(seen)
    for image in found:
        assert (places == image).flatten(1).all(1).any()


@each_attack
def test_seeds(name: str) -> None:
    model, x = cnn(), images(12)
    y, norm = model(x).argmax(1), CARDS[name].norms[0]
    eps = None if CARDS[name].minimum_norm else EPS[norm] / 3
    before = torch.get_rng_state()
    one, again, other = (run(name, model, x, y, eps=eps, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state()), "the global generator was used"
    assert torch.equal(one, again)
    assert torch.equal(one, other) is not SUBJECTS[name].random


@each_attack
def test_targets_are_sought_and_nothing_else_counts(name: str) -> None:
    model, x = cnn(), images(24)
    y = model(x).argmax(1)
    targets, norm = (y + 1) % 4, CARDS[name].norms[0]
    near, wide = (run(name, model, x, y, eps=eps, targets=targets) for eps in (0.0, EPS[norm] * 8))
    assert torch.equal(near, x)
    if CARDS[name].minimum_norm:
        reached = model(wide).argmax(1) == targets
        assert torch.equal(wide[~reached], x[~reached])
    elif SUBJECTS[name].teeth:
        gained = margins(model(wide), y, targets) - margins(model(x), y, targets)
        assert gained.mean() > 0
    if CARDS[name].knows == "gradients":
        assert (model(wide).argmax(1) == targets).float().mean() > 0.5


@each_attack
def test_an_eps_for_each_sample(name: str) -> None:
    model, x, norm = cnn(), images(8), CARDS[name].norms[0]
    eps = torch.linspace(0, 3 * EPS[norm], 8)
    found = run(name, model, x, model(x).argmax(1), eps=eps)
    size = NORMS[norm].size(found - x)
    assert (size <= eps * (1 + 1e-6) + 1e-6).all()
    assert torch.equal(found[0], x[0])


@each_attack
def test_more_budget_never_fools_fewer(name: str) -> None:
    model, x = cnn(), images(64)
    y = model(x).argmax(1)
    most = EPS[CARDS[name].norms[0]]
    counts = [int((margins(model(run(name, model, x, y, eps=e)), y) > 0).sum())
              for e in (0.0, most / 3, most, 3 * most)]  # fmt: skip
    assert counts[0] == 0
    assert counts == sorted(counts)


@each_attack
def test_the_signature_is_the_common_one(name: str) -> None:
    parameters = inspect.signature(ATTACKS[name]).parameters
    assert list(parameters)[:8] == ["model", "x", "y", "eps", "norm", "targets", "seed", "ids"]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters.values())[3:])
    assert all(p.default is not p.empty for p in list(parameters.values())[4:])
    assert inspect.getdoc(ATTACKS[name])


def test_a_module_is_never_named_like_its_attack() -> None:
    code = (
        "import sys, advkit.attacks as a;"
        "assert not {f'advkit.attacks.{n}' for n in a.ATTACKS} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
