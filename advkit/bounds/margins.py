"""Bounds for differences of logits: the label's minus every other class's."""

from typing import NamedTuple

import torch
from torch import Tensor

from advkit.bounds.linear_relaxation import Look, lower
from advkit.bounds.memory import chunks, padded, widest
from advkit.bounds.patches import Rows
from advkit.bounds.slopes import Freedom, Proof, optimised


class Rivals(NamedTuple):
    """The differences to bound: of which sample ``who`` and against which class ``other``, (m,)."""

    who: Tensor
    other: Tensor


def rivals(y: Tensor, classes: int, targets: Tensor | None = None) -> Rivals:
    """Return every class but ``y`` (n,) for every sample, or its target (n,) only."""
    if targets is not None:
        return Rivals(torch.arange(len(y), device=y.device), targets)
    every = torch.arange(classes, device=y.device).expand(len(y), classes)
    who, other = (every != y[:, None]).nonzero(as_tuple=True)
    return Rivals(who, other)


def differences(y: Tensor, against: Rivals, classes: int, like: Tensor) -> Rows:
    """Return the rows of coefficients at the logits: the label's minus the rival's."""
    each = torch.arange(len(against.who), device=y.device)
    a = torch.zeros(len(each), classes, dtype=like.dtype, device=like.device)
    a[each, y[against.who]] += 1
    a[each, against.other] -= 1
    return Rows(a)


def margins_of(
    proof: Proof, y: Tensor, against: Rivals, look: Look = lambda _place, _a: None
) -> Tensor:
    """Return CROWN's lower bound (m,) of the label's logit minus each rival's."""
    graph, classes = proof.graph, proof.graph[-1].shape[0]
    found = []
    for part in chunks(len(against.who), widest(graph, len(graph) - 1)):
        some = Rivals(padded(against.who[part]), padded(against.other[part]))
        rows = differences(y, some, classes, proof.region.low)
        bound = lower(
            graph, len(graph) - 1, rows, some.who, proof.known.lines, proof.region, look=look
        )
        found.append(bound[: len(against.who[part])])
    return torch.cat(found) if found else proof.region.low.new_zeros(0)


def tightened(proof: Proof, y: Tensor, against: Rivals, steps: int) -> Tensor:
    """Return bounds (m,) as `margins_of`, with slopes optimised for ``steps`` steps."""
    last, classes = len(proof.graph) - 1, proof.graph[-1].shape[0]
    rows = differences(y, against, classes, proof.region.low)
    return optimised(proof, Freedom(last, rows, against.who), steps, until=0.0).bound
