"""Image corruptions of growing severity: the least severe that fools, by scores only."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.attacks.bisection import bisect
from advkit.attacks.minimum import Nearest, enough, within
from advkit.attacks.walks import radii
from advkit.engine import NORMS, evaluate
from advkit.engine.objectives import Model, margin

HALVINGS = 20  # to find the severity at which a family leaves a ball; costs no passes

Member = Callable[[Tensor, Tensor], Tensor]


class Family(NamedTuple):
    """Images that change from the sample itself, at severity 0, to the most severe, at 1."""

    member: Member
    """``member(which, severity)``: the images (m, ...) of the samples ``which`` (m,) at
    ``severity`` (m,). The distance grows with it, in every norm or nearly so."""
    rungs: int
    """Number of equidistant severities that are queried."""


class Quest(NamedTuple):
    """The test of every member: whether it fools within the allowed distance."""

    model: Model
    x: Tensor
    y: Tensor
    targets: Tensor | None
    norm: str

    def size(self, which: Tensor, images: Tensor) -> Tensor:
        """Return the distances of ``images`` from the samples ``which``, (m,)."""
        return NORMS[self.norm].size(images - self.x[which])

    def fools(self, which: Tensor, images: Tensor, limit: Tensor) -> Tensor:
        """Return whether ``images`` fool within ``limit``, bools (m,)."""
        goal = None if self.targets is None else self.targets[which]
        point = evaluate(margin(self.model, self.y[which], goal), images, gradient=False)
        return (point.value > 0) & (self.size(which, images) <= limit)


def nearest_member(
    quest: Quest, families: Iterable[Family], eps: float | Tensor | None, bisections: int
) -> Tensor:
    """Return for every sample the nearest fooling member of all ``families``, else itself.

    A family is queried in order of severity, as far as ``eps`` and the results of earlier families
    allow. Between the first rung that fools and the one before, ``bisections`` follow. With ``eps``
    a sample leaves as soon as a member fools within it.
    """
    x, stop = quest.x, enough(eps, quest.x)
    limit = torch.full_like(stop, torch.inf) if eps is None else radii(eps, x)
    found = clean(quest)
    for family in families:
        left = (~(found.distance <= stop)).nonzero().squeeze(1)
        if not len(left):
            break
        # Only members nearer than the best known are of use.
        nearer = torch.nextafter(found.distance, torch.zeros_like(limit))
        run = climb(quest, family, left, torch.minimum(limit, nearer)[left])
        if eps is None:
            run = halve(quest, family.member, left, run, bisections)
        found = update(quest, family.member, found, left, run.high)
    return within(found, x, eps)


def clean(quest: Quest) -> Nearest:
    """Query the samples themselves: those that fool are at distance 0."""
    every = torch.arange(len(quest.x), device=quest.x.device)
    fooled = quest.fools(every, quest.x, torch.zeros_like(quest.x.flatten(1)[:, 0]))
    return Nearest(quest.x, torch.where(fooled, 0.0, torch.inf).to(quest.x.dtype))


class Bracket(NamedTuple):
    """Severities: no member up to ``low`` fooled, that at ``high`` did; infinite if none did."""

    low: Tensor
    high: Tensor
    limit: Tensor


def climb(quest: Quest, family: Family, which: Tensor, limit: Tensor) -> Bracket:
    """Query each rung up to the last severity within ``limit``; stop at the first that fools."""
    reach = _reach(quest, family, which, limit)
    low, high = torch.zeros_like(limit), torch.full_like(limit, torch.inf)
    for rung in range(1, family.rungs + 1):
        left = (high.isinf() & (reach > 0)).nonzero().squeeze(1)
        if not len(left):
            break
        severity, some = reach[left] * (rung / family.rungs), which[left]
        held = quest.fools(some, family.member(some, severity), limit[left])
        high = high.index_put((left[held],), severity[held])
        low = low.index_put((left[~held],), severity[~held])
    return Bracket(low, high, limit)


def _reach(quest: Quest, family: Family, which: Tensor, limit: Tensor) -> Tensor:
    """Return the last severity within ``limit``, up to `HALVINGS` bisections."""
    most = torch.ones_like(limit)
    far = (quest.size(which, family.member(which, most)) > limit).nonzero().squeeze(1)
    if not len(far):
        return most
    some, room = which[far], limit[far]

    def beyond(severity: Tensor) -> Tensor:
        return quest.size(some, family.member(some, severity)) > room

    inside, _ = bisect(beyond, torch.zeros_like(room), torch.ones_like(room), HALVINGS)
    return most.index_put((far,), inside)


def halve(
    quest: Quest,
    member: Member,
    which: Tensor,
    bracket: Bracket,
    steps: int,
) -> Bracket:
    """Bisect between the last severity that did not fool and the first that did."""
    hit = bracket.high.isfinite().nonzero().squeeze(1)
    some, limit = which[hit], bracket.limit[hit]

    def holds(severity: Tensor) -> Tensor:
        return quest.fools(some, member(some, severity), limit)

    if not len(hit):
        return bracket
    low, high = bisect(holds, bracket.low[hit], bracket.high[hit], steps)
    return bracket._replace(
        low=bracket.low.index_put((hit,), low), high=bracket.high.index_put((hit,), high)
    )


def update(
    quest: Quest,
    member: Member,
    found: Nearest,
    which: Tensor,
    severity: Tensor,
) -> Nearest:
    """Add the members at ``severity`` (m,) of the samples ``which``, where that is finite."""
    hit = severity.isfinite()
    if not bool(hit.any()):
        return found
    some = which[hit]
    images = member(some, severity[hit])
    sizes = quest.size(some, images)
    return Nearest(found.x.index_put((some,), images), found.distance.index_put((some,), sizes))
