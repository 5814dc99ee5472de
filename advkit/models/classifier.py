"""The classifier under audit: frozen, in eval mode, normalisation inside."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Self

import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.models.net_checks import check_made, described, training_notes, where_logits_are

# CPU kernels choose their blocking, and with it the order of summation, by the batch size. Measured
# on oneDNN convolutions and matrix products: the logits of a sample are the same to the last bit in
# every batch of 16 or more that is a multiple of 8. So every batch is padded to one.
ROWS, LEAST = 8, 16
BYTES = 2.0
"""A mean above this can only be that of pixels up to 255."""


class Classifier(nn.Module):
    """Images in [0, 1], shape (n, ...), to logits (n, n_classes).

    Takes over ``net``: its weights are frozen, it stays in eval mode, its 4-D weights are converted
    to channels_last memory. ``mean`` and ``std`` have one entry per channel, or one for all.

    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 5))
    >>> model = advkit.Classifier(net, name="mine", mean=[0.5], std=[0.5])
    >>> model(torch.rand(4, 3, 8, 8)).shape
    torch.Size([4, 5])
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(
        self,
        net: nn.Module,
        *,
        name: str,
        classes: Sequence[str] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        check_made(net, name)
        self.name = name
        self.classes = tuple(classes) if classes else None
        self.named_in_part = False
        """Whether ``classes`` may lack the last names, which `probe` then fills with numbers."""
        self.n_classes = len(self.classes or ())
        """0 until known from ``classes`` or `probe`."""
        self.shape = shape
        self.notes = training_notes(net)
        for weight in net.parameters():  # a ScriptModule has no requires_grad_ of its own
            weight.requires_grad_(False)
        self.net = net
        self.register_buffer("mean", _per_channel(mean, name, "mean"))
        self.register_buffer("std", _per_channel(std, name, "std"))
        self.train(False)
        self._to_layout(torch.channels_last)

    def with_normalisation(
        self, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> "Classifier":
        """Return the same net with another normalisation, or none; raises InputError."""
        found = Classifier(
            self.net, name=self.name, classes=self.classes, mean=mean, std=std, shape=self.shape
        )
        found.n_classes, found.notes = self.n_classes, self.notes
        return found

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stay in eval mode, whatever ``mode`` is."""
        return super().train(False)

    def extra_repr(self) -> str:
        """Return what `repr` shows besides the net."""
        told = {
            "name": self.name, "n_classes": self.n_classes or None, "shape": self.shape,
            "mean": None if self.mean is None else self.mean.tolist(),
            "std": None if self.std is None else self.std.tolist(),
        }  # fmt: skip
        return ", ".join(f"{key}={value!r}" for key, value in told.items() if value is not None)

    def _to_layout(self, layout: torch.memory_format) -> None:
        self._layout = layout
        for tensor in (*self.net.parameters(), *self.net.buffers()):
            if tensor.ndim == 4:
                tensor.data = _plain(tensor.data.contiguous(memory_format=layout), layout)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes) of ``x`` (n, ...) in [0, 1].

        Raises InputError if the net returns anything but one tensor, or if the number of channels
        does not match the normalisation.
        """
        n = len(x)
        spare = max(-n % ROWS, LEAST - n) if n else 0
        if spare:
            x = torch.cat([x, x[-1:].expand(spare, *x.shape[1:])])
        logits = self._ask(self._normalise(x))
        if not isinstance(logits, Tensor):
            raise InputError(
                f"the model {self.name} returns {described(logits)}, not one tensor of logits",
                f"let forward() return the logits alone, (n, n_classes){where_logits_are(logits)}",
                code="E306",
            )
        logits = logits[:n] if spare else logits
        wider = x.dtype == torch.float32 and logits.dtype == torch.float64
        # Attacks take their types from the images; weights of float64 must not change them.
        return (
            logits.float() if wider or logits.dtype in (torch.bfloat16, torch.float16) else logits
        )

    def unpadded(self, x: Tensor) -> Tensor:
        """Return the logits without padding the batch: for one large image at a time.

        The last bits depend on the size of the batch.
        """
        logits = self._ask(self._normalise(x))
        return logits if logits.dtype == torch.float64 else logits.float()

    def _normalise(self, x: Tensor) -> Tensor:
        if self.mean is None and self.std is None:
            return x
        for name, each in (("mean", self.mean), ("std", self.std)):
            if each is not None and len(each) not in (1, x.shape[1]):
                raise InputError(
                    f"the model {self.name} expects {len(each)} channels "
                    f"(its {name} has {len(each)} entries), the data has {x.shape[1]}",
                    "give data with as many channels as the model was trained on",
                    code="E305",
                )
        tail = [1] * (x.ndim - 2)
        if self.mean is not None:
            x = x - self.mean.view(-1, *tail)
        return x if self.std is None else x / self.std.view(-1, *tail)

    def _ask(self, x: Tensor) -> Tensor:
        try:
            return self.net(self._laid(x))  # type: ignore[no-any-return]
        except RuntimeError as error:
            if not self._adapted(x, error):
                raise
            return self._ask(x)

    def _adapted(self, x: Tensor, error: RuntimeError) -> bool:
        """Return whether the net was changed so that it may accept ``x``."""
        # A net that flattens images with view() cannot work in channels_last.
        if self._layout is not torch.contiguous_format and _wants_contiguous(str(error)):
            self._to_layout(torch.contiguous_format)
            return True
        kinds = {each.dtype for each in self.net.parameters() if each.is_floating_point()}
        if x.dtype != torch.float32 or not kinds - {x.dtype}:
            return False
        self.net.float()  # of half precision, where gradients would vanish too
        told = ", ".join(sorted(str(each).removeprefix("torch.") for each in kinds))
        self.notes += (f"the weights are {told}; they are computed with in float32",)
        return True

    def _laid(self, x: Tensor) -> Tensor:
        """Return ``x`` in the memory layout of the net, images only."""
        if x.ndim != 4:
            return x
        x = _plain(x.contiguous(memory_format=self._layout), self._layout)
        if x.shape[1] == 1 and self._layout is torch.channels_last:
            # The same bytes in both layouts; only the stride of the channel tells the
            # convolution which one is meant. Without it the whole net runs in NCHW.
            x = x.squeeze(1).unsqueeze(-1).movedim(-1, 1)
        return x

    @property
    def black_box(self) -> bool:
        """Whether a part of the net has no gradient."""
        return any(getattr(part, "black_box", False) for part in self.net.modules())

    def fingerprint(self) -> str:
        """Return the sha256 of all weights, buffers and the normalisation, in hexadecimal."""
        digest = sha256()
        for name, tensor in (*self.named_parameters(), *self.named_buffers()):
            digest.update(repr((name, tuple(tensor.shape), str(tensor.dtype))).encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _plain(tensor: Tensor, layout: torch.memory_format) -> Tensor:
    """Return contiguous ``tensor`` (n, c, h, w) with strides of one unambiguous layout.

    With one channel, or 1 x 1 pixels, the same memory is channels_last too: torch calls both
    contiguous, and a convolution may return the other layout.
    """
    if layout is torch.contiguous_format and tensor.numel():
        return tensor.flatten().view(tensor.shape)
    return tensor


def _wants_contiguous(error: str) -> bool:
    return "view size is not" in error or "contiguous" in error


def _per_channel(values: Sequence[float] | None, name: str, what: str) -> Tensor | None:
    if values is None:
        return None
    tensor = torch.tensor([float(value) for value in values])
    if not len(tensor) or not tensor.isfinite().all() or (what == "std" and (tensor <= 0).any()):
        raise InputError(
            f"{what} {list(values)} of the model {name} cannot be used",
            "give finite numbers, one per channel; every std above 0",
        )
    if what == "mean" and (tensor > BYTES).any():
        raise InputError(
            f"mean {list(values)} of the model {name} is of pixels from 0 to 255",
            "pixels are from 0 to 1 here: divide mean and std by 255",
        )
    return tensor
