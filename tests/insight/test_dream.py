"""Dreams with a known result: of identities, without steps, in tiles."""

import pytest
import torch
from torch import Tensor

from advkit.engine import ascend, evaluate
from advkit.engine.layer_outputs import energy, guided_by
from advkit.insight.dream import Dream, dream_rule, dreamt, octave_sizes
from tests.insight.nets import noise


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
