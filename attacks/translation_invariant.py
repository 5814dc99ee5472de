"""TIM: momentum along a gradient that is smoothed over the image."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.transfer_walk import Way, travel
from advkit.engine.objectives import Model
from advkit.engine.transforms import as_images, blur


def tim(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 1.0,
    sigma: float = 1.0,
) -> Tensor:
    """Return the last iterate of gradients blurred by a Gaussian (Dong et al. 2019).

    A blurred gradient is approximately the mean gradient over shifts of the image. ``sigma`` is in
    pixels; the paper's is 3 on 299 pixels.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: examples for adversarially trained nets, which rely on coarse structure.
    Fails: where ``sigma`` is large for the image: small images leave no room for blur.
    Paper: Dong et al. 2019, arXiv:1904.02884
    """
    way = translation_invariant(Way(decay=decay), sigma=sigma)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def translation_invariant(way: Way, *, sigma: float = 1.0) -> Way:
    """Return ``way`` along gradients blurred by ``sigma`` pixels."""

    def smooth(gradient: Tensor) -> Tensor:
        return blur(as_images(gradient), sigma, reach=3.0).reshape(gradient.shape)

    return way._replace(smooth=(*way.smooth, smooth))
