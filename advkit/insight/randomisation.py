"""Parameter randomisation test of maps (Adebayo et al. 2018, arXiv:1810.03292)."""

from collections.abc import Iterator
from copy import deepcopy
from hashlib import blake2b

import torch
from torch import Tensor, nn

from advkit.engine.layers import outline
from advkit.insight.method_input import root_of


def weights_in_order(model: nn.Module, x: Tensor) -> list[str]:
    """Return the names of all weights, from output to input in the order of calls.

    Bare parameters are listed with the module that holds them; those of the net itself (class
    tokens, positions), and weights of modules that are never called, come last.
    """
    root = root_of(model)
    called = [call.name.partition("#")[0] for call in outline(model, root, x[:1])]
    last = {name: i for i, name in enumerate(called)}
    names = [name for name, _ in root.named_parameters()]

    def when(name: str) -> int:
        return last.get(name.rpartition(".")[0], -1)

    return sorted(names, key=lambda name: (-when(name), name))


def randomised(model: nn.Module, names: list[str], seed: int = 0) -> nn.Module:
    """Return a copy of ``model`` with the weights ``names`` randomised.

    Each tensor is normal with its own mean and deviation, so that activations keep their scale, and
    has its own seed, so that layers of one shape do not become equal.
    """
    copy = deepcopy(model)
    weights = dict(root_of(copy).named_parameters())
    for name in names:
        weight = weights[name]
        key = blake2b(f"{seed}/{name}".encode(), digest_size=7).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(key, "big"))
        drawn = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        spread = weight.double().std(correction=0)
        fresh = weight.double().mean() + spread * drawn.to(weight.device)
        weight.data = fresh.to(weight.dtype).contiguous(memory_format=_layout(weight))
    return copy


def _layout(weight: Tensor) -> torch.memory_format:
    last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def cascade(
    model: nn.Module, x: Tensor, stages: int = 6, seed: int = 0
) -> Iterator[tuple[float, nn.Module]]:
    """Yield (share of weight tensors randomised, that net), from the output to the input.

    The first has nothing changed, the last everything.
    """
    names = weights_in_order(model, x)
    counts = sorted({round(len(names) * i / stages) for i in range(stages + 1)})
    for count in counts:
        yield count / len(names), randomised(model, names[:count], seed)
