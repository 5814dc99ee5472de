"""The probability margin in a form that does not saturate."""

import pytest
import torch
from torch import Tensor

from advkit.engine import evaluate
from advkit.engine.objectives import log_odds, probability_margin, rivals


def logits(scale: float = 1.0, n: int = 6, classes: int = 5) -> Tensor:
    return scale * torch.randn(
        n, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


@pytest.mark.parametrize("aimed", [False, True])
def test_value_and_direction_are_those_of_the_difference_of_probabilities(aimed: bool) -> None:
    z, y = logits(), torch.tensor([0, 1, 2, 3, 4, 0])
    targets = (y + 1) % 5 if aimed else None
    up, down = rivals(z, y, targets)
    point = evaluate(probability_margin(lambda x: x, y, targets), z)
    p = z.requires_grad_().softmax(1)
    gap = (p.gather(1, up[:, None]) - p.gather(1, down[:, None])).squeeze(1)
    torch.testing.assert_close(point.value, 2 * gap.atanh().detach())
    (slope,) = torch.autograd.grad(gap.sum(), z)
    cosine = torch.nn.functional.cosine_similarity(point.gradient, slope)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_rivals_are_the_best_other_and_the_label_or_the_target_and_the_best_other() -> None:
    z = torch.tensor([[3.0, 1.0, 2.0], [0.0, -5.0, -1.0]])
    up, down = rivals(z, torch.tensor([0, 1]))
    assert (up.tolist(), down.tolist()) == ([2, 0], [0, 1])
    up, down = rivals(z, torch.tensor([0, 1]), torch.tensor([1, 2]))
    assert (up.tolist(), down.tolist()) == ([1, 2], [0, 0])


def test_it_has_a_slope_where_probabilities_in_float32_have_none() -> None:
    z = torch.tensor([[60.0, 10.0, 9.0]])
    y = torch.tensor([0])
    point = evaluate(probability_margin(lambda x: x, y), z)
    exact = evaluate(probability_margin(lambda x: x, y), z.double())
    torch.testing.assert_close(point.gradient.double(), exact.gradient, rtol=1e-4, atol=1e-6)
    assert point.gradient.abs().max() > 0.5
    assert (
        evaluate(probability_margin(lambda x: x.softmax(1).log(), y), z).gradient.isfinite().all()
    )


def test_log_odds() -> None:
    z, classes = logits(3.0), torch.tensor([0, 1, 2, 3, 4, 0])
    p = z.softmax(1).gather(1, classes[:, None]).squeeze(1)
    torch.testing.assert_close(log_odds(z, classes), (p / (1 - p)).log())
    assert log_odds(torch.tensor([[100.0, 0.0]]), torch.tensor([0])).item() == 100.0
