"""alpha-CROWN: the slopes of the lower lines are optimised by gradient (Xu et al. 2021).

With beta terms (Wang et al. 2021): for split neurons, the sign constraint enters the bound with a
multiplier that is optimised together with the slopes. Any slopes and multipliers give a valid
bound; they only affect how tight it is. The optimiser is the engine's.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.curves import Curve, Lines
from advkit.bounds.intervals import Bounds
from advkit.bounds.linear_relaxation import Choice, Look, lower
from advkit.bounds.memory import padded
from advkit.bounds.patches import Rows
from advkit.bounds.regions import Region
from advkit.bounds.tracing import Graph
from advkit.engine import Objective, Point, ascend, best
from advkit.engine.rules import Constraint, adam, within

RATE = 0.25
"""The step of Adam for slopes, which lie between 0 and 1."""


class Proof(NamedTuple):
    """The inputs of a bound: the steps, their relaxation, and the set of inputs."""

    graph: Graph
    known: Bounds
    region: Region


class Freedom(NamedTuple):
    """Rows with free slopes: coefficients at ``place``, their samples, and signs of split neurons.

    ``signs`` (m, t) is 1 or -1 for split neurons, 0 elsewhere; t counts the entries of all
    rectifiers before ``place``, one after the other. None: nothing is split.
    """

    place: int
    rows: Rows
    who: Tensor
    signs: Tensor | None = None


class Found(NamedTuple):
    """The best bound (m,) of every row, and its slopes and multipliers (m, ...)."""

    bound: Tensor
    chosen: Tensor


def rectifiers(graph: Graph, place: int) -> list[int]:
    """Return the indices of the activations with free slopes before ``place``."""
    curves = [(i, step.rule) for i, step in enumerate(graph[: place + 1])]
    return [i for i, rule in curves if isinstance(rule, Curve) and rule.bend is not None]


def sizes(graph: Graph, place: int) -> list[int]:
    """Return how many entries each of `rectifiers` has."""
    return [torch.Size(graph[i].shape).numel() for i in rectifiers(graph, place)]


def usual(proof: Proof, free: Freedom) -> Tensor:
    """Return the slopes of CROWN as a start (m, t), or (m, 2t) with multipliers of 0."""
    places = rectifiers(proof.graph, free.place)
    parts = []
    for place in places:
        lines = proof.known.lines[place]
        assert isinstance(lines, Lines)  # noqa: S101
        bend = _bend(proof.graph, place)
        parts.append(((lines.low_slope - bend) / max(1 - bend, 1e-9)).flatten(1)[free.who])
    if not parts:
        return free.rows.a.new_zeros(len(free.who), 0)
    slopes = torch.cat(parts, 1)
    return slopes if free.signs is None else torch.cat([slopes, torch.zeros_like(slopes)], 1)


def optimised(
    proof: Proof, free: Freedom, steps: int, start: Tensor | None = None, until: float | None = None
) -> Found:
    """Return the best bounds of ``steps`` steps of Adam; rows above ``until`` stop early."""
    x = usual(proof, free) if start is None else start
    half = x.shape[1] if free.signs is None else x.shape[1] // 2
    rule = within(adam(RATE), Constraint(lambda x: _allowed(x, half)))
    done = None if until is None else lambda point: point.value > until
    slots = () if free.rows.corner is None else (free.rows.corner,)
    signs = () if free.signs is None else (free.signs,)

    def value(x: Tensor, a: Tensor, who: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        n = len(x)
        x, a, who, *more = (padded(each) for each in (x, a, who, *rest))
        rows = Rows(a, more.pop(0)) if slots else Rows(a)
        some = Freedom(free.place, rows, who, *more)
        found = bound_with(proof, some, x)[:n]
        return found, found

    objective = Objective(value, (free.rows.a, free.who, *slots, *signs))
    chosen, bound = best(ascend(objective, x, rule, steps, done), _score)
    return Found(bound, chosen)


def _score(point: Point) -> Tensor:
    return point.value


def _allowed(x: Tensor, half: int) -> Tensor:
    return torch.cat([x[:, :half].clamp(0, 1), x[:, half:].clamp_min(0)], 1)


def bound_with(
    proof: Proof, free: Freedom, chosen: Tensor, look: Look = lambda _place, _a: None
) -> Tensor:
    """Return the bound (m,) of every row for slopes and multipliers as in `usual`."""
    graph = proof.graph
    counts = sizes(graph, free.place)
    places = dict(zip(rectifiers(graph, free.place), range(len(counts)), strict=True))
    slopes = torch.split(chosen[:, : sum(counts)], counts, 1)
    pushes = torch.split(chosen[:, sum(counts) :], counts, 1) if free.signs is not None else None
    signs = torch.split(free.signs, counts, 1) if free.signs is not None else None

    def choose(place: int) -> Choice | None:
        if place not in places:
            return None
        i, shape = places[place], graph[place].shape
        split = None if signs is None else signs[i].reshape(-1, *shape)
        push = None if pushes is None else pushes[i].reshape(-1, *shape)
        return _choice(proof, place, free.who, slopes[i].reshape(-1, *shape), split, push)

    return lower(
        graph, free.place, free.rows, free.who, proof.known.lines, proof.region, choose, look
    )


def _choice(
    proof: Proof, place: int, who: Tensor, slope: Tensor, split: Tensor | None, push: Tensor | None
) -> Choice:
    lines, bend = proof.known.lines[place], _bend(proof.graph, place)
    assert isinstance(lines, Lines)  # noqa: S101
    low, high = proof.known.walls[proof.graph[place].inputs[0]]
    bent = ((low < 0) & (high > 0))[who]
    low_slope = torch.where(bent, bend + (1 - bend) * slope, lines.low_slope[who])
    up_slope, up_shift = lines.up_slope[who], lines.up_shift[who]
    if split is None or push is None:
        return Choice(low_slope, up_slope, up_shift)
    straight = torch.where(split > 0, 1.0, bend)
    cut = split != 0
    return Choice(
        torch.where(cut, straight, low_slope),
        torch.where(cut, straight, up_slope),
        torch.where(cut, 0, up_shift),
        -split * push,
    )


def _bend(graph: Graph, place: int) -> float:
    rule = graph[place].rule
    assert isinstance(rule, Curve)  # noqa: S101
    assert rule.bend is not None  # noqa: S101
    return rule.bend
