"""The run of `advkit visualize`: images of classes and neurons, next to the best real ones."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from advkit.engine import evaluate
from advkit.engine.gradient import CHUNK, Objective
from advkit.engine.layer_outputs import code_of
from advkit.evaluate.album import (
    Studio,
    finished,
    group,
    kept,
    key_of,
    label_of,
    read_picture,
    shown,
    steps_told,
)
from advkit.evaluate.visualize_sections import (
    LIMITS,
    Shown,
    dead,
    risen,
    strips_of,
    verdict_of,
    weaker,
)
from advkit.insight.canvas import Canvas, canvas_of, stages
from advkit.insight.recipes import Recipe, recipe_of
from advkit.insight.stimuli import Stimulus, against, apart, stimulus
from advkit.insight.visualization import Picture, pictures_of
from advkit.models.classifier import Classifier

APART = 0.3  # weight of the similarity term, relative to the spread of the score


class Plan(NamedTuple):
    """Settings of a run of `advkit visualize`."""

    targets: tuple[str, ...] = ()
    recipe: str = "spectrum"
    steps: int = 128
    several: int = 1
    negative: bool = False
    best: int = 3
    """Number of images of the data to show."""

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "targets": list(self.targets)}


def visualize(
    at: Studio, plan: Plan, beside: Classifier | None = None, judge: Classifier | None = None
) -> dict[str, Any]:
    """Make the images; return the record of the run. Raises UsageError, InputError."""
    recipe = recipe_of(plan.recipe)
    texts = apart(plan.targets, at.names) or usual_targets(at.names)
    asked = [stimulus(at.canvas, text, at.names) for text in texts]
    goals = list({one.name: one for one in asked}.values())
    rows = [_pictures(at, at.model, at.canvas, one, plan, recipe, judge) for one in goals]
    series = [(at.model.name, [row["shown"] for row in rows])]
    if beside is not None:
        canvas = canvas_of(beside, at.canvas.mean.expand(1, *at.canvas.shape))
        others = [stimulus(canvas, one.name, at.names) for one in goals]
        found = [_pictures(at, beside, canvas, one, plan, recipe, judge) for one in others]
        series.append((beside.name, [row["shown"] for row in found]))
    if plan.negative:
        found = [_pictures(at, at.model, at.canvas, against(one), plan, recipe, None)
                 for one in goals]  # fmt: skip
        series.append((f"least of all, {at.model.name}", [row["shown"] for row in found]))
    weak: list[str] = []
    if at.samples is not None and plan.best:
        best = [_best_images(at, one, plan.best) for one in goals]
        series.append(("images of the data", [pictures for pictures, _ in best]))
        weak = [row["name"] for row, (_, most) in zip(rows, best, strict=True)
                if most > max(told["score"] for told in row["made"])]  # fmt: skip
    strips = strips_of(goals, series)
    groups = [
        group("pictures", "What excites it most", f"{recipe.about[0].upper()}{recipe.about[1:]}.",
              strips=strips),
        risen(rows),
    ]  # fmt: skip
    verdict, lead = verdict_of(at, goals, rows, judge)
    lead += weaker(weak, plan.steps)
    return finished(at, verdict, lead, groups, LIMITS, dead(rows))


def usual_targets(names: Sequence[str]) -> tuple[str, ...]:
    """Return every class if there are ten or fewer, else four evenly spaced ones."""
    if len(names) <= 10:
        return tuple(names)
    known = [name for name in ("peacock", "goldfish", "monarch", "pineapple") if name in names]
    return tuple(known or [str(len(names) * (2 * i + 1) // 8) for i in range(4)])


def _pictures(
    at: Studio, model: Classifier, canvas: Canvas, one: Stimulus, plan: Plan, recipe: Recipe,
    judge: Classifier | None,
) -> dict[str, Any]:  # fmt: skip
    """Make or read the images of one target with one net; return them with their predictions."""
    ids = [f"{one.name}/{i}" for i in range(plan.several)]
    likeness = _likeness(canvas) if plan.several > 1 else None

    def make() -> tuple[dict[str, Any], dict[str, Tensor]]:
        tell = steps_told(at, f"{one.name}, {model.name}", plan.steps)
        made = pictures_of(one.objective, canvas, recipe, steps=plan.steps, seed=at.seed, ids=ids,
                           likeness=likeness, apart=APART * 10, tell=tell)  # fmt: skip
        told = [_told(each, canvas, one) for each in made]
        return {"name": one.name, "made": told}, {str(i): each.image for i, each in enumerate(made)}

    row = kept(at, f"{key_of(at, model)}-{one.name}", make)
    row["class"] = one.class_index
    row["judged"] = [_judged(at, judge, row["files"][str(i)], one) for i in range(plan.several)]
    row["shown"] = [
        shown(row["files"][str(i)], "dead" if told["dead"] else model.name,
              f"score {told['score']:.3g}", _detail(told, judged))
        for i, (told, judged) in enumerate(zip(row["made"], row["judged"], strict=True))
    ]  # fmt: skip
    return row


def _told(made: Picture, canvas: Canvas, one: Stimulus) -> dict[str, Any]:
    told = {"score": made.score, "values": made.values, "dead": made.dead, "probability": None}
    if one.class_index is not None:
        with torch.no_grad():
            odds = canvas.ask(made.image[None]).softmax(1)[0]
        told["probability"] = float(odds[one.class_index])
    return told


def _detail(told: dict[str, Any], judged: str | None) -> str:
    if told["dead"]:
        return "no gradient at any start"
    own = "" if told["probability"] is None else f"p {told['probability']:.3f}"
    return f"{own}; judge: {judged}" if judged else own


@torch.no_grad()
def _judged(at: Studio, judge: Classifier | None, file: str, one: Stimulus) -> str | None:
    """Return the prediction for an image by another net, which was not used to make it."""
    if judge is None or one.class_index is None:
        return None
    image = read_picture(at.out / file)[None].to(at.canvas.mean.device)
    if judge.shape is not None and tuple(judge.shape) != tuple(image.shape[1:]):
        image = F.interpolate(image, judge.shape[1:], mode="bilinear", antialias=True)
    return at.names[int(judge.unpadded(image).argmax())]


def _likeness(canvas: Canvas) -> Callable[[Tensor], Tensor] | None:
    maps = [call.name for call in stages(canvas) if len(call.shape) == 3 and call.shape[1] > 1]
    return code_of(canvas.ask, canvas.root, maps[len(maps) // 2]) if maps else None


def _best_images(at: Studio, one: Stimulus, count: int) -> tuple[Shown, float]:
    """Return the images of the data with the highest target values, and the highest value."""
    assert at.samples is not None  # noqa: S101
    values = values_at(one.objective, at.samples.x)
    best = values.argsort(descending=True, stable=True)[:count].tolist()
    pictures = [
        shown(_saved(at, i), "data", f"score {float(values[i]):.3g}",
              label_of(at, int(at.samples.y[i])))
        for i in best
    ]  # fmt: skip
    return pictures, float(values[best[0]])


def _saved(at: Studio, i: int) -> str:
    samples = at.samples
    assert samples is not None  # noqa: S101
    row = kept(at, f"data-{samples.ids[i]}", lambda: ({}, {"image": samples.x[i]}))
    return str(row["files"]["image"])


def values_at(objective: Objective, x: Tensor) -> Tensor:
    """Return the value for every image, (n,), of an objective for a single image."""
    parts = [
        evaluate(objective._replace(fixed=tuple(f.expand(len(some)) for f in objective.fixed)),
                 some, gradient=False).value
        for some in torch.split(x, CHUNK)
    ]  # fmt: skip
    return torch.cat(parts)
