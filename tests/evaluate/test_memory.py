"""Out of memory: the batch is halved, down to one sample; the rows stay the same."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.evaluate.memory import halved, is_out_of_memory
from advkit.evaluate.shards import Queue
from advkit.models.classifier import Classifier
from tests.evaluate.small import digits_net, run, table


class Hungry(nn.Module):
    """A net that takes so many images at once and no more, and says so as torch does."""

    def __init__(self, most: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.net, self.most, self.error = digits_net(), most, error
        self.refused: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most and torch.is_grad_enabled():
            self.refused.append(len(x))
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.net(x)  # type: ignore[no-any-return]


ATTACKS = ("fgsm", "pgd:steps=5")


def same(a: Path, b: Path) -> None:
    order = ["eps", "attack", "id"]
    rows = [table(out).sort_values(order, ignore_index=True) for out in (a, b)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_the_batch_is_halved_and_the_run_goes_on(tmp_path: Path, error: Any) -> None:
    hungry = Hungry(24, error)
    given = {"attacks": ATTACKS, "bounds": "off", "fold": False}
    run(tmp_path / "hungry", model=Classifier(hungry, name="digits"), batch_size=64, **given)
    run(tmp_path / "full", model=Classifier(Hungry(10**6), name="digits"), **given)
    same(tmp_path / "hungry", tmp_path / "full")
    stages = 2 * 3  # attacks and eps
    assert 0 < len(hungry.refused) <= 2 * stages, "the size that fits is tried anew each time"


def test_memory_that_does_not_suffice_for_one_is_told(tmp_path: Path) -> None:
    def none(_at: list[int]) -> int:
        raise MemoryError

    with pytest.raises(MemoryError):
        halved(none, [1, 2, 3])


def test_parts_cover_all_and_are_in_order() -> None:
    def at_most_three(at: list[int]) -> list[int]:
        if len(at) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        return at

    parts = halved(at_most_three, list(range(20)))
    assert [i for part in parts for i in part] == list(range(20))


def test_another_error_is_no_reason_to_halve() -> None:
    tried = []

    def wrong(at: list[int]) -> None:
        tried.append(at)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        halved(wrong, [1, 2, 3, 4])
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (InputError("the attack pgd failed"), False),
    ],
)  # fmt: skip
def test_out_of_memory_is_known_by_what_it_says(error: Exception, is_it: bool) -> None:
    assert is_out_of_memory(error) == is_it


def test_after_a_smaller_part_the_queue_gives_no_more_at_once() -> None:
    queue = Queue(list(range(20)), 8)
    given = []
    for at in queue:
        given.append(at)
        queue.at_most(3)
    assert [len(at) for at in given] == [8, 3, 3, 3, 3]
    assert [i for at in given for i in at] == list(range(20))
