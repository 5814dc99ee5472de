"""Pictures whose answer is known: of linear scores, linear layers, identities."""

import pytest
import torch
from torch import Tensor, nn

from advkit.engine import Objective, ascend, climb, evaluate, rules
from advkit.engine.codes import code_distance, code_of, codes_of, energy, guided_by
from advkit.engine.gradient import Point
from advkit.engine.quasi_newton import lbfgs
from advkit.errors import InputError, UsageError
from advkit.insight.canvas import canvas_of, stages
from advkit.insight.dream import Dream, dream_rule, dreamt, octave_sizes
from advkit.insight.fooling import ascended, evolved, manifold, start_of
from advkit.insight.inversion import Priors, inverted, regularised
from advkit.insight.recipes import RECIPES, Recipe, pixel_rule
from advkit.insight.stimuli import against, stimulus
from advkit.insight.visualization import alike, pictures_of
from advkit.models.nets import build
from tests.insight.nets import noise, seeded

W = torch.tensor([3.0, -1.0, 2.0], dtype=torch.float64)
LAMBDA, RATE, BIAS = 0.25, 0.3, 0.7


def linear_score(x: Tensor) -> tuple[Tensor, Tensor]:
    score = x.flatten(1) @ W.to(x) + BIAS
    return score, score[:, None]


def rose(steps: int) -> list[Point]:
    start = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    recipe = Recipe("", decay=2 * LAMBDA * RATE)
    rule = pixel_rule(recipe, start, torch.tensor([RATE], dtype=torch.float64), inside=False)
    return list(climb(lambda _step: Objective(linear_score), start, rule, steps))


def test_the_class_image_of_a_linear_score() -> None:
    """argmax w.x + b - lambda |x|^2 is w / (2 lambda), where it is b + |w|^2 / (4 lambda)."""
    best = W / (2 * LAMBDA)
    assert best.tolist() == [6, -2, 4]
    x = rose(300)[-1].x.flatten()
    assert torch.allclose(x, best, atol=1e-12)
    value = float(W @ x + BIAS - LAMBDA * x.square().sum())
    assert value == pytest.approx(BIAS + float(W.square().sum()) / (4 * LAMBDA), abs=1e-9)


def test_every_step_towards_it() -> None:
    for k, point in enumerate(rose(12)):
        share = 1 - (1 - 2 * LAMBDA * RATE) ** k
        assert torch.allclose(point.x.flatten(), share * W / (2 * LAMBDA), atol=1e-12)


def linear_code(matrix: Tensor) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)).double()
    net[0].weight.data = matrix.clone()
    return net


@pytest.mark.parametrize("power", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(5, 5), (3, 5)])
def test_inversion_of_a_linear_layer(shape: tuple[int, int], power: float) -> None:
    """Exact for a square layer, the pseudo-inverse for a wide one; ridge with lambda |x|^2."""
    matrix = noise(*shape).double() + torch.eye(*shape, dtype=torch.float64)
    x0 = noise(1, 5, seed=2).double()
    net = linear_code(matrix)
    wanted = net(x0).detach()
    size = wanted.square().sum()
    distance = code_distance(code_of(net, net, "0"), wanted)
    objective = Objective(
        lambda x, w: (distance.function(x, w)[0] - power * x.square().sum(1) / size, x), (wanted,)
    )
    found = list(lbfgs(objective, torch.zeros(1, 5, dtype=torch.float64), 60))[-1].x[0]
    if power:
        ridge = matrix.T @ matrix + power * torch.eye(5, dtype=torch.float64)
        assert torch.allclose(found, torch.linalg.solve(ridge, matrix.T @ wanted[0]), atol=1e-7)
    else:
        assert torch.allclose(found, torch.linalg.pinv(matrix) @ wanted[0], atol=1e-7)


def test_its_own_code_costs_nothing() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2)))
    x = noise(1, 1, 8, 8)
    code = code_of(net, net, "2")
    point = evaluate(code_distance(code, code(x)), x)
    assert float(point.value) == 0
    assert (point.gradient == 0).all()


def test_a_pooled_layer_is_reached_though_its_image_is_not() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)))
    x = noise(1, 1, 8, 8)
    canvas = canvas_of(net, x)
    code = code_of(net, net, "2")
    priors = Priors(0, 0)
    made = {how: inverted(code, code(x), canvas, priors=priors, optimiser=how, steps=150)
            for how in ("adam", "lbfgs", "momentum")}  # fmt: skip
    assert made["adam"].code_error < 0.01
    assert made["lbfgs"].code_error < 0.03
    assert made["momentum"].values[-1] > made["momentum"].values[0] / 10
    assert (made["adam"].image - x[0]).abs().max() > 0.01  # what the pool forgot is not known


