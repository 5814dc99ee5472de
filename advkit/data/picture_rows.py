"""Images from any source, each with a label and an id, brought to one size."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor
from tqdm import tqdm

from advkit.data.lazy_rows import HELD, LazyRows
from advkit.data.photographs import Picture, read_photograph, size_of
from advkit.data.samples import Samples
from advkit.errors import EmptyError, InputError, UsageError
from advkit.spec_text import Spec, flag, numbers, whole

OPTIONS = ("size", "crop", "skip_bad")
"""Options of all image specs on how images are read."""
DEFAULT_SIZE = 224
BAR = ContextVar("BAR", default=True)
"""Whether a progress bar may be shown while reading."""
NAMED = 3


class Row(NamedTuple):
    """An image: its id, its label, and a function that returns its file or content."""

    id: str
    label: int
    content: Callable[[], Picture]


class Manner(NamedTuple):
    """How images are read; ``crop`` is the share that is kept, ``mode`` is L or RGB.

    The default of ``crop`` is the usual share, or 1 for images that already have ``size``. The
    default of ``size`` is that of the images if they are small and of equal size, else the usual
    one.
    """

    size: tuple[int, int] | None
    crop: float | None
    mode: str
    skip_bad: bool


def manner_of(spec: Spec, shape: tuple[int, ...] | None) -> Manner:
    """Return how ``spec`` reads images for a model with inputs of ``shape``; raises UsageError."""
    found = numbers(spec, "crop")
    share = found[0] if found else None
    if share is not None and not 0 < share <= 1:
        raise UsageError(
            f"crop={share:g} in {spec.text!r} is not possible", "above 0, at most 1", code="E203"
        )
    channels = shape[0] if shape and len(shape) == 3 else 3
    return Manner(
        _size(spec, shape), share, "L" if channels == 1 else "RGB", flag(spec, "skip_bad")
    )


def _size(spec: Spec, shape: tuple[int, ...] | None) -> tuple[int, int] | None:
    if "size" in spec.query:
        side = whole(spec, "size", DEFAULT_SIZE)
        if side < 1:
            raise UsageError(
                f"size={side} in {spec.text!r} is not possible", "from 1 up", code="E203"
            )
        return side, side
    if shape and len(shape) == 3:
        return shape[1], shape[2]
    return None


def read_rows(
    rows: Sequence[Row], manner: Manner, name: str, classes: Sequence[str] | None,
    notes: Sequence[str] = (),
) -> Samples:  # fmt: skip
    """Return the images of ``rows`` as samples, with notes on all conversions.

    Raises InputError for the first unreadable one, unless bad images are skipped and counted;
    EmptyError if all are bad.
    """
    notes = list(notes)
    if manner.size is None:
        size = _common_size(rows) if manner.crop is None else None
        manner = manner._replace(size=size or (DEFAULT_SIZE, DEFAULT_SIZE))
        notes += (
            [f"all images are {size[0]} x {size[1]}, and are taken as they are"] if size else []
        )
    done, bad, kept = Counter[str](), list[str](), list[Row]()
    x: Tensor | LazyRows | None = None
    hidden = None if BAR.get() else True  # None: shown on a terminal only
    for row in tqdm(rows, "reading", unit="image", disable=hidden, delay=2):
        try:
            picture, changes = _read(row, manner)
        except InputError:
            if not manner.skip_bad:
                raise
            bad.append(row.id)
            continue
        x = _room(len(rows), picture, kept, manner) if x is None else x
        if isinstance(x, Tensor):
            x[len(kept)] = picture
        kept.append(row)
        done.update(changes)
    if x is None:
        raise EmptyError(f"none of the {len(rows)} pictures of {name} can be read", "see one of "
                         "them without skip_bad")  # fmt: skip
    told = [f"{count} of {len(kept)} images: {what}" for what, count in sorted(done.items())]
    return Samples(
        x[: len(kept)] if isinstance(x, Tensor) else cast(Tensor, x.first(len(kept))),
        torch.tensor([row.label for row in kept]), tuple(row.id for row in kept),
        tuple(classes) if classes else None, name, (*notes, *told, *left_out(bad, len(rows))),
    )  # fmt: skip


def _common_size(rows: Sequence[Row]) -> tuple[int, int] | None:
    """Return the common size of all images, if there is one and it is at most the usual one."""
    found: tuple[int, int] | None = None
    for row in rows:
        size = size_of(row.content())
        if size is None:  # unreadable, which is reported when it is read
            continue
        if max(size) > DEFAULT_SIZE or found not in (None, size):
            return None
        found = size
    return found


def _room(n: int, like: Tensor, kept: Sequence[Row], manner: Manner) -> Tensor | LazyRows:
    """Return memory for ``n`` images; if they are too many, a lazy reader of those kept."""
    shape = (n, *like.shape)
    if n * like.numel() * like.element_size() <= HELD:
        return torch.empty(shape)
    return LazyRows(shape, lambda i: _read(kept[i], manner)[0])


def _read(row: Row, manner: Manner) -> tuple[Tensor, list[str]]:
    found = row.content()
    name = str(found) if isinstance(found, Path) else row.id
    size = manner.size or (DEFAULT_SIZE, DEFAULT_SIZE)
    pixels, changes = read_photograph(found, size, manner.crop, manner.mode, name)
    return torch.tensor(pixels).permute(2, 0, 1).contiguous().float() / 255, changes


def left_out(bad: Sequence[str], of: int, noun: str = "images") -> list[str]:
    """Return a note on the number of unreadable samples skipped, if any."""
    if not bad:
        return []
    some = ", ".join(bad[:NAMED]) + ", ..." * (len(bad) > NAMED)
    return [f"{len(bad)} of {of} {noun} could not be read and were left out: {some}"]
