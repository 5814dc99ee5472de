"""Class activation maps: the channels of a layer, weighted by their effect on the score.

A (n, channels, h, w) is the layer's output, g the gradient of the score there. Maps are raw, at the
layer's own size: they are not scaled to [0, 1], so that weak and strong evidence differ.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine.gradient import CHUNK, evaluate
from advkit.engine.layers import at_layer, tapped
from advkit.engine.transforms import as_images
from advkit.insight.gradients import guided_backprop
from advkit.insight.grids import last_map, maps_of
from advkit.insight.method_input import Look, each_draw

Rule = Callable[[Tensor, Tensor], Tensor]
TINY = 1e-12


def grad_cam(look: Look) -> Tensor:
    """Return max(sum_k mean(g_k) A_k, 0), (n, h, w) (Selvaraju et al. 2017, arXiv:1610.02391)."""
    return _cam(look, lambda a, g: _weighed(g.mean((2, 3)), a)).clamp_min(0)


def grad_cam_plus_plus(look: Look) -> Tensor:
    """Return Grad-CAM++, (n, h, w): positive gradients, weighted by how few positions share them.

    w_k = sum max(g, 0) * g^2 / (2 g^2 + sum(A_k) g^3) (Chattopadhay et al. 2018).
    """

    def rule(a: Tensor, g: Tensor) -> Tensor:
        below = 2 * g.square() + a.sum((2, 3), keepdim=True) * g.pow(3)
        alpha = torch.where(below.abs() > TINY, g.square() / below.where(below != 0, 1), 0)
        return _weighed((alpha * g.clamp_min(0)).sum((2, 3)), a)

    return _cam(look, rule).clamp_min(0)


def hires_cam(look: Look) -> Tensor:
    """Return sum_k g_k A_k, (n, h, w), signed (Draelos and Carin 2020, arXiv:2011.08891).

    If only linear layers follow, its sum is the score minus the bias.
    """
    return _cam(look, lambda a, g: (g * a).sum(1))


def layer_cam(look: Look) -> Tensor:
    """Return max(sum_k max(g_k, 0) A_k, 0), (n, h, w); for early layers too (Jiang et al. 2021)."""
    return _cam(look, lambda a, g: (g.clamp_min(0) * a).sum(1)).clamp_min(0)


def xgrad_cam(look: Look) -> Tensor:
    """Return Grad-CAM with the gradients weighted by the activation, (n, h, w) (Fu et al. 2020)."""

    def rule(a: Tensor, g: Tensor) -> Tensor:
        total = a.sum((2, 3))
        share = torch.where(total.abs() > TINY, (g * a).sum((2, 3)) / total.where(total != 0, 1), 0)
        return _weighed(share, a)

    return _cam(look, rule).clamp_min(0)


def eigen_cam(look: Look) -> Tensor:
    """Return the first principal direction of the activations, (n, h, w) (Muhammad et al. 2020).

    Does not depend on the class. Its sign is arbitrary; here its sum is not negative.
    """
    a, _ = maps_of(*_activation(look), look)
    n, channels, h, w = a.shape
    flat = a.reshape(n, channels, h * w).transpose(1, 2)
    left, size, _ = torch.linalg.svd(flat, full_matrices=False)
    first: Tensor = left[:, :, 0] * size[:, :1]
    sign = torch.where(first.sum(1, keepdim=True) < 0, -1.0, 1.0).to(first)
    return (sign * first).reshape(n, h, w)


def score_cam(look: Look, *, fill: float = 0.0) -> Tensor:
    """Return max(sum_k w_k A_k, 0), (n, h, w): channels weighted by the score of what they reveal.

    w is the softmax over channels of the increase of the score over a constant image when only the
    active area of the channel is visible (Wang et al. 2020, arXiv:1910.01279). One forward pass per
    channel; constant channels have no weight.
    """
    a, _ = maps_of(*_activation(look), look)
    masks = _unit_range(a)
    size = as_images(look.x[:1]).shape[2:]

    def points(who: Tensor, which: Tensor) -> Tensor:
        mask = F.interpolate(masks[who, which][:, None], size, mode="bilinear", align_corners=False)
        x = look.x[who]
        share = mask.expand_as(as_images(x)).reshape(x.shape)
        return x * share + fill * (1 - share)

    rise = look.x.new_zeros(a.shape[:2])
    for who, which, value in each_draw(look, points, a.shape[1], gradient=False):
        rise[who, which] = value
    rise = rise - evaluate(look.objective, torch.full_like(look.x, fill), False).value[:, None]
    flat = masks.flatten(2).amax(2) == 0
    weights = rise.masked_fill(flat & ~flat.all(1, keepdim=True), -torch.inf).softmax(1)
    return _weighed(weights, a).clamp_min(0)


def guided_grad_cam(look: Look) -> Tensor:
    """Return guided backpropagation times the upsampled Grad-CAM, shape of x (Selvaraju et al.).

    Raises InapplicableError for nets without ReLU.
    """
    fine = guided_backprop(look)
    size = as_images(look.x[:1]).shape[2:]
    coarse = enlarged(grad_cam(look), (size[0], size[1]))
    return fine * coarse[:, None].expand_as(as_images(fine)).reshape(fine.shape)


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (n, h, w) at ``size``, bilinearly; values are not scaled."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def _cam(look: Look, rule: Rule) -> Tensor:
    name = look.layer or last_map(look)
    seen = at_layer(look.objective, look.x, look.root, name)
    a, grid = maps_of(name, seen.activation, look)
    g, _ = maps_of(name, seen.gradient, look)
    assert a.shape[2:] == (grid.height, grid.width)  # noqa: S101
    return rule(a, g)


def _activation(look: Look) -> tuple[str, Tensor]:
    name = look.layer or last_map(look)
    parts = []
    for part in torch.split(look.x, CHUNK):
        with torch.no_grad(), tapped(look.root, name) as seen:
            look.model(part)
        parts.append(seen[0][: len(part)].clone())
    return name, torch.cat(parts)


def _weighed(weights: Tensor, a: Tensor) -> Tensor:
    return (weights[:, :, None, None] * a).sum(1)


def _unit_range(a: Tensor) -> Tensor:
    """Scale every channel to [0, 1]; a constant one to 0."""
    low, high = a.amin((2, 3), keepdim=True), a.amax((2, 3), keepdim=True)
    spread = high - low
    return torch.where(spread > TINY, (a - low) / spread.where(spread > TINY, 1), 0)
