"""Layer outputs as maps (channels first, channels last, tokens), and the default CAM layer."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.gradient import slopes
from advkit.engine.layers import Call, outline, tensor_of
from advkit.engine.seeding import keys, uniform
from advkit.errors import InapplicableError
from advkit.insight.method_input import Look

PREFIXES = range(9)
"""Numbers of class and register tokens that may precede the grid."""


class Grid(NamedTuple):
    """How a layer's output for one sample maps to ``height`` by ``width``."""

    kind: str
    """first (channels, h, w), last (h, w, channels), or tokens (prefix + h * w, channels)."""
    height: int
    width: int
    prefix: int = 0

    def __str__(self) -> str:
        size = f"{self.height} x {self.width}"
        if self.kind != "tokens":
            return size
        return f"{size} tokens" + (f" after {self.prefix} more" if self.prefix else "")


def grid_of(shape: Sequence[int], image: Sequence[int]) -> Grid | None:
    """Return the grid of a layer for images (channels, height, width), None if it is no map.

    Maps of one pixel do not count. Tokens form a grid with the image's aspect, after as few other
    tokens as possible.
    """
    height, width = image[-2:] if len(image) == 3 else (1, image[-1])
    if len(shape) == 3:
        first, last = shape[1:], shape[:2]
        kind = "last" if _fits(last, height, width) and not _fits(first, height, width) else "first"
        h, w = last if kind == "last" else first
        return Grid(kind, h, w) if h * w > 1 else None
    if len(shape) == 2:
        return _tokens(shape[0], height, width)
    return None


def _fits(size: Sequence[int], height: int, width: int) -> bool:
    """Return whether a map of ``size`` has about the aspect of the image: strides round up."""
    h, w = size
    return h <= height and w <= width and abs(h * width - w * height) < max(height, width)


def _tokens(count: int, height: int, width: int) -> Grid | None:
    for prefix in PREFIXES:
        h = round(math.sqrt(max(count - prefix, 0) * height / width))
        if h and h * width % height == 0 and h * (h * width // height) == count - prefix > 1:
            return Grid("tokens", h, h * width // height, prefix)
    return None


def as_maps(activation: Tensor, grid: Grid) -> Tensor:
    """Return a layer's output (n, ...) as (n, channels, height, width), without other tokens."""
    if grid.kind == "first":
        return activation
    if grid.kind == "last":
        return activation.permute(0, 3, 1, 2)
    kept = activation[:, grid.prefix :].transpose(1, 2)
    return kept.reshape(len(kept), -1, grid.height, grid.width)


def maps_of(name: str, activation: Tensor, look: Look) -> tuple[Tensor, Grid]:
    """Return the layer's output as maps, and its grid; raises InapplicableError if it is no map."""
    grid = grid_of(activation.shape[1:], look.x.shape[1:])
    if grid is None:
        shape = tuple(activation.shape[1:])
        raise InapplicableError(
            f"the layer {name!r}, shape {shape}, is not a map of the image",
            "see advkit inspect MODEL --layers for those that are",
        )
    return as_maps(activation, grid), grid


def last_map(look: Look) -> str:
    """Return the name of the last layer that is a map and that the score depends on.

    Usually the one before pooling; in a transformer with a class token a layer before the last
    mixing of tokens. Raises InapplicableError if there is none.
    """
    image = look.x.shape[1:]
    # Noise, so that the choice does not depend on the first image.
    seen = uniform(keys(0, ["last_map"], look.x[:1]), image).to(look.x)
    look = look._replace(x=seen, objective=look.asking(torch.tensor([0], device=seen.device)))
    maps = [call for call in outline(look.model, look.root, seen)
            if grid_of(call.shape, image) is not None]  # fmt: skip
    if not maps:
        raise InapplicableError(
            "no layer of the net is a map of the image: a CAM needs one",
            "gradient, integrated_gradients and occlusion work for every net",
        )
    reached = _reached(look, maps)
    return (reached or maps)[-1].name


def _reached(look: Look, maps: Sequence[Call]) -> list[Call]:
    """Return the calls at whose grid positions the score has a gradient."""
    outputs: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    wanted = {call.name.partition("#")[0] for call in maps}
    handles = [
        module.register_forward_hook(_keeper(name, outputs, counts))
        for name, module in look.root.named_modules()
        if name in wanted
    ]
    try:
        with torch.enable_grad():
            value, _ = look.objective(look.x.requires_grad_(True))
            found = slopes(value, list(outputs.values()))
    finally:
        for handle in handles:
            handle.remove()
    alive = {
        name
        for (name, output), slope in zip(outputs.items(), found, strict=True)
        if maps_of(name, slope, look)[0][:1].any() and output.requires_grad
    }
    return [call for call in maps if (call.name if "#" in call.name else f"{call.name}#0") in alive]


def _keeper(name: str, outputs: dict[str, Tensor], counts: dict[str, int]) -> Any:
    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        k = counts[name] = counts.get(name, -1) + 1
        first = tensor_of(output, name)
        if first.requires_grad:
            outputs[f"{name}#{k}"] = first

    return keep
