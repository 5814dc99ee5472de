"""Gaussian blur: details vanish, the finest first."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.severity import Family, Quest, nearest_member
from advkit.engine.objectives import Model
from advkit.engine.transforms import as_images, blur


def gaussian_blur(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor | None = None,
    norm: Literal["L2", "Linf", "L1"] = "L2",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    rungs: int = 30,
    bisections: int = 10,
    sigma: float = 0.1,
) -> Tensor:
    """Return the blurred image nearest to the original that fools (after Rauber et al. 2017).

    The standard deviation of the Gaussian grows in ``rungs`` equal steps to ``sigma`` times the
    longer side of the image, or as far as ``eps`` allows. Then the interval between the last step
    that does not fool and the first that does is halved ``bisections`` times, at additional passes.
    Beyond its edges the image is mirrored. Signals are smoothed along their length.

    Knows: scores
    Cost: 1 + rungs forward, 0 backward
    Use: a baseline; whether a net relies on fine detail that a bad lens would lose.
    Fails: on nets trained with blur; misses a fooling range that is narrower than a step.
    Paper: Rauber et al. 2017, arXiv:1707.04131
    """
    if not len(x):
        return x
    images = as_images(x)
    widest = sigma * max(images.shape[2:])

    def blurred(which: Tensor, severity: Tensor) -> Tensor:
        return blur(images[which], widest * severity).clamp(0, 1).reshape(-1, *x.shape[1:])

    families = (Family(blurred, rungs),)
    return nearest_member(Quest(model, x, y, targets, norm), families, eps, bisections)
