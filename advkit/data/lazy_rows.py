"""Rows read on demand, so that memory does not grow with their number."""

from collections.abc import Callable, Sequence
from threading import Lock

import torch
from torch import Tensor

HELD = 2**29
"""Limit in bytes of float32 images held in memory; beyond it each is read on demand."""


class LazyRows:
    """A replacement of a float32 tensor (n, ...) that supports selecting rows.

    ``read`` returns row i; it must be deterministic.
    """

    dtype = torch.float32

    def __init__(
        self,
        shape: Sequence[int],
        read: Callable[[int], Tensor],
        device: torch.device | str = "cpu",
    ) -> None:
        self.shape = torch.Size(shape)
        self.ndim = len(self.shape)
        self.device = torch.device(device)
        self._read = read
        self._lock = Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> Tensor:
        """Return one row, or the rows of a slice or of a list of positions, on the device."""
        if isinstance(index, int):
            return self._row(range(len(self))[index])
        rows = range(len(self))[index] if isinstance(index, slice) else [int(i) for i in index]
        found = torch.empty((len(rows), *self.shape[1:]), device=self.device)
        for place, i in enumerate(rows):
            found[place] = self._row(range(len(self))[i])
        return found

    def to(self, device: torch.device | str) -> "LazyRows":
        """Return the same rows, to be read onto ``device``."""
        return LazyRows(self.shape, self._read, device)

    def first(self, n: int) -> "LazyRows":
        """Return the first ``n`` rows."""
        return LazyRows((n, *self.shape[1:]), self._read, self.device)

    def _row(self, i: int) -> Tensor:
        with self._lock:  # readers of images and tables are not thread-safe
            return self._read(i).to(self.device)
