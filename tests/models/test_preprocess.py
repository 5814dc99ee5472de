"""Preprocessing of pixels, compared with the same by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advkit.errors import InputError, UsageError
from advkit.models.classifier import Classifier
from advkit.models.preprocess import GRAY, preprocess_of, preprocessed

X = torch.rand(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))


class Seen(nn.Module):
    """Answers with what it is given."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def seen(text: str, x: Tensor = X, **others: Any) -> Tensor:
    model = Classifier(Seen(), name="seen", shape=tuple(x.shape[1:]), **others)
    return preprocessed(model, preprocess_of(text))(x)


def written(path: Path, text: str) -> str:
    (path / "own.toml").write_text(text)
    return str(path / "own.toml")


def per_channel(values: list[float]) -> Tensor:
    return torch.tensor(values).view(3, 1, 1)


def test_a_name_replaces_what_the_model_had() -> None:
    had = {"mean": [0.9, 0.9, 0.9], "std": [9.0, 9.0, 9.0]}
    assert torch.equal(seen("none", **had), X.flatten(1))
    mean, std = per_channel([0.485, 0.456, 0.406]), per_channel([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen("imagenet", **had), ((X - mean) / std).flatten(1))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("input_range = [0, 255]", X * 255),
        ("input_range = [-1, 1]", X * 2 - 1),
        (
            "input_range = [0, 255]\nmean = [104, 117, 123]\nchannels = 'bgr'",
            X.flip(1) * 255 - per_channel([104.0, 117.0, 123.0]),
        ),
        ("layout = 'hwc'", X.permute(0, 2, 3, 1)),
        ("channels = 'gray'", (X * torch.tensor(GRAY).view(3, 1, 1)).sum(1, keepdim=True)),
        (
            "size = 4\ninterpolation = 'nearest'",
            nn.functional.interpolate(X, (4, 4), mode="nearest"),
        ),
        (
            "size = [4, 3]",
            nn.functional.interpolate(X, (4, 3), mode="bilinear", antialias=True),
        ),
        (
            "size = [4, 3]\nantialias = false\ninterpolation = 'bicubic'\nstd = [0.5, 0.5, 0.5]",
            nn.functional.interpolate(X, (4, 3), mode="bicubic") / 0.5,
        ),
    ],
)  # fmt: skip
def test_a_file(tmp_path: Path, text: str, wanted: Tensor) -> None:
    torch.testing.assert_close(seen(written(tmp_path, text)), wanted.flatten(1))


def test_the_gradient_is_that_of_the_pixels(tmp_path: Path) -> None:
    x = X.clone().requires_grad_(True)
    seen(written(tmp_path, "input_range = [0, 255]\nstd = [2, 4, 8]"), x).sum().backward()
    torch.testing.assert_close(x.grad, (255 / per_channel([2.0, 4.0, 8.0])).expand_as(X))


@pytest.mark.parametrize(
    "text",
    ["channels = 'rbg'", "size = 0", "size = [1, 2, 3]", "input_range = [1, 0]",
     "mean = 'half'", "layout = 3", "= 1"],
)  # fmt: skip
def test_values_that_are_not_possible(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"own\.toml"):
        preprocess_of(written(tmp_path, text))


def test_unknown_names_and_keys(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as name:
        preprocess_of("imagenot")
    assert "imagenet" in name.value.hint
    with pytest.raises(UsageError) as key:
        preprocess_of(written(tmp_path, "meen = [0.5]"))
    assert "mean" in key.value.hint
