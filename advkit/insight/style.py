"""Neural style transfer (Gatys et al. 2016): content of one image, textures of others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine import Objective, evaluate, rules
from advkit.engine.ascend import ascend
from advkit.engine.gradient import Point
from advkit.engine.image_terms import gram, gram_distance, total_variation
from advkit.engine.layer_outputs import codes_of
from advkit.engine.quasi_newton import lbfgs
from advkit.engine.seeding import keys, uniform
from advkit.engine.spectrum import changes_of, seen_through
from advkit.errors import InapplicableError
from advkit.insight.canvas import Canvas, stages
from advkit.insight.inversion import faded

Start = Literal["content", "noise", "zero"]


class Term(NamedTuple):
    """The loss term of one layer."""

    layer: str
    kind: Literal["content", "style"]
    weight: float
    """Weight of the plain loss (Gatys et al. 2016), calibration included."""
    at_start: float
    """The plain loss at the content image (style), or at a grey one (content)."""
    slope: float
    """The norm of its gradient there."""


class Plan(NamedTuple):
    """Settings of a style transfer."""

    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    content_weight: float = 1.0
    style_weight: float = 10.0
    variation_weight: float = 5.0


def usual_layers(canvas: Canvas) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return layers for content and style: the first four resolutions, and the third of them.

    For nets of fewer resolutions the content layer is the last but one, or the only one. Raises
    InapplicableError.
    """
    maps = [call.name for call in stages(canvas) if len(call.shape) == 3 and call.shape[1] > 1]
    maps = maps[:4]  # later maps have too few positions for a texture
    if not maps:
        raise InapplicableError("no layer of the net is a map of the image", "style needs some")
    content = maps[min(2, max(len(maps) - 2, 0))]
    return (content,), tuple(maps)


class Wanted(NamedTuple):
    """The targets of the transfer: the content's codes, and the styles' Gram matrices."""

    codes: list[Tensor]
    grams: list[Tensor]
    """Per position of a map, so that they hold for images of any size."""


def wanted_of(
    canvas: Canvas, plan: Plan, content: Tensor, styles: Sequence[Tensor], shares: Sequence[float]
) -> Wanted:
    """Return the targets of ``content`` and ``styles`` (1, c, h, w), blended by ``shares``."""
    with torch.no_grad():
        codes = codes_of(canvas.ask, canvas.root, plan.content_layers)(content)
        look = codes_of(canvas.ask, canvas.root, plan.style_layers)
        each = [[gram(maps) / maps[0, 0].numel() for maps in look(style)] for style in styles]
    total = sum(shares)
    grams = [
        sum(
            (share / total * one for share, one in zip(shares, layer, strict=True)), torch.zeros(())
        )
        for layer in zip(*each, strict=True)
    ]
    return Wanted(codes, grams)


def plain_losses(canvas: Canvas, plan: Plan, wanted: Wanted) -> Callable[[Tensor], list[Tensor]]:
    """Return a function from an image to every layer's loss, contents first, (1,) each.

    Content sum (F - P)^2 / 2; style sum (G - A)^2 / (4 N^2 M^2).
    """
    look = codes_of(canvas.ask, canvas.root, (*plan.content_layers, *plan.style_layers))
    many = len(plan.content_layers)

    def losses(x: Tensor) -> list[Tensor]:
        maps = look(x)
        content = [(found - code).square().flatten(1).sum(1) / 2
                   for found, code in zip(maps[:many], wanted.codes, strict=True)]  # fmt: skip
        style = [gram_distance(found, one * found[0, 0].numel())
                 for found, one in zip(maps[many:], wanted.grams, strict=True)]  # fmt: skip
        return content + style

    return losses


