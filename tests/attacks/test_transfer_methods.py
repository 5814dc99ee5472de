"""Transfer attacks compared with plain references, in limiting cases, and combined."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.attacks import ATTACKS, parse
from advkit.attacks.block_shuffle import _blocks, _places
from advkit.attacks.intermediate_level import layer_of
from advkit.attacks.patch_wise import around
from advkit.engine import NORMS, evaluate, metered
from advkit.engine.objectives import LOSSES, cross_entropy, margins
from advkit.engine.seeding import keys, uniform
from advkit.errors import UsageError
from advkit.models.classifier import Classifier
from advkit.models.ensemble import ensemble_of, mean_answer, nets_of
from tests.attacks.problems import affine, cnn, images

EPS, STEPS = 0.06, 6
AT_REST = {
    "nifgsm": {"steps": 1},
    "vmifgsm": {"neighbours": 1, "reach": 0.0},
    "pifgsm": {"amplification": 1.0},
    "pgn": {"neighbours": 1, "zone": 0.0, "balance": 0.0},
    "dim": {"probability": 0.0},
    "tim": {"sigma": 0.0},
    "sim": {"scales": 1},
    "admix": {"mixes": 1, "scales": 1, "strength": 0.0},
    "bsr": {"copies": 1, "blocks": 1, "degrees": 0.0},
    "ens": {},
    "svre": {"inner": 0},
}


def problem() -> tuple[nn.Module, Tensor, Tensor]:
    model, x = cnn(), images(12)
    return model, x, model(x).argmax(1)


def twin(model: nn.Module, x: Tensor, y: Tensor, steps: int, decay: float = 1.0) -> Tensor:
    """MI-FGSM as the paper has it (Dong et al. 2018, algorithm 1), one sample at a time."""
    ends = []
    for image, label in zip(x, y, strict=True):
        moved, velocity = image[None].clone(), torch.zeros_like(image[None])
        for _ in range(steps):
            moved.requires_grad_(True)
            (slope,) = torch.autograd.grad(F.cross_entropy(model(moved), label[None]), moved)
            velocity = decay * velocity + slope / slope.abs().sum()
            moved = (moved + 0.1 * EPS * velocity.sign()).detach()
            moved = torch.minimum(torch.maximum(moved, image - EPS), image + EPS).clamp(0, 1)
        ends.append(moved)
    return torch.cat(ends)


@pytest.mark.parametrize(("name", "decay"), [("mifgsm+ens", 1.0), ("bim+ens", 0.0)])
def test_the_walk_is_that_of_the_paper(name: str, decay: float) -> None:
    model, x, y = problem()
    attack = parse(f"{name}:steps={STEPS}", ATTACKS).attack
    found = attack(model, x, y, eps=EPS)
    wanted = twin(model, x, y, STEPS, decay)
    better = margins(model(wanted), y) > margins(model(x), y)
    torch.testing.assert_close(found[better], wanted[better])
    assert better.float().mean() > 0.8


@pytest.mark.parametrize("name", AT_REST)
def test_a_method_that_does_nothing_is_momentum_alone(name: str) -> None:
    model, x, y = problem()
    options = {"steps": STEPS, **AT_REST[name]}
    found = ATTACKS[name](model, x, y, eps=EPS, **options)
    torch.testing.assert_close(found, twin(model, x, y, options["steps"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in AT_REST if name not in ("ens", "nifgsm")])
def test_a_method_that_does_something_is_not(name: str) -> None:
    model, x, y = problem()
    found = ATTACKS[name](model, x, y, eps=EPS, steps=STEPS)
    assert not torch.allclose(found, twin(model, x, y, STEPS))


def test_a_look_ahead_is_where_momentum_alone_leads() -> None:
    model, x, y = problem()
    found = ATTACKS["nifgsm"](model, x, y, eps=EPS, steps=2)
    first = twin(model, x, y, 1)
    slope = evaluate(cross_entropy(model, y), x).gradient
    ahead = (first + 0.1 * EPS * slope.sign()).clamp(0, 1)
    then = evaluate(cross_entropy(model, y), ahead).gradient
    sizes = [each.abs().flatten(1).sum(1)[:, None, None, None] for each in (slope, then)]
    second = (first + 0.1 * EPS * (slope / sizes[0] + then / sizes[1]).sign()).clamp(0, 1)
    torch.testing.assert_close(found, second, rtol=0, atol=1e-6)


def test_variance_is_the_difference_one_step_before() -> None:
    """With gradients that are the same everywhere there is none."""
    model = affine(20).requires_grad_(False)
    x = torch.full((3, 20), 0.5) + 0.001 * torch.arange(60).reshape(3, 20)
    y = model(x).argmax(1)
    plain, tuned = (
        parse(f"{name}:loss=margin,steps=4", ATTACKS).attack(model, x, y, eps=0.01)
        for name in ("mifgsm+ens", "vmifgsm")
    )
    torch.testing.assert_close(plain, tuned)


def test_the_pixels_around() -> None:
    x = torch.randn(3, 2, 6, 5)
    kernel = torch.ones(2, 1, 3, 3)
    kernel[:, :, 1, 1] = 0
    torch.testing.assert_close(around(x, 3), F.conv2d(x, kernel, padding=1, groups=2))


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_shuffle_keeps_every_pixel(blocks: int) -> None:
    u = uniform(keys(0, None, torch.zeros(9)), (2, blocks))
    places = _places(13, u[:, 0], u[:, 1])
    assert (places.old.sort(1).values == torch.arange(13)).all()
    x = images(9)
    shuffled = _blocks(x, keys(0, None, x), 5, blocks, 0.0)
    for one, other in zip(x, shuffled, strict=True):
        torch.testing.assert_close(one.flatten().sort().values, other.flatten().sort().values)
    assert torch.allclose(x, shuffled, atol=1e-5) == (blocks == 1)


def test_along_a_layer_of_a_linear_model_the_second_walk_is_the_first() -> None:
    """Two classes: what the first walk does to the logits is what plain steps raise."""
    model = affine(20).requires_grad_(False)
    x = torch.full((3, 20), 0.5) + 0.001 * torch.arange(60).reshape(3, 20)
    y = model(x).argmax(1)
    found = ATTACKS["ila"](model, x, y, eps=0.01, steps=10)
    exact = x + 0.01 * torch.where(y[:, None] == 1, -1, 1) * model.weight.sign()
    torch.testing.assert_close(found, exact)


def test_which_layer() -> None:
    model = cnn()
    names = [name for name, module in model.named_modules() if hasattr(module, "weight")]
    assert layer_of(model, "") is dict(model.named_modules())[names[len(names) // 2]]
    assert layer_of(model, names[0]) is dict(model.named_modules())[names[0]]
    assert layer_of(lambda x: x, "") is None
    with pytest.raises(UsageError, match="no layer 'nowhere'"):
        layer_of(model, "nowhere")


@pytest.mark.parametrize(
    ("name", "of_one", "of_two"),
    [
        ("ens", {}, {}),
        ("ens", {"fuse": "probability"}, {"fuse": "probability"}),
        ("ens", {"fuse": "loss"}, {"fuse": "loss"}),
        ("svre", {"inner": 4}, {"inner": 2}),  # of each net
    ],
)
def test_several_nets_that_are_one_net(name: str, of_one: dict, of_two: dict) -> None:
    model, x, y = problem()
    net = Classifier(model, name="one")
    alone = ATTACKS[name](net, x, y, eps=EPS, steps=4, **of_one)
    twice = ATTACKS[name](ensemble_of([net, net], "two"), x, y, eps=EPS, steps=4, **of_two)
    torch.testing.assert_close(alone, twice, rtol=0, atol=1e-6)


def test_what_is_averaged() -> None:
    nets = [Classifier(cnn(classes), name=str(classes)) for classes in (4, 4)]
    with torch.no_grad():
        for parameter in nets[1].parameters():
            parameter.mul_(0.5)
    x, whole = images(5), ensemble_of(nets, "both")
    assert nets_of(whole) == nets
    assert nets_of(nets[0]) == [nets[0]]
    answers = [net(x) for net in nets]
    torch.testing.assert_close(whole(x), (answers[0] + answers[1]) / 2)
    mean = mean_answer(nets, x, "probability").softmax(1)
    torch.testing.assert_close(mean, (answers[0].softmax(1) + answers[1].softmax(1)) / 2)


def test_names_with_plus_take_the_options_of_all() -> None:
    model, x, y = problem()
    member = parse("mifgsm+dim+tim:steps=3,probability=0,sigma=0", ATTACKS)
    assert member.options["smallest"] == 0.9
    torch.testing.assert_close(member.attack(model, x, y, eps=EPS), twin(model, x, y, 3))
    both = parse("dim+tim:steps=3", ATTACKS).attack(model, x, y, eps=EPS)
    for alone in ("dim", "tim"):
        assert not torch.equal(both, ATTACKS[alone](model, x, y, eps=EPS, steps=3))


@pytest.mark.parametrize(
    "name", ["mifgsm+dim+tim", "vmifgsm+sim:neighbours=2", "svre+bsr:inner=1,copies=2"]
)
def test_put_together_no_result_depends_on_the_batch(name: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(11)
    y, ids = model(x).argmax(1), [f"image {i}" for i in range(11)]
    attack = partial(parse(name, ATTACKS).attack, eps=EPS, steps=3)
    whole = attack(model, x, y, ids=ids)
    ones = [attack(model, x[i : i + 1], y[i : i + 1], ids=ids[i : i + 1]) for i in range(11)]
    assert torch.equal(torch.cat(ones), whole)
    assert (NORMS["Linf"].size(whole - x) <= EPS * (1 + 1e-6) + 1e-7).all()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mifgsm+pgd", "'pgd' cannot be combined"),
        ("dim+dim", "one method twice"),
        ("vmifgsm+pgn", "vmifgsm and pgn"),
        ("mifgsm+dim:copies=3", "no option 'copies'"),
    ],
)
def test_what_cannot_be_put_together(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse(name, ATTACKS)


@pytest.mark.parametrize("name", ["bim", "pgd", "mifgsm"])
def test_who_does_not_stop_goes_further(name: str) -> None:
    model, x, y = problem()
    with metered(model) as meter:
        far = ATTACKS[name](model, x, y, eps=0.2, steps=10, stop=False)
    assert (meter.forwards, meter.backwards) == (12 * 11, 12 * 10)
    near = ATTACKS[name](model, x, y, eps=0.2, steps=10)
    assert margins(model(far), y).mean() > margins(model(near), y).mean() + 0.1


def test_the_mean_of_losses_has_the_mean_gradient() -> None:
    model, x, y = problem()
    other = cnn()
    with torch.no_grad():
        other[-1].weight.copy_(other[-1].weight.roll(1, 0) / 3)
    nets = [Classifier(model, name="a"), Classifier(other, name="b")]
    found = ATTACKS["ens"](ensemble_of(nets, "both"), x, y, eps=EPS, steps=1, fuse="loss")
    slopes = [evaluate(LOSSES["ce"](net, y), x).gradient for net in nets]
    wanted = (x + 0.1 * EPS * (slopes[0] + slopes[1]).sign()).clamp(0, 1)
    moved = (found != x).flatten(1).any(1)
    assert moved.any()
    torch.testing.assert_close(found[moved], wanted[moved])
