"""What every attack must do; a new one is tested by being listed in ATTACKS and SUBJECTS."""

import inspect
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS, attack_card
from advkit.attacks.cards import KNOWS
from advkit.attacks.reduced_precision import in_bfloat16
from advkit.engine import NORMS, metered
from advkit.engine.objectives import margins
from advkit.evaluate.measure import slack
from advkit.models.classifier import Classifier
from tests.attacks.problems import Sure, cnn
from tests.attacks.subjects import SUBJECTS

EPS = {"Linf": 0.06, "L2": 0.5, "L1": 2.5, "L0": 12.0}
CARDS = {name: attack_card(name, attack) for name, attack in ATTACKS.items()}
CASES = [(name, norm) for name, card in CARDS.items() for norm in card.norms]
MINIMUM = [(name, norm) for name, norm in CASES if CARDS[name].minimum_norm]
ALONE = [(name, norm) for name, norm in CASES if not CARDS[name].shared]
SIGHTED = [(name, norm) for name, norm in ALONE if CARDS[name].knows == "gradients"]
BLIND = [(name, norm) for name, norm in CASES if not CARDS[name].knows.startswith("gradients")]
each = pytest.mark.parametrize(("name", "norm"), CASES)
each_minimum = pytest.mark.parametrize(("name", "norm"), MINIMUM)
each_alone = pytest.mark.parametrize(("name", "norm"), ALONE)
each_sighted = pytest.mark.parametrize(("name", "norm"), SIGHTED)
each_blind = pytest.mark.parametrize(("name", "norm"), BLIND)
each_attack = pytest.mark.parametrize("name", ATTACKS)


def images(n: int = 10, channels: int = 1) -> Tensor:
    x = torch.rand(n, channels, 9, 7, generator=torch.Generator().manual_seed(0))
    return x.where(x < 0.8, 1.0).where(x > 0.2, 0.0)  # many pixels at the walls


def run(name: str, model: nn.Module, x: Tensor, y: Tensor, **given: object) -> Tensor:
    norm = given.get("norm", CARDS[name].norms[0])
    options = {"norm": norm, "eps": EPS[norm], **SUBJECTS[name].options, **given}
    return ATTACKS[name](model, x, y, **options)


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
    model, x = cnn(), images(32)
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


@each_blind
def test_a_bare_function_without_gradients_will_do(name: str, norm: str) -> None:
    model, x = cnn(), images(8)
    y = model(x).argmax(1)

    def bare(z: Tensor) -> Tensor:
        assert not z.requires_grad
        return torch.from_numpy(model(z).numpy())

    wanted = run(name, model, x, y, norm=norm)
    assert torch.equal(run(name, bare, x, y, norm=norm), wanted)
    if CARDS[name].knows == "decisions":
        assert torch.equal(run(name, lambda z: bare(z).argmax(1), x, y, norm=norm), wanted)


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


@each
@pytest.mark.parametrize("classes", [2, 3, 8])
def test_any_number_of_classes(name: str, norm: str, classes: int) -> None:
    model, x = cnn(classes), images(6)
    y = model(x).argmax(1)
    assert run(name, model, x, y, norm=norm).isfinite().all()


@each
@pytest.mark.parametrize("shape", [(5,), (1, 11), (2, 3, 4), (3, 8, 5), (1, 1, 1)])
def test_any_shape(name: str, norm: str, shape: tuple[int, ...]) -> None:
    size = int(torch.tensor(shape).prod())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(size, 4)).requires_grad_(False)
    x = torch.rand(5, *shape, generator=torch.Generator().manual_seed(0))
    found = run(name, model, x, model(x).argmax(1), norm=norm)
    assert found.shape == x.shape
    assert (NORMS[norm].size(found - x) <= EPS[norm] * (1 + 1e-5)).all()


@each
def test_double_precision_and_channels_last(name: str, norm: str) -> None:
    model, x = cnn(channels=3).double(), images(6, 3).double()
    y = model(x).argmax(1)
    found = run(name, model, x, y, norm=norm)
    assert found.dtype == torch.float64
    other = run(name, model, x.to(memory_format=torch.channels_last), y, norm=norm)
    torch.testing.assert_close(other, found, rtol=0, atol=1e-9)


@each_attack
def test_an_eps_for_each_sample(name: str) -> None:
    model, x, norm = cnn(), images(8), CARDS[name].norms[0]
    eps = torch.linspace(0, 3 * EPS[norm], 8)
    found = run(name, model, x, model(x).argmax(1), eps=eps)
    size = NORMS[norm].size(found - x)
    assert (size <= eps * (1 + 1e-6) + 1e-6).all()
    assert torch.equal(found[0], x[0])


@each
def test_models_without_a_slope_or_with_nan_do_no_harm(name: str, norm: str) -> None:
    x = images(4)
    y = torch.tensor([0, 1, 2, 3])
    constant = nn.Sequential(nn.Flatten(), nn.Linear(63, 4)).requires_grad_(False)
    nn.init.zeros_(constant[1].weight)
    for model in (constant, nn.Sequential(constant, _Nan())):
        found = run(name, model, x, y, norm=norm)
        assert ((found >= 0) & (found <= 1)).all()


class _Nan(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits * torch.nan


def test_one_answer_that_is_nan_does_not_end_the_search_of_square() -> None:
    model, x = cnn(), images(16)
    y, calls = model(x).argmax(1), []

    def once(z: Tensor) -> Tensor:
        calls.append(len(z))
        return model(z) * (torch.nan if len(calls) in (1, 5) else 1.0)

    found = ATTACKS["square"](once, x, y, eps=0.2, queries=300)
    assert (margins(model(found), y) > 0).float().mean() > 0.5


@each_attack
def test_an_empty_batch(name: str) -> None:
    x = images(4)[:0]
    assert run(name, cnn(), x, torch.zeros(0, dtype=torch.long)).shape == x.shape


@each_attack
def test_the_model_and_the_images_are_left_as_they_were(name: str) -> None:
    model, x = cnn(), images(4)
    y, copy = model(x).argmax(1), x.clone()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    run(name, model, x, y)
    assert torch.equal(x, copy)
    assert not x.requires_grad
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


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


@pytest.mark.parametrize("norm", ["Linf", "L2", "L1"])
def test_targets_may_be_tried_first(norm: str) -> None:
    model, x = Classifier(cnn(6), name="small"), images(19)
    y = model(x).argmax(1)
    options = {"steps": 12, "n_targets": 1, "try_steps": 3}
    given = {"norm": norm, "eps": EPS[norm] / 4, **options}
    whole = ATTACKS["apgd_targeted"](model, x, y, **given)
    ids = [str(i) for i in range(19)]
    ones = [ATTACKS["apgd_targeted"](model, x[i : i + 1], y[i : i + 1], ids=ids[i : i + 1], **given)
            for i in range(19)]  # fmt: skip
    assert torch.equal(torch.cat(ones), whole)
    assert (NORMS[norm].size(whole - x) <= EPS[norm] / 4 * (1 + 1e-5)).all()
    sure = nn.Sequential(model, Sure())
    with metered(sure) as meter:
        ATTACKS["apgd_targeted"](sure, x, torch.zeros_like(y), **given)
    cost = CARDS["apgd_targeted"].passes(classes=6, **options)
    assert (meter.forwards / 19, meter.backwards / 19) == cost


def test_a_module_is_never_named_like_its_attack() -> None:
    code = (
        "import sys, advkit.attacks as a;"
        "assert not {f'advkit.attacks.{n}' for n in a.ATTACKS} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
