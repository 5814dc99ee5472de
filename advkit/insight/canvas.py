"""The net for which images are optimised, and one layer per resolution."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.layer_outputs import Code
from advkit.engine.layers import Call, outline
from advkit.insight.grids import grid_of
from advkit.insight.method_input import root_of
from advkit.models.classifier import Classifier

PASSING = ("Pad1d", "Pad2d", "Identity", "Dropout")
"""Kinds of layers that only pass their input on."""


class Canvas(NamedTuple):
    """A net that is queried without padding, and the images that it takes."""

    ask: Code
    """(n, c, h, w) in [0, 1] -> logits (n, n_classes); batches are not padded."""
    root: nn.Module
    shape: tuple[int, ...]
    mean: Tensor
    """(1, c, 1, 1): the image that is zero inside the net."""


def canvas_of(model: nn.Module, like: Tensor) -> Canvas:
    """Return the canvas of ``model`` for images like ``like`` (n, c, h, w)."""
    shape = tuple(like.shape[1:])
    known = model.mean if isinstance(model, Classifier) else None
    mean = torch.zeros(1, device=like.device) if known is None else known.to(like)
    ask = model.unpadded if isinstance(model, Classifier) else model
    return Canvas(ask, root_of(model), shape, mean.view(1, -1, 1, 1).expand(1, shape[0], 1, 1))


def calls_of(canvas: Canvas) -> list[Call]:
    """Return every layer call in a pass of one image."""
    grey = canvas.mean.expand(1, *canvas.shape).contiguous()
    return outline(canvas.ask, canvas.root, grey)


def stages(canvas: Canvas) -> list[Call]:
    """Return the last layer of each resolution, then the last hidden layer and the logits.

    Only layers outside of blocks that change the resolution are considered.
    """
    calls = calls_of(canvas)
    maps = [call for call in calls if _octave(call, canvas) is not None
            and not call.kind.endswith(PASSING)]  # fmt: skip
    found: dict[str, Call] = {}
    for octave in dict.fromkeys(_octave(call, canvas) for call in maps):
        same = [call for call in maps if _octave(call, canvas) == octave]
        least = min(_changing(call, calls, canvas) for call in same)
        last = [call for call in same if _changing(call, calls, canvas) == least][-1]
        found[last.name] = last
    flat = [call for call in calls if len(_true(call.shape)) == 1]
    for call in _hidden(flat, found):
        found[call.name] = call
    order = {call.name: at for at, call in enumerate(calls)}
    return sorted(found.values(), key=lambda call: order[call.name])


def _hidden(flat: Sequence[Call], maps: dict[str, Call]) -> list[Call]:
    """Return the layer before the logits, and the logits, unless they are maps already listed."""
    if not flat:
        return []
    before = [call for call in flat if call.shape != flat[-1].shape and call.kind != "Flatten"]
    return [call for call in (*before[-1:], flat[-1]) if call.name not in maps]


def _true(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:1] if len(shape) == 3 and shape[1:] == (1, 1) else shape


def _octave(call: Call, canvas: Canvas) -> int | None:
    """Return in quarter octaves how much smaller a layer's maps are; padding is ignored."""
    grid = grid_of(call.shape, canvas.shape)
    if grid is None or grid.kind != "first":
        return None
    return round(4 * math.log2(canvas.shape[1] / grid.height))


def _changing(call: Call, calls: Sequence[Call], canvas: Canvas) -> int:
    """Return the number of blocks around ``call`` whose output has another resolution."""
    return sum(
        call.name.startswith(f"{other.name.partition('#')[0]}.")
        and _octave(other, canvas) != _octave(call, canvas)
        for other in calls
    )
