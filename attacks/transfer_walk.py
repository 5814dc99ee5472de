"""The iteration of transfer attacks: all steps, along a gradient less specific to the net.

A method is a change of a `Way`; several changes combine methods:
``with_momentum(seen_through(Way(), resized()))``. A run never stops early: a sample that fools the
surrogate continues, as another net is to be fooled.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.attacks.walks import margins_of, radii
from advkit.engine import NORMS, Objective, Point, Rule, evaluate, rows
from advkit.engine.objectives import LOSSES, Model
from advkit.engine.rules import ball, momentum, steepest, within
from advkit.engine.seeding import keys, normal, uniform
from advkit.models.ensemble import nets_of


class Draw(NamedTuple):
    """What a view may depend on: the samples' keys (n,), and the index of the draw.

    ``stream`` differs between gradient evaluations, ``copy`` counts the copies of one from 0.
    ``pool`` are all images of the attack, by their ids.
    """

    keys: Tensor
    stream: int
    copy: int
    pool: Tensor


class View(NamedTuple):
    """A random transform of the input: ``change(x, draw)``, in so many copies."""

    change: Callable[[Tensor, Draw], Tensor]
    copies: int = 1


Look = Callable[[Tensor, int], Tensor]
"""``look(x, number)``: the gradient at ``x`` (n, ...); another ``number``, other random views."""


class Scene(NamedTuple):
    """State of the run for methods: norm, radius (n,), step (n,), keys (n,), the start.

    ``pool`` as in `Draw`; ``luck`` (1,) is a key shared by all samples; ``each`` are the gradient
    functions of the nets of an ensemble.
    """

    norm: str
    radius: Tensor
    step: Tensor
    keys: Tensor
    start: Tensor
    pool: Tensor
    luck: Tensor
    each: tuple[Look, ...] = ()


Estimate = Callable[[Look, Tensor, int, Any, Scene], tuple[Tensor, Any]]
"""``estimate(look, x, number, memory, scene) -> (gradient, memory)``; ``memory`` begins as None."""

MOST_LOOKS = 1 << 10  # random streams that a step may use
MOST_COPIES = 1 << 8  # of one gradient evaluation
NEIGHBOURS = 1 << 16  # apart from the keys of views


class Way(NamedTuple):
    """A transfer method: views, smoothing, gradient estimate and update rule."""

    views: tuple[View, ...] = ()
    smooth: tuple[Callable[[Tensor], Tensor], ...] = ()
    estimate: Estimate | None = None
    decay: float = 1.0
    ahead: bool = False
    """Whether to evaluate where momentum alone would lead (Nesterov 1983)."""
    move: Callable[[Scene], Rule] | None = None
    """The rule in place of a step along the steepest direction."""
    objective: Callable[..., Objective] | None = None
    """``objective(model, y, targets, loss)`` in place of the loss of the model."""
    then: Callable[[Model, Tensor, Tensor, Scene, int], Tensor] | None = None
    """``then(model, x, there, scene, steps)``: a second run after the first ended ``there``."""


def travel(
    way: Way, model: Model, x: Tensor, y: Tensor, *, eps: float | Tensor, norm: str,
    targets: Tensor | None, seed: int, ids: Any, steps: int, step: float, loss: str,
) -> Tensor:  # fmt: skip
    """Return the result of ``steps`` steps of ``step`` times ``eps`` from ``x`` (n, ...).

    Samples that fool already are unchanged; so are those whose result has no higher margin.
    """
    if not len(x):
        return x
    before = margins_of(model, x, y, targets)
    left = (~(before > 0)).nonzero().squeeze(1)
    if not len(left):
        return x
    goal = None if targets is None else targets[left]
    here, label, radius = x[left], y[left], radii(eps, x)[left]
    streams, luck = keys(seed, ids, x, "transfer")[left], keys(seed, [""], x[:1], "transfer")
    pool = x[sorted(range(len(x)), key=lambda i: i if ids is None else ids[i])]
    scene = Scene(norm, radius, step * radius, streams, here, pool, luck)
    alone = [LOSSES[loss](net, label, goal) for net in nets_of(model)]
    scene = scene._replace(each=tuple(looker(way, each, scene) for each in alone))
    make = way.objective or (lambda model, y, targets, loss: LOSSES[loss](model, y, targets))
    there = walk(way, make(model, label, goal, loss), here, scene, steps)
    there = way.then(model, here, there, scene, steps) if way.then else there
    better = margins_of(model, there, label, goal) > before[left]
    return x.index_copy(0, left, torch.where(rows(better, there), there, here))


def walk(way: Way, objective: Objective, x: Tensor, scene: Scene, steps: int) -> Tensor:
    """Return the end of the run from ``x`` (n, ...); it is not evaluated."""
    geometry = NORMS[scene.norm]
    rule = way.move(scene) if way.move else steepest(geometry.steepest, scene.step)
    rule = momentum(rule, way.decay, NORMS["L1"].size) if way.decay else rule
    rule = within(rule, ball(geometry, x, scene.radius))
    look, estimate = looker(way, objective, scene), way.estimate or _plain
    state, memory, which = rule.init(x), None, torch.arange(len(x), device=x.device)
    for number in range(steps):
        place = rule.update(_still(x, which), state)[0] if way.ahead else x
        gradient, memory = estimate(look, place, number * MOST_LOOKS, memory, scene)
        x, state = rule.update(_still(x, which)._replace(gradient=gradient), state)
    return x


def _plain(look: Look, x: Tensor, number: int, memory: Any, _scene: Scene) -> tuple[Tensor, Any]:
    return look(x, number), memory


def _still(x: Tensor, which: Tensor) -> Point:
    return Point(x, x.new_zeros(len(x)), x, torch.zeros_like(x), which)


def looker(way: Way, objective: Objective, scene: Scene) -> Look:
    """Return the function that computes the mean gradient through all views, smoothed."""
    copies = 1
    for view in way.views:
        copies *= view.copies

    def look(x: Tensor, number: int) -> Tensor:
        total = torch.zeros_like(x)
        for copy in range(copies):
            seen = _through(way.views, objective, scene, number, copy)
            total = total + evaluate(seen, x).gradient
        total = total / copies
        for smooth in way.smooth:
            total = smooth(total)
        return total

    return look


def _through(
    views: tuple[View, ...], objective: Objective, scene: Scene, number: int, copy: int
) -> Objective:
    """Return ``objective`` of the image under all views, each with its share of ``copy``."""
    if not views:
        return objective

    def value(x: Tensor, *fixed: Tensor) -> tuple[Tensor, Tensor]:
        *given, key = fixed
        left = copy
        for place, view in enumerate(views):
            left, own = divmod(left, view.copies)
            x = view.change(x, Draw(key + place, number * MOST_COPIES + copy, own, scene.pool))
        return objective.function(x, *given)

    return Objective(value, (*objective.fixed, scene.keys))


def nearby(norm: str, streams: Tensor, x: Tensor, reach: Tensor, stream: int) -> Tensor:
    """Return random points around ``x`` (n, ...); they may leave the box.

    In Linf uniform within ``reach`` (n,), else on the sphere of that size.
    """
    streams = streams + NEIGHBOURS
    if norm == "Linf":
        d = 2 * uniform(streams, x.shape[1:], stream) - 1
    else:
        d = normal(streams, x.shape[1:], stream)
        d = d / rows(NORMS[norm].size(d), d)
    return x + rows(reach, x) * d.to(x.dtype)
