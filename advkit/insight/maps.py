"""The Python interface of saliency maps: a model, images and a target in, raw maps out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from advkit.engine.layers import layer_of
from advkit.engine.modes import undisturbed
from advkit.engine.transforms import as_images
from advkit.errors import UsageError
from advkit.insight.cam import enlarged
from advkit.insight.method_input import Look, root_of
from advkit.insight.methods import ABOUT, METHODS, Reduce, asked, method_of
from advkit.insight.targets import aim


def saliency(
    model: nn.Module,
    x: Tensor,
    target: str | int | Tensor = "predicted",
    *,
    method: str = "gradient",
    layer: str = "",
    reduce: Reduce | None = None,
    y: Tensor | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    **options: Any,
) -> Tensor:
    """Return the relevance of each pixel of ``x`` (n, ...) for ``target``: (n, height, width).

    Raw numbers in units of the score (logits) or of its gradient, not normalised or clipped.
    ``target``, ``y`` and ``names`` are those of `targets.aim`; ``method`` is a name in `METHODS`,
    with options as keywords or in the text ("smooth_grad:draws=50"). ``layer`` is the layer of a
    CAM. ``reduce`` reduces channels to one number per pixel, by default as the method's paper does;
    see `attribution` for separate channels. The model is not changed. Raises UsageError,
    InputError, InapplicableError.
    """
    values = attribution(model, x, target, method=method, layer=layer, y=y, names=names, seed=seed,
                         ids=ids, **options)  # fmt: skip
    name = method.partition(":")[0]
    height, width = as_images(x[:1]).shape[2:]
    return enlarged(reduced(values, x, reduce or ABOUT[name].reduce), (height, width))


def attribution(
    model: nn.Module,
    x: Tensor,
    target: str | int | Tensor = "predicted",
    *,
    method: str = "gradient",
    layer: str = "",
    y: Tensor | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    **options: Any,
) -> Tensor:
    """Return the raw output of ``method``: the shape of ``x``, or (n, h, w) of a layer or of masks.

    Parameters are those of `saliency`.
    """
    member = method_of(method)
    if layer:
        layer_of(root_of(model), layer.partition("#")[0])
    unknown = [key for key in options if key not in member.options]
    if unknown:
        raise UsageError(
            f"{method} has no option {unknown[0]!r}", f"{sorted(member.options)}", code="E206"
        )
    with undisturbed(model):
        goal = aim(model, x, target, y=y, names=names)
        look = Look(model, x, goal.objective, layer, seed, ids)
        call = partial(METHODS[method.partition(":")[0]], **{**member.options, **options})
        return asked(look, member._replace(attack=call))


def reduced(values: Tensor, x: Tensor, how: Reduce) -> Tensor:
    """Return values of the shape of ``x`` as one map per image, (n, height, width).

    Maps are returned unchanged.
    """
    if values.ndim == 3 and x.ndim == 4:
        return values
    if values.shape != x.shape:
        return values
    images = as_images(values)
    ways: dict[str, Callable[[], Tensor]] = {
        "max": lambda: images.abs().amax(1),
        "sum": lambda: images.abs().sum(1),
        "l2": lambda: torch.linalg.vector_norm(images, dim=1),
        "signed": lambda: images.sum(1),
    }
    if how not in ways:
        raise UsageError(
            f"reduce={how!r} is not possible", f"one of {', '.join(ways)}", code="E203"
        )
    return ways[how]()
