"""The run of `advkit fool`: images without content that a net classifies with certainty."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.engine.gradient import CHUNK
from advkit.engine.layer_outputs import Code, code_of
from advkit.errors import UnknownNameError, did_you_mean
from advkit.evaluate.album import Studio, finished, group, kept, key_of, shown, steps_told
from advkit.evaluate.intervals import wilson
from advkit.evaluate.visualize_run import usual_targets
from advkit.insight.canvas import Canvas, canvas_of, stages
from advkit.insight.fooling import Fooling, Manifold, ascended, evolved, manifold, start_of
from advkit.insight.stimuli import apart, class_named
from advkit.models.classifier import Classifier
from advkit.numbers import several

WAYS = ("noise", "zero", "photograph", "shapes", "evolution")
ABOUT = {
    "noise": "from noise, along the gradient",
    "zero": "from the zero image, along the gradient",
    "photograph": "from an image of something else, along the gradient",
    "shapes": "from noise, along the gradient with decay and blur (Nguyen et al. 2015)",
    "evolution": "from noise, by mutation and selection, without gradients (Nguyen et al. 2015)",
}
LIMITS = (
    "That a meaningless image is assigned to a class does not mean that photographs are "
    "misclassified: advkit audit measures that.",
    "The detector is the distance to the codes of real images at one layer; an attacker who knows "
    "it can evade it.",
    "The number of steps depends on the step size; it compares nets with the same input size.",
)


class Plan(NamedTuple):
    """Settings of a run of `advkit fool`."""

    targets: tuple[str, ...] = ()
    ways: tuple[str, ...] = WAYS
    confidence: float = 0.999
    steps: int = 300

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "targets": list(self.targets), "ways": list(self.ways)}


class Net(NamedTuple):
    """A net to be fooled, and statistics of its codes on real images."""

    model: Classifier
    canvas: Canvas
    code: Code
    layer: str
    known: Manifold | None


def fool(
    at: Studio, plan: Plan, photograph: Tensor, beside: Classifier | None = None
) -> dict[str, Any]:
    """Fool the net, and another one ``beside`` it; return the record of the run.

    ``photograph`` (c, h, w) is the start of that name if there are no data. Raises UsageError.
    """
    for way in plan.ways:
        if way not in WAYS:
            raise UnknownNameError(f"there is no way {way!r}", did_you_mean(way, WAYS))
    texts = apart(plan.targets, at.names) or usual_targets(at.names)
    goals = list(dict.fromkeys(class_named(text, at.names) for text in texts))
    nets = [_net(at, each) for each in (at.model, beside) if each is not None]
    rows = [(net, way, target, _made(at, plan, net, way, target, photograph))
            for net in nets for target in goals for way in plan.ways]  # fmt: skip
    groups = [_strips(at, plan, net, goals, rows) for net in nets]
    groups += [_table(plan, nets, rows), _chart(at, nets[0], rows)]
    return finished(at, *_verdict(plan, nets, goals, rows), groups, LIMITS)


Row = tuple[Net, str, int, dict[str, Any]]


def _net(at: Studio, model: Classifier) -> Net:
    canvas = canvas_of(model, at.canvas.mean.expand(1, *at.canvas.shape))
    calls = stages(canvas)
    layer = calls[max(len(calls) - 2, 0)].name
    code = code_of(canvas.ask, canvas.root, layer)
    if at.samples is None:
        return Net(model, canvas, code, layer, None)
    with torch.no_grad():
        codes = torch.cat([code(some).flatten(1) for some in torch.split(at.samples.x, CHUNK)])
    return Net(model, canvas, code, layer, manifold(codes))


def _made(
    at: Studio, plan: Plan, net: Net, way: str, target: int, photograph: Tensor
) -> dict[str, Any]:
    name = at.names[target]

    def make() -> tuple[dict[str, Any], dict[str, Tensor]]:
        start = _start(at, net, way, target, photograph)
        tell = steps_told(at, f"{name}, {way}", plan.steps)
        found = _walk(at, plan, net, way, target, start, tell)
        rarity = None
        if net.known is not None:
            with torch.no_grad():
                rarity = float(net.known.rarity(net.code(found.image[None]).flatten(1)))
        return {"probability": found.probability, "reached": found.reached, "rarity": rarity,
                "values": found.values,
                "size": float((found.image - start[0]).norm())}, {"image": found.image}  # fmt: skip

    return kept(at, f"{key_of(at, net.model)}-{name}-{way}", make)


def _walk(
    at: Studio, plan: Plan, net: Net, way: str, target: int, start: Tensor,
    tell: Callable[[int, float], None],
) -> Fooling:  # fmt: skip
    if way == "evolution":
        return evolved(net.canvas.ask, start, target, confidence=plan.confidence, steps=plan.steps,
                       seed=at.seed, name=at.names[target], tell=tell)  # fmt: skip
    return ascended(net.canvas.ask, start, target, confidence=plan.confidence, steps=plan.steps,
                    regularised=way == "shapes", mean=net.canvas.mean, tell=tell)  # fmt: skip


def _start(at: Studio, net: Net, way: str, target: int, photograph: Tensor) -> Tensor:
    if way != "photograph":
        kind = "zero" if way == "zero" else "noise"
        return start_of(kind, at.canvas.shape, net.canvas.mean, at.seed, at.names[target])
    if at.samples is None:
        return photograph[None]
    others = (at.samples.y != target).nonzero().flatten()
    return at.samples.x[int(others[target % len(others)])][None]


def _strips(
    at: Studio, plan: Plan, net: Net, goals: Sequence[int], rows: Sequence[Row]
) -> dict[str, Any]:
    strips = []
    for way in plan.ways:
        mine = {to: row for of, how, to, row in rows if of is net and how == way}
        pictures = [
            shown(mine[target]["files"]["image"], at.names[target],
                  f"p {mine[target]['probability']:.4f}", _soon(plan, mine[target]))
            for target in goals
        ]  # fmt: skip
        caption = f"{way}: {ABOUT[way]}"
        strips.append({"name": caption, "caption": caption, "pictures": pictures})
    number = 1 + [of is net for of, *_ in rows].index(True)
    title = f"What {net.model.name} is certain of"
    return group(f"fooled-{number}", title, "", strips=strips)


def _soon(plan: Plan, row: dict[str, Any]) -> str:
    when = _step(plan, row)
    said = f"{when} steps" if when is not None else f"not {plan.confidence:.1%}"
    return said if row["rarity"] is None else f"{said}; {row['rarity']:.0%} of the data odder"


def _step(plan: Plan, row: dict[str, Any]) -> int | None:
    return len(row["values"]) - 1 if row["probability"] >= plan.confidence else None


def _table(plan: Plan, nets: Sequence[Net], rows: Sequence[Row]) -> dict[str, Any]:
    lines = []
    for net in nets:
        for way in plan.ways:
            mine = [row for of, how, _, row in rows if of is net and how == way]
            lines.append(_line(plan, net, way, mine))
    columns = [["net", False], ["way", False], ["fooled", False], ["median steps", True],
               ["mean probability", True], ["median L2 moved", True],
               ["found out", False]]  # fmt: skip
    layers = ", ".join(dict.fromkeys(f"{net.layer} of {net.model.name}" for net in nets))
    return group("ways", "How soon, by way", "", table={"columns": columns, "rows": lines},
                 under=f"Fooled: a probability of {plan.confidence:.1%} was reached within "
                 f"{plan.steps} steps. {'; '.join(f'{way}: {ABOUT[way]}' for way in plan.ways)}. "
                 "Found out: the image's code lies farther from real images (distance to the "
                 f"fifth nearest neighbour at {layers}) than 95% of them do.")  # fmt: skip


def _line(plan: Plan, net: Net, way: str, rows: Sequence[dict[str, Any]]) -> list[Any]:
    steps = [_step(plan, row) for row in rows]
    done = [step for step in steps if step is not None]
    share = wilson(len(done), len(rows))
    seen = [row["rarity"] < 0.05 for row in rows if row["rarity"] is not None]
    return [net.model.name, way,
            f"{share['count']} of {share['n']} ({share['low']:.0%} to {share['high']:.0%})",
            float(median(done)) if done else None,
            sum(row["probability"] for row in rows) / len(rows),
            float(median(row["size"] for row in rows)),
            f"{sum(seen)} of {len(seen)}" if seen else "no data"]  # fmt: skip


def _chart(at: Studio, net: Net, rows: Sequence[Row]) -> dict[str, Any]:
    first = next(target for *_, target, _ in rows)
    lines = [(way, list(enumerate(row["values"]))) for of, way, to, row in rows
             if of is net and to == first]  # fmt: skip
    return group("rise", "How certain, by step", "", chart={
        "title": f"Probability of {at.names[first]} by step", "across": "steps",
        "up": "probability", "lines": lines})  # fmt: skip


def _verdict(
    plan: Plan, nets: Sequence[Net], goals: Sequence[int], rows: Sequence[Row]
) -> tuple[str, str]:
    said = []
    for net in nets:
        mine = [row for of, way, _, row in rows if of is net and way != "photograph"]
        steps = [_step(plan, row) for row in mine]
        done = [step for step in steps if step is not None]
        when = f", in {median(done):.0f} steps (median)" if done else ""
        said.append(f"{len(done)} of {len(mine)} images fool {net.model.name} with a probability "
                    f"of {plan.confidence:.1%}{when}")  # fmt: skip
    lead = f"Meaningless images that a net assigns to a class with {plan.confidence:.1%}: " \
           f"{several(len(goals), 'class')}, {several(len(plan.ways), 'way')}."  # fmt: skip
    return "; ".join(said) + ".", lead
