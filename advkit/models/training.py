"""The initial state of a training, determined by data and recipe."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.seeding import keys, uniform
from advkit.errors import InputError
from advkit.models.nets import build
from advkit.models.recipe import Recipe, check_recipe


class Training(NamedTuple):
    """The state that does not change during a training."""

    recipe: Recipe
    net: nn.Module
    optimizer: torch.optim.Optimizer
    mean: Tensor
    std: Tensor
    x: Tensor
    y: Tensor
    seen: Tensor
    """Indices of the training images; the rest are held out."""
    held: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of images ``x`` (n, ...) in [0, 1]."""
        shape = (-1, *[1] * (x.ndim - 2))
        return self.net((x - self.mean.view(shape)) / self.std.view(shape))  # type: ignore[no-any-return]

    @property
    def per_epoch(self) -> int:
        """Return the number of full batches in an epoch; left-over images are used in the next."""
        return max(len(self.seen) // self.recipe.batch_size, 1)


def begin(
    x: Tensor,
    y: Tensor,
    recipe: Recipe,
    classes: Sequence[str] | None,
    data: dict[str, Any] | None,
) -> tuple[Training, dict[str, Any]]:
    """Return the training before its first step, and its description for the file."""
    check_recipe(recipe)
    n_classes = len(classes) if classes else int(y.max()) + 1
    if len(x) < 2 or len(y) != len(x) or int(y.max()) >= n_classes:
        raise InputError(
            f"{len(x)} images with {len(y)} labels up to {int(y.max())} for {n_classes} classes "
            "cannot be trained on",
            "give at least 2 images, one label each, numbered from 0",
        )
    held = min(max(round(recipe.held_out * len(x)), 1), len(x) - 1)
    order = shuffled(len(x), recipe.seed, "held out")
    mean, std = _moments(x)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = build(recipe.arch, shape=tuple(x.shape[1:]), n_classes=n_classes, **recipe.options)
    net = net.to(memory_format=_layout(net)).train()
    adam = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.weight_decay)
    fixed = {
        "arch": recipe.arch,
        "options": recipe.options,
        "shape": list(x.shape[1:]),
        "n_classes": n_classes,
        "classes": list(classes) if classes else None,
        "mean": mean.tolist(),
        "std": std.tolist(),
        "data": data,
        "training": recipe._asdict(),
    }
    return Training(recipe, net, adam, mean, std, x, y, order[held:], order[:held]), fixed


def _layout(net: nn.Module) -> torch.memory_format:
    """Return the memory layout in which to train ``net``."""
    # The backward pass of these writes beyond its memory in channels_last: torch 2.14
    # on CPUs with AVX2 only.
    narrow = any(
        isinstance(each, nn.Conv2d)
        and each.kernel_size == (1, 1)
        and each.stride != (1, 1)
        and each.in_channels < 8
        for each in net.modules()
    )
    return torch.contiguous_format if narrow else torch.channels_last


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation per channel; for flat inputs one of each."""
    # A float of six digits is stored exactly in the header of the file.
    axes = (0, *range(2, x.ndim)) if x.ndim > 2 else tuple(range(x.ndim))
    std, mean = torch.std_mean(x.double(), axes)
    std = torch.where(std < 1e-6, torch.ones_like(std), std)
    rounded = [[round(float(v), 6) for v in values.reshape(-1)] for values in (mean, std)]
    return torch.tensor(rounded[0]), torch.tensor(rounded[1])


def shuffled(n: int, seed: int, *purpose: object) -> Tensor:
    """Return a permutation of n numbers that depends on seed and purpose only."""
    stream = keys(seed, [""], torch.empty(1), "train", *purpose)
    return uniform(stream, (n,))[0].argsort()
