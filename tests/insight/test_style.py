"""Style transfer with a known result, and its printed output."""

import pytest
import torch
from torch import Tensor, nn

from advkit.engine import Objective, evaluate
from advkit.engine.average_pooling import AveragePools
from advkit.insight.canvas import Canvas, canvas_of
from advkit.insight.style import (
    Plan,
    calibrated,
    plain_losses,
    recoloured,
    scales_of,
    start_image,
    styled_objective,
    usual_layers,
    walk,
    wanted_of,
    with_colours_of,
)
from advkit.models.nets import build
from tests.insight.nets import noise, seeded


def canvas() -> Canvas:
    net = seeded(lambda: build("cnn", shape=(3, 16, 16), n_classes=4, width=6, hidden=16))
    return canvas_of(net, noise(1, 3, 16, 16))


LAYERS = (("4",), ("1", "4"))


def objective(content: Tensor, style: Tensor, **weights: float) -> Objective:
    plan = Plan(*LAYERS, **{"variation_weight": 0.0, **weights})
    wanted = wanted_of(canvas(), plan, content, [style], [1.0])
    terms = calibrated(canvas(), plan, wanted, content)
    return styled_objective(plain_losses(canvas(), plan, wanted), terms, plan.variation_weight)


def test_the_content_alone_stays_where_it_is() -> None:
    content, style = noise(1, 3, 16, 16), noise(1, 3, 20, 12, seed=1)
    asked = objective(content, style, style_weight=0)
    point = evaluate(asked, content)
    assert float(point.value) == 0
    assert (point.gradient == 0).all()
    for optimiser in ("lbfgs", "adam"):
        end = list(walk(asked, content, optimiser, 5))[-1][0]
        assert torch.allclose(end, content, atol=1 / 255)


def test_its_own_style_costs_nothing() -> None:
    content = noise(1, 3, 16, 16)
    assert float(evaluate(objective(content, content), content).value) == pytest.approx(0, abs=1e-6)


def test_a_texture_is_reached_and_the_loss_never_rises() -> None:
    content, style = noise(1, 3, 16, 16), noise(1, 3, 16, 16, seed=1) ** 3
    asked = objective(content, style, content_weight=0)
    values = [-float(point.value) for _, point in walk(asked, content, "lbfgs", 150)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-3 * values[0]


def test_layers_of_a_kind_begin_alike() -> None:
    content, style = noise(1, 3, 16, 16), noise(1, 3, 16, 16, seed=1) ** 2
    plan = Plan(*LAYERS, content_weight=1, style_weight=10)
    wanted = wanted_of(canvas(), plan, content, [style], [1.0])
    terms = calibrated(canvas(), plan, wanted, content)
    assert [(term.layer, term.kind) for term in terms] == [
        ("4", "content"), ("1", "style"), ("4", "style")]  # fmt: skip
    assert [term.weight * term.at_start for term in terms] == pytest.approx([1, 5, 5])
    assert all(term.slope > 0 for term in terms)


def test_styles_are_blended_by_their_shares() -> None:
    content = noise(1, 3, 16, 16)
    styles = [noise(1, 3, 16, 16, seed=s) ** s for s in (1, 3)]
    plan = Plan(*LAYERS)
    first, second = (wanted_of(canvas(), plan, content, [one], [1.0]).grams for one in styles)
    both = wanted_of(canvas(), plan, content, styles, [1.0, 3.0]).grams
    for a, b, blend in zip(first, second, both, strict=True):
        assert torch.allclose(blend, 0.25 * a + 0.75 * b)


def test_the_usual_layers_are_one_per_resolution() -> None:
    assert usual_layers(canvas()) == (("4",), ("1", "4", "5"))


def test_average_pools_are_met_however_they_are_called() -> None:
    x = noise(1, 2, 6, 6)
    wanted = 2 * nn.functional.avg_pool2d(x, 2)
    with AveragePools() as pools:
        found = [nn.MaxPool2d(2)(x), nn.functional.max_pool2d(x, 2), torch.max_pool2d(x, 2)]
    assert all(torch.equal(each, wanted) for each in found)
    assert pools.count == 3
    assert torch.equal(nn.MaxPool2d(2)(x), nn.functional.max_pool2d(x, 2))


def test_colours_are_kept_and_brightness_is_taken() -> None:
    content, image = noise(1, 3, 8, 8) * 0.2 + 0.4, noise(1, 3, 8, 8, seed=1) * 0.2 + 0.4
    found = with_colours_of(image, content)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose((weights * found).sum(1), (weights * image).sum(1), atol=1e-6)
    assert torch.allclose(found[:, 0] - found[:, 1], content[:, 0] - content[:, 1], atol=1e-6)


def test_recolouring_gives_mean_and_covariance() -> None:
    image, style = noise(1, 3, 9, 9) * 0.2 + 0.4, noise(1, 3, 7, 7, seed=1) * 0.2 + 0.3
    found, wanted = recoloured(image, style)[0].flatten(1), style[0].flatten(1)
    assert torch.allclose(found.mean(1), wanted.mean(1), atol=1e-5)
    assert torch.allclose(
        torch.cov(found, correction=0), torch.cov(wanted, correction=0), atol=1e-5
    )
    assert torch.allclose(recoloured(image, image), image, atol=1e-5)


def test_from_coarse_to_fine() -> None:
    assert scales_of(512) == [128, 256, 512]
    assert scales_of(200) == [200]


@pytest.mark.parametrize("kind", ["content", "noise", "zero"])
def test_where_a_transfer_begins(kind: str) -> None:
    content = noise(1, 3, 8, 8)
    found = start_image(kind, content, 0)  # type: ignore[arg-type]
    assert found.shape == content.shape
    assert torch.equal(found, content) == (kind == "content")
    assert float(found.std()) == pytest.approx(0, abs=1e-7) or kind != "zero"
