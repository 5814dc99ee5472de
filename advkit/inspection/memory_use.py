"""Memory of one pass, measured by the size of the tensors that it creates."""

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from advkit.engine import evaluate
from advkit.engine.objectives import margin
from advkit.models.classifier import LEAST, Classifier


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block, ``most`` is the peak number of bytes held by new tensors.

    Temporary memory within a single operation is not counted.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self._known: set[int] = set()
        self.most: int = 0

    def __torch_dispatch__(  # type: ignore[no-untyped-def]
        self, func, _types, args=(), kwargs=None
    ) -> Any:
        """Run ``func``, and count its new outputs; inputs and views are not counted."""
        for given in _tensors((args, kwargs)):
            place = given.untyped_storage()._cdata
            if place not in self._live:
                self._known.add(place)
        made = func(*args, **(kwargs or {}))
        self._live = {k: each for k, each in self._live.items() if not _gone(each[0])}
        for new in _tensors(made):
            storage = new.untyped_storage()
            if storage._cdata not in self._known:
                self._live[storage._cdata] = (_weakly(storage), storage.nbytes())
        self.most = max(self.most, sum(size for _, size in self._live.values()))
        return made


def _weakly(storage: torch.UntypedStorage) -> StorageWeakRef:
    return StorageWeakRef(storage)  # type: ignore[no-untyped-call]


def _gone(reference: StorageWeakRef) -> bool:
    return bool(reference.expired())  # type: ignore[no-untyped-call]


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and not leaf.is_sparse]


def bytes_per_image(model: Classifier, x: Tensor, y: Tensor) -> int:
    """Return the bytes per additional image of ``x`` (1 or more) in a forward and backward pass."""
    small, large = (_held(model, x, y, n) for n in (LEAST, 2 * LEAST))
    return max(large - small, 0) // LEAST


def _held(model: Classifier, x: Tensor, y: Tensor, n: int) -> int:
    rows = torch.arange(n, device=x.device) % len(x)
    given = x[rows], y[rows]
    with Held() as held:
        evaluate(margin(model, given[1]), given[0])
    return int(held.most)
