from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import advkit
from advkit.errors import InputError
from advkit.evaluate.model_checks import check_alone

IMAGES = advkit.load_data("bundled:digits", limit=20)


class Bent(nn.Module):
    """The bundled net, asked for ``function`` of the images."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.function = advkit.load_model("bundled:digits-cnn").net, function

    def forward(self, x: Tensor) -> Any:
        return self.net(self.function(x))


def bent(function: Callable[[Tensor], Tensor]) -> advkit.Classifier:
    return advkit.Classifier(Bent(function), name="mine")


def in_company(x: Tensor) -> Tensor:
    return x - x.mean(0, keepdim=True) + 0.3


@pytest.mark.parametrize("run", ["audit", "attack", "certify"])
def test_a_model_that_looks_at_the_whole_batch_is_refused(run: str, tmp_path: Path) -> None:
    words: dict[str, Any] = {"eps": 0.1, "out": tmp_path}
    words |= {"name": "fgsm"} if run == "attack" else {}
    with pytest.raises(InputError, match="alone than in a batch") as caught:
        getattr(advkit, run)(model=bent(in_company), data=IMAGES, **words)
    assert "batch norm" in caught.value.hint


def test_answers_at_random_are_not_mistaken_for_that() -> None:
    check_alone(bent(lambda x: x), IMAGES.x)
    check_alone(bent(lambda x: x + 0.2 * torch.randn_like(x)), IMAGES.x)
    check_alone(bent(in_company), IMAGES.x[:1])


@pytest.mark.parametrize("attack", ["fgsm", "square:queries=5"])
def test_an_attack_along_no_gradient_is_noted(attack: str, tmp_path: Path) -> None:
    model = bent(lambda x: (x * 255).to(torch.uint8) / 255)
    found = advkit.attack(attack, model, IMAGES, eps=0.1, out=tmp_path)
    told = [note for note in found["notes"] if note.startswith("no gradient comes from")]
    assert len(told) == (attack == "fgsm")


def test_a_model_that_may_be_guessing_is_noted_by_an_attack(tmp_path: Path) -> None:
    right = advkit.attack("fgsm", bent(lambda x: x), IMAGES, eps=0.1, out=tmp_path / "a")
    wrong = advkit.attack("fgsm", bent(lambda x: x / 255), IMAGES, eps=0.1, out=tmp_path / "b")
    assert [any("may be guessing" in note for note in found["notes"]) for found in (right, wrong)
            ] == [False, True]  # fmt: skip
