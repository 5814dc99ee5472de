"""Activation maximisation: of a linear score with a known result, of classes and neurons."""

import pytest
import torch
from torch import Tensor

from advkit.engine import Objective, climb, evaluate, rules
from advkit.engine.gradient import Point
from advkit.engine.layer_outputs import code_of
from advkit.errors import InputError, UsageError
from advkit.insight.canvas import canvas_of
from advkit.insight.recipes import RECIPES, Recipe, pixel_rule
from advkit.insight.stimuli import against, stimulus
from advkit.insight.visualization import alike, pictures_of
from tests.insight.nets import cnn, noise

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


NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("what", ["c", "0[1]"])
def test_several_of_one_target_have_a_score_each(what: str) -> None:
    canvas = canvas_of(cnn(1), noise(1, 1, 12, 12))
    one = stimulus(canvas, what, NAMES)
    made = pictures_of(one.objective, canvas, RECIPES["spectrum"], steps=3, ids=["x", "y"])
    assert not torch.equal(made[0].image, made[1].image)
    alone = [float(evaluate(one.objective, each.image[None], False).value) for each in made]
    assert [each.score for each in made] == pytest.approx(alone, rel=1e-5)


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
     ("1[99]", InputError, "outside the layer"), ("1[2]x", UsageError, "not a neuron")],
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


def test_rules_come_back_the_same_with_one_seed() -> None:
    canvas = canvas_of(cnn(), noise(1, 1, 12, 12))
    one = stimulus(canvas, "a", NAMES)
    first, same = (pictures_of(one.objective, canvas, RECIPES["jittered"], steps=5, ids=["x"])[0]
                   for _ in range(2))  # fmt: skip
    other = pictures_of(one.objective, canvas, RECIPES["jittered"], steps=5, ids=["x"], seed=1)[0]
    assert torch.equal(first.image, same.image)
    assert not torch.equal(first.image, other.image)
    assert rules.cosine(0, 5) == 1