def test_priors_carry_over_to_any_size() -> None:
    """The weight of an image does not depend on how often it is repeated."""
    code = lambda x: x.mean((2, 3))  # noqa: E731
    wave = torch.tensor([0.2, 0.6]).repeat(8).view(1, 1, 1, 16).expand(1, 1, 16, 16)
    twice = wave.repeat(1, 1, 2, 2)
    values = [float(regularised(code, code(x), Priors(1, 1))(x)[0]) for x in (wave, twice)]
    assert values[0] == pytest.approx(values[1], rel=0.1)
    assert values[0] < -0.05


def test_a_dream_of_the_identity() -> None:
    x = torch.tensor([1.0, -3.0, 2.0]).view(1, 1, 1, 3)
    rule = dream_rule(1.5, -10, 10)
    after = list(ascend(energy(lambda x: x), x, rule, 1))[-1].x
    assert after.flatten().tolist() == [1.75, -5.25, 3.5]


@pytest.mark.parametrize("octaves", [1, 2, 4])
def test_no_steps_no_dream(octaves: int) -> None:
    x = noise(1, 3, 40, 61)
    plan = Dream(octaves=octaves, steps=0, least=8)
    assert torch.equal(dreamt(energy(lambda x: x), x, plan), x)


def test_jitter_does_not_matter_where_edges_do_not() -> None:
    def code(x: Tensor) -> Tensor:
        return x - x.roll(1, 2) + 0.5 * x.roll(1, 3)

    x = noise(1, 1, 24, 20) * 0.5 + 0.25
    still, moved = (dreamt(energy(code), x, Dream(2, steps=4, jitter=j, least=8)) for j in (0, 7))
    assert torch.allclose(still, moved, atol=1e-6)
    assert (still - x).abs().max() > 0.01


def test_tiles_give_what_the_whole_gives() -> None:
    """For a layer whose units see one pixel each, where a cut cannot matter."""
    x = noise(1, 3, 30, 50) * 0.5 + 0.2
    whole, parts = (
        dreamt(energy(lambda x: x - 0.3), x, Dream(2, steps=3, tile=t, least=8)) for t in (99, 16)
    )
    assert torch.allclose(whole, parts, atol=1e-6)


def test_small_octaves_are_left_out() -> None:
    assert octave_sizes(100, 140, Dream(octaves=5, scale=2, least=40)) == [(50, 70), (100, 140)]


def test_a_guided_dream_goes_to_its_guide() -> None:
    guide = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).view(1, 2, 2, 1)  # two patches: (1, 0), (0, 2)
    x = torch.tensor([3.0, 1.0]).view(1, 2, 1, 1)
    point = evaluate(guided_by(lambda x: x, guide), x)
    assert float(point.value) == 3  # 3 x 1 of the first patch beats 1 x 2 of the second
    assert point.gradient.flatten().tolist() == [1, 0]


def cnn(channels: int = 1) -> nn.Module:
    net = seeded(lambda: build("cnn", shape=(channels, 12, 12), n_classes=4, width=6, hidden=16))
    return net.requires_grad_(False)


NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_recipe_raises_its_score(name: str, channels: int) -> None:
    net = cnn(channels)
    canvas = canvas_of(net, noise(1, channels, 12, 12))
    one = stimulus(canvas, "c", NAMES)
    grey = float(evaluate(one.objective, canvas.mean.expand(1, channels, 12, 12), False).value)
    (made,) = pictures_of(one.objective, canvas, RECIPES[name], steps=30, ids=["x"])
    assert made.score > grey
    assert not made.dead
    assert len(made.values) == 31
    again = net(made.image[None])[0, 2]
    assert float(again) == pytest.approx(made.score, rel=1e-6)
    levels = made.image * 255
    assert torch.equal(levels, levels.round())


def test_pictures_of_one_kind_kept_apart() -> None:
    net = cnn()
    canvas = canvas_of(net, noise(1, 1, 12, 12))
    one = stimulus(canvas, "1[2]", NAMES)
    code = code_of(net, net, "1")

    def likeness(apart: float) -> float:
        made = pictures_of(one.objective, canvas, RECIPES["spectrum"], steps=40,
                           ids=["0", "1", "2"], likeness=code, apart=apart)  # fmt: skip
        return float(alike(code(torch.stack([each.image for each in made]))).mean())

    assert likeness(5.0) < likeness(0.0) - 0.01


