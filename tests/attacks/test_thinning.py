"""How thinning spends its passes: secants, gradients at sparse points, swaps with a memory."""

import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.attacks.sparse_search import MEMORY, Search, begin, search
from advkit.attacks.sparse_swaps import swaps
from advkit.engine import metered
from tests.attacks.problems import Affine, cnn


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def seen_by(model: nn.Module, asked: list[Tensor]) -> torch.utils.hooks.RemovableHandle:
    return model.register_forward_pre_hook(lambda _m, args: asked.append(args[0].detach().clone()))


def test_a_secant_finds_the_count_of_a_linear_model_at_once() -> None:
    g = torch.Generator().manual_seed(1)
    weight, x = torch.randn(1000, generator=g), torch.full((6, 1000), 0.5)
    won = (weight.abs() / 2).sort(descending=True).values.cumsum(0)
    exact = [3, 5, 9, 60, 200, 500]  # far from the first guess, the root of 1,000, too
    for count in exact:
        level = won[count - 1] - (won[count - 1] - won[count - 2]) / 2
        model = Affine(weight, -level - (x[0] @ weight))
        y = torch.zeros(1, dtype=torch.long)
        found = ATTACKS["thinning"](model, x[:1], y, walks=1, steps=3, swaps=0)
        assert (found != x[:1]).sum() == count


def test_gradients_are_taken_at_sparse_points_only_where_a_push_fools() -> None:
    weight = torch.linspace(1, 2, 100)
    x, y = torch.full((1, 100), 0.5), torch.zeros(1, dtype=torch.long)
    for distance, sparse in ((0.05, 9), (0.2, 5)):  # of pushes; 4 of the 9 are counts alone
        model, asked = Affine(weight, -x[0] @ weight - distance * weight.sum()), list[Tensor]()
        spy = seen_by(model, asked)
        ATTACKS["thinning"](model, x, y, walks=1, steps=4, swaps=0)
        spy.remove()
        walls = [((p == x) | (p == 0) | (p == 1)).all() and (p != x).any() for p in asked]
        assert sum(bool(each) for each in walls) == sparse


def at_three(x: Tensor, y: Tensor, slope: Tensor) -> Search:
    """Return the state at a point that fools, with the first three places changed."""
    stop, three = torch.zeros(len(x)), torch.full((len(x),), 3.0)
    base = x.clone()
    base[:, :, :3] = 1
    start = begin(x, y, (), (), stop, torch.zeros(len(x), dtype=torch.long))
    return start._replace(found=base, size=three, fewest=three, slope=slope, base=base)


def test_no_swap_is_tried_twice_until_all_that_are_remembered_failed() -> None:
    weight = torch.full((40,), 0.125)
    weight[:3] = 1.0  # of two places, none is better than any two of these
    model, asked = Affine(weight, torch.tensor(-2.5)), list[Tensor]()
    x, y = torch.zeros(1, 1, 40), torch.zeros(1, dtype=torch.long)
    spy = seen_by(model, asked)
    search(model, at_three(x, y, draw(1, 1, 40, seed=3)), (40,), swaps(6, 0.1, 0))
    spy.remove()
    pairs = [p.flatten().nonzero().flatten().tolist() for p in asked if p.sum() == 2]
    tried = [tuple(pair) for pair in pairs if len(pair) == 2][: 1 + MEMORY]
    assert len(set(tried)) == len(tried) == 1 + MEMORY


def test_a_hundred_passes_are_enough_and_none_more_is_made() -> None:
    model, x = cnn(), draw(6, 1, 9, 7)
    y = model(x).argmax(1)
    for k in range(len(x)):
        with metered(model) as meter:
            ATTACKS["thinning"](model, x[k : k + 1], y[k : k + 1], walks=1, steps=13, swaps=10)
        assert meter.forwards + meter.backwards <= 100
