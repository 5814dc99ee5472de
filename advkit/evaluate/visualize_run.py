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
    label_of,
    read_picture,
    shown,
    steps_told,
)
from advkit.evaluate.intervals import wilson
from advkit.insight.canvas import Canvas, canvas_of, stages
from advkit.insight.recipes import Recipe, recipe_of
from advkit.insight.stimuli import Stimulus, against, apart, stimulus
from advkit.insight.visualization import Picture, pictures_of
from advkit.models.classifier import Classifier
from advkit.numbers import several

APART = 0.3  # weight of the similarity term, relative to the spread of the score
LIMITS = (
    "The pictures show the net, not the world: without the added prior a person would recognise "
    "nothing.",
    "A high score does not make a good likeness. Where another net judged the pictures, its "
    "result is given; no person judged them.",
    "A different seed or recipe gives a different picture of the same class.",
)  # fmt: skip


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
    strips = _strips(goals, series)
    groups = [
        group("pictures", "What excites it most", f"{recipe.about[0].upper()}{recipe.about[1:]}.",
              strips=strips),
        _risen(rows),
    ]  # fmt: skip
    verdict, lead = _verdict(at, goals, rows, judge)
    lead += _weak(weak, plan)
    return finished(at, verdict, lead, groups, LIMITS, _dead(rows))


Shown = list[dict[str, str]]


def _strips(goals: Sequence[Stimulus], series: Sequence[tuple[str, list[Shown]]]) -> list[Any]:
    """Return one strip per net and rank, with one column per target."""
    strips = []
    for name, columns in series:
        for rank in range(max(len(column) for column in columns)):
            pictures = [
                {**column[rank], "head": _head(one, column[rank]["head"])}
                for one, column in zip(goals, columns, strict=True)
            ]
            caption = name if len(columns[0]) == 1 else f"{name}, {rank + 1}"
            strips.append({"name": caption, "caption": caption, "pictures": pictures})
    return strips


def _head(one: Stimulus, head: str) -> str:
    return f"{one.name}: dead" if head == "dead" else one.name


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

    beside = "beside-" * (model is not at.model)  # which may have the same name
    row = kept(at, f"{beside}{model.name}-{one.name}", make)
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


def _risen(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    lines = [(row["name"], list(enumerate(row["made"][0]["values"]))) for row in rows[:5]]
    return group("steps", "How the score rose", "", chart={
        "title": "Score by step, of the image as it was moved about", "across": "steps",
        "up": "score", "lines": lines, "reading": "The picture is shifted, rotated and scaled by "
                                                  "a different amount at each step: the line is "
                                                  "not smooth, and lies below the score of the "
                                                  "picture."})  # fmt: skip


def _dead(rows: Sequence[dict[str, Any]]) -> list[str]:
    dead = [row["name"] for row in rows if all(told["dead"] for told in row["made"])]
    return [f"dead: {', '.join(dead)}: gradient exactly 0 at every start"] if dead else []


def _weak(names: Sequence[str], plan: Plan) -> str:
    """Return a note about targets that an image of the data excites more."""
    if not names:
        return ""
    return (f" An image of the data excites {', '.join(names)} more than what was made in "
            f"{several(plan.steps, 'step')}: take more steps.")  # fmt: skip


def _verdict(
    at: Studio, goals: Sequence[Stimulus], rows: Sequence[dict[str, Any]], judge: Classifier | None
) -> tuple[str, str]:
    count = sum(len(row["made"]) for row in rows)
    name = at.model.name
    asked = [(row["judged"], at.names[row["class"]]) for row in rows if row["class"] is not None]
    verdict = (
        f"{several(count, 'picture')} that maximise{'s' * (count == 1)} "
        f"{several(len(goals), 'target')} of {name}."
    )
    lead = "Each picture was made by following the gradient of one score; captions give the score."
    if judge is not None and asked:
        right = sum(each == wanted for judged, wanted in asked for each in judged)
        n = sum(len(judged) for judged, _ in asked)
        share = wilson(right, n)
        verdict += f" {judge.name}, which was not involved, classifies {right} of {n} as intended."
        lead += (
            f" Share classified as intended: {share['value']:.0%}, 95% interval "
            f"{share['low']:.0%} to {share['high']:.0%}."
        )
    return verdict, lead