def calibrated(canvas: Canvas, plan: Plan, wanted: Wanted, content: Tensor) -> list[Term]:
    """Return the weight of every layer, so that all layers of a kind start equal in any net.

    A style layer's loss is divided by its value at the content image, a content layer's by its
    value at a grey image; each kind's weight is divided among its layers.
    """
    losses = plain_losses(canvas, plan, wanted)
    grey = torch.full_like(content, 0.5)
    terms = []
    many = len(plan.content_layers)
    for i, layer in enumerate((*plan.content_layers, *plan.style_layers)):
        kind: Literal["content", "style"] = "content" if i < many else "style"
        place = grey if i < many else content
        point = evaluate(_one(losses, i), place)
        whole = plan.content_weight if i < many else plan.style_weight
        count = many if i < many else len(plan.style_layers)
        size = float(point.value)
        weight = whole / count / size if size > 0 else 0.0
        terms.append(Term(layer, kind, weight, size, float(point.gradient.norm())))
    return terms


def _one(losses: Callable[[Tensor], list[Tensor]], i: int) -> Objective:
    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        found = losses(x)[i]
        return found, found

    return Objective(value)


def styled_objective(
    losses: Callable[[Tensor], list[Tensor]], terms: Sequence[Term], variation_weight: float
) -> Objective:
    """Return minus the weighted loss; the output is each term's share, (1, terms + 1)."""

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        parts = [term.weight * loss for term, loss in zip(terms, losses(x), strict=True)]
        parts.append(variation_weight * 10 * total_variation(x, 2) / x[0].numel())
        shares = torch.stack(parts, 1)
        return -shares.sum(1), shares

    return Objective(value)


def walk(
    objective: Objective, start: Tensor, optimiser: str, passes: int
) -> Iterator[tuple[Tensor, Point]]:
    """Yield image and point at every step, up to ``passes`` forward and backward passes.

    L-BFGS optimises a spectrum of changes; Adam optimises pixels within the box, with annealed
    steps.
    """
    if optimiser == "lbfgs":
        image, z = changes_of(start)
        inside = seen_through(objective, image)
        for point in lbfgs(inside, z, passes, passes=passes, history=30):
            yield image(point.x), point
        return
    rule = rules.within(faded(rules.adam(1.0), 0.03, passes), rules.box())
    for point in ascend(objective, start, rule, passes):
        yield point.x, point


def start_image(kind: Start, content: Tensor, seed: int) -> Tensor:
    """Return the start image of a transfer: the content image, noise or mid-grey."""
    if kind == "noise":
        return uniform(keys(seed, ["style"], content, "noise"), tuple(content.shape[1:])).float()
    return content.clone() if kind == "content" else torch.full_like(content, 0.5)


def resized(x: Tensor, longest: int) -> Tensor:
    """Return ``x`` (1, c, h, w) with its longer side resized to ``longest`` pixels."""
    height, width = x.shape[2:]
    factor = longest / max(height, width)
    size = (max(round(height * factor), 1), max(round(width * factor), 1))
    if size == (height, width):
        return x
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def scales_of(size: int, coarsest: int = 128) -> list[int]:
    """Return the sizes from coarse to fine, each twice the one before; the last is ``size``."""
    found = [size]
    while found[0] >= 2 * coarsest:
        found.insert(0, found[0] // 2)
    return found


LUMA = (0.299, 0.587, 0.114)


def with_colours_of(image: Tensor, content: Tensor) -> Tensor:
    """Return ``image`` with its own brightness and the hues of ``content``, (1, 3, h, w) both."""
    weights = torch.tensor(LUMA).to(image).view(1, 3, 1, 1)
    change = (weights * (image - content)).sum(1, keepdim=True)
    return (content + change).clamp(0, 1)


def recoloured(image: Tensor, style: Tensor) -> Tensor:
    """Return ``image`` with the mean and covariance of the colours of ``style``, (1, c, h, w) both.

    By the symmetric square roots of both covariances (Gatys et al. 2017, arXiv:1611.07865); a
    single channel gets mean and deviation.
    """
    flat, wanted = image[0].flatten(1).double(), style[0].flatten(1).double()
    mean, goal = flat.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
    turn = _root(wanted - goal, 0.5) @ _root(flat - mean, -0.5)
    found = turn @ (flat - mean) + goal
    return found.view_as(image).to(image.dtype).clamp(0, 1)


def _root(off: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(off @ off.T / off.shape[1])
    root: Tensor = vectors @ torch.diag(values.clamp_min(1e-6).pow(power)) @ vectors.T
    return root