def test_neurons_directions_and_their_opposites() -> None:
    net = cnn()
    canvas = canvas_of(net, noise(1, 1, 12, 12))
    x = noise(1, 1, 12, 12)
    maps = code_of(net, net, "1")(x)

    def value(text: str) -> float:
        return float(stimulus(canvas, text, NAMES).objective(x)[0])

    assert value("1[2]") == pytest.approx(float(maps[0, 2].mean()))
    assert value("1[2,3,4]") == pytest.approx(float(maps[0, 2, 3, 4]))
    assert value("1[2] - 1[3,0,0]") == pytest.approx(float(maps[0, 2].mean() - maps[0, 3, 0, 0]))
    one = stimulus(canvas, "9[1]", NAMES)
    assert float(against(one).objective(x)[0]) == -float(net(x)[0, 1])


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [("e", UsageError, "no class"), ("layr[3]", UsageError, "no layer 'layr'"),
     ("1[99]", InputError, "outside the layer"), ("1[2]x", UsageError, "no neuron")],
)  # fmt: skip
def test_what_cannot_be_excited(text: str, error: type[Exception], words: str) -> None:
    canvas = canvas_of(cnn(), noise(1, 1, 12, 12))
    with pytest.raises(error, match=words.replace("'", ".")):
        stimulus(canvas, text, NAMES)


def test_a_dead_unit_is_said_to_be_dead() -> None:
    net = cnn()
    net[0].bias.data[3] = -100.0
    canvas = canvas_of(net, noise(1, 1, 12, 12))
    one = stimulus(canvas, "1[3]", NAMES)
    (made,) = pictures_of(one.objective, canvas, RECIPES["spectrum"], steps=3, ids=["x"])
    assert made.dead
    assert made.score == 0


def test_codes_end_the_pass_where_they_are_known() -> None:
    net = cnn()
    look = codes_of(net, net, ["4", "1", "4"])
    maps = look(noise(1, 1, 20, 16))  # the head could not take this size
    assert [tuple(each.shape) for each in maps] == [(1, 12, 10, 8), (1, 6, 20, 16), (1, 12, 10, 8)]
    assert not any(module._forward_hooks for module in net.modules())
    with pytest.raises(UsageError, match="no layer"):
        codes_of(net, net, ["nine"])(noise(1, 1, 12, 12))


def test_stages_are_one_per_resolution() -> None:
    assert [call.name for call in stages(canvas_of(cnn(), noise(1, 1, 12, 12)))] == [
        "1", "4", "5", "8", "9"]  # fmt: skip


def test_lbfgs_only_rises_and_stays_within_its_passes() -> None:
    net = cnn().double()
    asked = 0

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal asked
        asked += 1
        logits = net(x)
        return -(logits - wanted).square().sum(1), logits

    wanted = net(noise(1, 1, 12, 12, seed=1).double()).detach()
    points = list(lbfgs(Objective(value), noise(1, 1, 12, 12).double(), 100, passes=60))
    values = [float(point.value) for point in points]
    assert values == sorted(values)
    assert asked <= 60 + 25
    assert values[-1] > -1e-3


@pytest.mark.parametrize("kind", ["noise", "zero"])
@pytest.mark.parametrize("regularised", [False, True])
def test_fooled_from_nothing(kind: str, regularised: bool) -> None:
    net = cnn()
    start = start_of(kind, (1, 12, 12), torch.zeros(1, 1, 1, 1), 0, "x")
    scaled = nn.Sequential(net, Times(100.0))
    made = ascended(scaled, start, 2, regularised=regularised)
    assert made.probability > 0.999
    assert float(scaled(made.image[None]).softmax(1)[0, 2]) == pytest.approx(made.probability)
    steps = [made.reached[key] for key in ("0.5", "0.9", "0.99", "0.999")]
    assert steps == sorted(steps)
    assert made.image.min() >= 0
    assert made.image.max() <= 1


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def test_evolution_needs_no_gradient_and_never_falls() -> None:
    net = cnn()

    def ask(x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        return 30 * net(x)

    start = start_of("noise", (1, 12, 12), torch.zeros(1, 1, 1, 1), 0, "x")
    made = evolved(ask, start, 1, steps=25)
    assert made.values == sorted(made.values)
    assert made.values[-1] > 1.5 * made.values[0]
    assert made.values == evolved(ask, start, 1, steps=25).values


def test_distance_from_a_manifold() -> None:
    line = torch.stack([torch.arange(20.0), torch.zeros(20)], 1)
    known = manifold(line, neighbours=1)
    assert (known.own == 1).all()
    far, near = known.distance(torch.tensor([[3.0, 7.0], [3.2, 0.0]])).tolist()
    assert far == pytest.approx(7)
    assert near == pytest.approx(0.2)
    assert known.rarity(torch.tensor([[3.0, 7.0], [3.2, 0.0]])).tolist() == [0, 1]


def test_rules_come_back_the_same_with_one_seed() -> None:
    canvas = canvas_of(cnn(), noise(1, 1, 12, 12))
    one = stimulus(canvas, "a", NAMES)
    first, same = (pictures_of(one.objective, canvas, RECIPES["jittered"], steps=5, ids=["x"])[0]
                   for _ in range(2))  # fmt: skip
    other = pictures_of(one.objective, canvas, RECIPES["jittered"], steps=5, ids=["x"], seed=1)[0]
    assert torch.equal(first.image, same.image)
    assert not torch.equal(first.image, other.image)
    assert rules.cosine(0, 5) == 1
