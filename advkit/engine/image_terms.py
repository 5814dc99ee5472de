"""Regularisation terms of images and feature maps: one value per sample."""

import torch
from torch import Tensor


def total_variation(x: Tensor, beta: float = 1.0) -> Tensor:
    """Return sum (dx^2 + dy^2)^(beta / 2) over all pixels and channels of ``x`` (n, c, h, w): (n,).

    The edge is replicated. The gradient of constant regions is 0, for any ``beta`` (Rudin et al.
    1992; beta as in Mahendran and Vedaldi 2015, arXiv:1412.0035).
    """
    down = torch.zeros_like(x)
    right = torch.zeros_like(x)
    down[:, :, :-1] = x[:, :, 1:] - x[:, :, :-1]
    right[:, :, :, :-1] = x[:, :, :, 1:] - x[:, :, :, :-1]
    squares = down.square() + right.square()
    some = squares > 0  # a power below 1 has no derivative at 0
    lengths = torch.where(some, squares, 1).pow(beta / 2)
    return torch.where(some, lengths, 0).flatten(1).sum(1)


def alpha_norm(x: Tensor, alpha: float) -> Tensor:
    """Return sum |x|^alpha of ``x`` (n, ...), (n,)."""
    return x.abs().pow(alpha).flatten(1).sum(1)


def gram(maps: Tensor) -> Tensor:
    """Return F F^T of ``maps`` (n, c, h, w), (n, c, c), not normalised (Gatys 2016)."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2)


def gram_distance(maps: Tensor, wanted: Tensor) -> Tensor:
    """Return sum (G - A)^2 / (4 N^2 M^2), (n,), of ``maps`` (n, N, h, w) and A (N, N).

    M is the number of positions of ``maps``; ``wanted`` is a Gram matrix over as many positions
    (Gatys et al. 2016, arXiv:1508.06576).
    """
    channels, places = maps.shape[1], maps[0, 0].numel()
    return (gram(maps) - wanted).square().flatten(1).sum(1) / (4 * channels**2 * places**2)
