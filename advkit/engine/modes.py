"""Change the training mode of modules within a block, and restore it afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def modes_kept(root: nn.Module) -> Iterator[None]:
    """Restore after the block which modules of ``root`` are in training mode."""
    modes = [(module, module.training) for module in root.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def undisturbed(root: nn.Module) -> Iterator[None]:
    """Put ``root`` into eval mode with frozen weights; restore every flag, also after an error."""
    flags = [(weight, weight.requires_grad) for weight in root.parameters()]
    with modes_kept(root):
        try:
            for module in root.modules():
                module.training = False
            for weight, _ in flags:
                weight.requires_grad_(False)
            yield
        finally:
            for weight, flag in flags:
                weight.requires_grad_(flag)
