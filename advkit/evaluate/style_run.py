"""The run of `advkit style`: style transfer from coarse to fine, and the loss of every term."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from advkit.engine import evaluate
from advkit.engine.average_pooling import AveragePools
from advkit.engine.layers import layer_of
from advkit.errors import InapplicableError, UsageError
from advkit.evaluate.album import Studio, finished, group, kept, shown
from advkit.insight.style import (
    Plan as Weights,
)
from advkit.insight.style import (
    Start,
    Term,
    calibrated,
    plain_losses,
    recoloured,
    resized,
    scales_of,
    start_image,
    styled_objective,
    usual_layers,
    walk,
    wanted_of,
    with_colours_of,
)
from advkit.insight.visualization import eight_bits
from advkit.numbers import several

LIMITS = (
    "Style here only means which features of a layer occur together, not where they occur.",
    "The weights are for this net; the calibration makes layer losses start equal, not different "
    "nets comparable.",
)


class Plan(NamedTuple):
    """Settings of a run of `advkit style`."""

    content: str = "china"
    styles: tuple[str, ...] = ("flower",)
    shares: tuple[float, ...] = ()
    size: int = 256
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    passes: int = 100
    """Forward and backward passes in all; most of them at small sizes."""
    start: Start = "content"
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    content_weight: float = 1.0
    style_weight: float = 10.0
    variation_weight: float = 5.0
    recolour: bool = True
    """The content first gets the mean and covariance of the styles' colours."""
    keep_colours: bool = False
    average_pools: bool = False

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {key: list(value) if isinstance(value, tuple) else value
                for key, value in self._asdict().items()}  # fmt: skip


def style(at: Studio, plan: Plan, content: Tensor, styles: Sequence[Tensor]) -> dict[str, Any]:
    """Render ``content`` (1, c, h, w) in ``styles``; return the record. Raises AdvkitError."""
    weights = _weights(at, plan)
    shares = plan.shares or (1.0,) * len(styles)
    if len(shares) != len(styles):
        raise UsageError(
            f"{several(len(shares), 'share')} for {several(len(styles), 'style')}",
            "one --share per --style",
            code="E204",
        )
    originals = [kept(at, f"given-{i}", lambda x=x: ({}, {"image": x[0]}))  # type: ignore[misc]
                 for i, x in enumerate((resized(content, plan.size), *(
                     resized(x, plan.size) for x in styles)))]  # fmt: skip
    row = kept(at, "styled", lambda: _styled(at, plan, weights, content, styles, shares))
    names = [Path(name).name for name in (plan.content, *plan.styles)]
    verdict = f"{names[0]} in the style of {' and '.join(names[1:])}, by {at.model.name}."
    how = {"lbfgs": "L-BFGS", "adam": "Adam"}[plan.optimiser]
    lead = (
        f"{how}, {several(row['passes'], 'pass')} at {', '.join(map(str, row['sizes']))} pixels, "
        f"{row['seconds']:.0f} seconds."
    )
    groups = _groups(plan, names, row, originals, shares)
    return finished(at, verdict, lead, groups, LIMITS)


