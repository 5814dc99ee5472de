"""The search for the fewest entries, tested with runs whose required count is known."""

import torch
from torch import Tensor

from advkit.attacks.minimum import Nearest
from advkit.attacks.search_over_counts import of_few_entries, search_over_counts
from advkit.engine import Objective, last
from advkit.engine.ascend import ascend
from advkit.engine.rules import adam, box, within

SIZE = 784


def searched(need: list[int], stop: float = 0.0, rounds: int = 20) -> tuple[Nearest, list[int]]:
    """Search with walks that fool if they may move as many entries as are needed."""
    x, needed, paid = torch.zeros(len(need), SIZE), torch.tensor(need), [0] * len(need)

    def walk(index: Tensor, start: Tensor, count: Tensor, number: int) -> Nearest:
        assert start.shape == (len(index), SIZE)
        assert number < rounds
        for at in index.tolist():
            paid[at] += 1
        moved = (torch.arange(SIZE) < count[:, None]).float()
        fooled = count >= needed[index]
        return Nearest(moved * fooled[:, None], torch.where(fooled, count, torch.inf))

    stops = torch.full((len(need),), stop)
    return search_over_counts(walk, x, stops, rounds), paid


def test_it_ends_at_the_fewest_that_do() -> None:
    need = [1, 2, 3, 5, 17, 100, 500, 783, 784]
    found, paid = searched(need)
    assert found.distance.tolist() == need
    assert (found.x != 0).sum(1).tolist() == need
    assert max(paid) < 20, "who is done leaves"
    assert max(paid[:5]) <= 9


def test_what_never_fools_stays_the_image_and_pays_for_every_round() -> None:
    found, paid = searched([1000, 3], rounds=6)
    assert found.distance.isinf().tolist() == [True, False]
    assert not found.x[0].any()
    assert paid[0] == 6


def test_near_enough_ends_it() -> None:
    found, paid = searched([3], stop=40.0)
    assert 3 <= found.distance <= 40
    assert paid == [2]


def test_those_move_that_promise_most_and_the_others_are_put_back() -> None:
    x = torch.tensor([[0.1, 0.5, 0.9, 0.5]])
    start = torch.tensor([[0.1, 0.5, 0.9, 0.2]])
    slope = torch.tensor([1.0, 1.5, 3.0, -1.0])  # by going to a wall: 0.9, 0.75, 0.3, 0.5
    objective = Objective(lambda z: ((z * slope).sum(1), z))
    rule = within(of_few_entries(adam(0.3), x, torch.tensor([2.0])), box())
    assert torch.allclose(last(ascend(objective, start, rule, 5)), torch.tensor([[1, 1, 0.9, 0.5]]))
