"""Attention rollout: the flow of tokens to the last layer, computed from attention matrices."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from advkit.engine.gradient import CHUNK
from advkit.engine.layers import check_hooks
from advkit.errors import InapplicableError
from advkit.insight.grids import Grid, grid_of
from advkit.insight.method_input import Look


class _Attention(TorchFunctionMode):
    """Keeps the mean over heads of every attention matrix (rows, tokens, tokens)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "")
        if name == "multi_head_attention_forward":
            asked = {"need_weights": True, "average_attn_weights": True}
            out, weights = func(*args, **{**given, **asked})
            self.found.append(weights)
            return out, weights
        if name == "scaled_dot_product_attention":
            query, key = args[0], args[1] if len(args) > 1 else given["key"]
            scale = given.get("scale") or query.shape[-1] ** -0.5
            self._keep((query @ key.transpose(-2, -1) * scale).softmax(-1))
        out = func(*args, **given)
        if name == "softmax" and isinstance(out, Tensor) and out.ndim == 4:
            self._keep(out)
        return out

    def _keep(self, weights: Tensor) -> None:
        if weights.ndim == 4 and weights.shape[-1] == weights.shape[-2]:
            self.found.append(weights.detach().mean(1))


def attention_rollout(look: Look) -> Tensor:
    """Return the share of each patch in the final representation, (n, h, w).

    The product over layers of (mean attention + identity) / 2 (Abnar and Zuidema 2020,
    arXiv:2005.00928), in the row of the class token, or averaged if there is none. Does not depend
    on the class. Raises InapplicableError for nets without attention over the whole image.
    """
    return torch.cat([_rolled(look, part) for part in torch.split(look.x, CHUNK)])


def _rolled(look: Look, x: Tensor) -> Tensor:
    rows = 0

    def count(_module: Any, inputs: tuple[Any, ...]) -> None:
        nonlocal rows
        rows = len(inputs[0])

    check_hooks(look.root)
    handle = look.root.register_forward_pre_hook(count)
    try:
        with torch.no_grad(), _Attention() as mode:
            look.model(x)
    finally:
        handle.remove()
    grid = _grid(mode.found, rows, look)
    total = torch.eye(mode.found[0].shape[-1]).to(x)
    for weights in mode.found:
        mixed = (weights[: len(x)] + torch.eye(weights.shape[-1]).to(weights)) / 2
        total = mixed @ total
    row = total[:, 0] if grid.prefix else total.mean(1)
    return row[:, grid.prefix :].reshape(len(x), grid.height, grid.width)


def _grid(found: list[Tensor], rows: int, look: Look) -> Grid:
    sizes = {tuple(weights.shape) for weights in found}
    if len(sizes) != 1 or next(iter(sizes))[0] != rows:
        why = "it has none" if not found else "its attention is over windows, or changes its tokens"
        raise InapplicableError(
            f"attention rollout needs attention over the whole image in every layer: {why}",
            "grad_cam and gradient work for such nets",
        )
    grid = grid_of((found[0].shape[-1], 1), look.x.shape[1:])
    if grid is None:
        raise InapplicableError(
            f"{found[0].shape[-1]} tokens are no grid over images of {tuple(look.x.shape[1:])}",
            "grad_cam and gradient work for such nets",
        )
    return grid