def _groups(
    plan: Plan, names: Sequence[str], row: dict[str, Any], originals: Sequence[dict[str, Any]],
    shares: Sequence[float],
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the sections of the page: result, inputs, terms, and the course of the loss."""
    content, *styles = names
    pictures = [shown(originals[0]["files"]["image"], "content", content)]
    pictures += [
        shown(one["files"]["image"], "style", f"{name}, share {share:g}")
        for one, name, share in zip(originals[1:], styles, shares, strict=True)
    ]
    hues = ", with the hues of the content again" if plan.keep_colours else ""
    result = shown(row["files"]["image"], "result", f"loss {row['loss']:.4g}{hues}",
                   f"{row['seconds']:.0f} s")  # fmt: skip
    return [
        group("result", "The result", "", wide=True, strips=[
            {"name": "result", "caption": f"{content} in the style of {', '.join(styles)}",
             "pictures": [result]}]),
        group("given", "What was given", "", strips=[
            {"name": "given", "caption": "content and styles", "pictures": pictures}]),
        group("terms", "Calibration", "", table=_table(row),
              under="At start: the raw loss (Gatys et al. 2016) of a style layer at the content "
                    "image, of a content layer at a grey image. Slope: the norm of its gradient "
                    "there. Weight: chosen so that all layers of a kind start equal. Share: of "
                    "the final loss."),
        group("fall", "How the loss fell", "", chart={
            "title": f"log10 loss by pass at {plan.size} pixels, {plan.optimiser}",
            "across": "steps", "up": "log10 loss", "lines": [("loss", row["fall"])]}),
    ]  # fmt: skip


def _weights(at: Studio, plan: Plan) -> Weights:
    usual = usual_layers(at.canvas)
    chosen = (plan.content_layers or usual[0], plan.style_layers or usual[1])
    for name in (*chosen[0], *chosen[1]):
        layer_of(at.canvas.root, name.partition("#")[0])
    return Weights(*chosen, plan.content_weight, plan.style_weight, plan.variation_weight)


def _styled(
    at: Studio, plan: Plan, weights: Weights, content: Tensor, styles: Sequence[Tensor],
    shares: Sequence[float],
) -> tuple[dict[str, Any], dict[str, Tensor]]:  # fmt: skip
    """Optimise from coarse to fine, each size starting from the result of the one before."""
    began, sizes, x = time.perf_counter(), scales_of(plan.size), None
    passes = [_passes(plan.passes, number, len(sizes)) for number in range(len(sizes))]
    pools = AveragePools() if plan.average_pools else None
    with pools or nullcontext():
        for size, most in zip(sizes, passes, strict=True):
            small, drawn = resized(content, size), [resized(one, size) for one in styles]
            aim = _recoloured(small, drawn, shares) if _recolours(plan) else small
            begin = start_image(plan.start, aim, at.seed) if x is None else _to(x, small)
            wanted = wanted_of(at.canvas, weights, aim, drawn, shares)
            terms = calibrated(at.canvas, weights, wanted, aim)
            losses = plain_losses(at.canvas, weights, wanted)
            objective = styled_objective(losses, terms, weights.variation_weight)
            fall = []
            for step, (image, point) in enumerate(walk(objective, begin, plan.optimiser, most)):
                x = image
                fall.append((step, float((-point.value).clamp_min(1e-12).log10())))
                at.tell(f"{size} pixels", step, most, f"{-float(point.value):.4g}")
    if pools is not None and not pools.count:
        raise InapplicableError(f"{at.model.name} has no max-pool", "leave out --average-pools")
    assert x is not None  # noqa: S101
    image = eight_bits(with_colours_of(x, small) if plan.keep_colours else x)
    end = evaluate(objective, image, gradient=False)
    told = {"sizes": sizes, "passes": sum(passes), "seconds": time.perf_counter() - began,
            "loss": -float(end.value), "fall": fall, "shares": end.output[0].tolist(),
            "terms": [term._asdict() for term in terms]}  # fmt: skip
    return told, {"image": image[0]}


def _recolours(plan: Plan) -> bool:
    return plan.recolour and not plan.keep_colours


def _recoloured(content: Tensor, styles: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    parts = [share / sum(shares) * recoloured(content, one)
             for share, one in zip(shares, styles, strict=True)]  # fmt: skip
    return torch.stack(parts).sum(0)


def _to(x: Tensor, like: Tensor) -> Tensor:
    return torch.nn.functional.interpolate(x, like.shape[2:], mode="bilinear", antialias=True)


def _passes(whole: int, number: int, sizes: int) -> int:
    """Return the passes of one of several sizes: each has half as many as the one before."""
    share = 2.0 ** (sizes - 1 - number) / (2.0**sizes - 1)
    return max(round(whole * share), 1)


def _table(row: dict[str, Any]) -> dict[str, Any]:
    terms = [Term(**term) for term in row["terms"]]
    whole = sum(row["shares"]) or 1.0
    rows: list[list[Any]] = [
        [term.layer, term.kind, term.at_start, term.slope, term.weight, share / whole]
        for term, share in zip(terms, row["shares"], strict=False)
    ]
    rows.append(["", "total variation", None, None, None, row["shares"][-1] / whole])
    columns = [["layer", False], ["kind", False], ["at start", True], ["slope", True],
               ["weight", True], ["share", True]]  # fmt: skip
    return {"columns": columns, "rows": rows}
