"""A minimum-norm attack from a fixed-budget one: bisection over eps, per sample."""

import torch
from torch import Tensor

from advkit.attacks.bisection import close_in, line_search
from advkit.attacks.higher_order import Call, alone, attack_from, face_of, in_turn, text_of
from advkit.attacks.minimum import Nearest
from advkit.attacks.options import Attack
from advkit.engine import NORMS
from advkit.engine.seeding import reseeded

FIRST = 1 / 32  # of the diameter of the box: Linf 8/255
SHORTEN, POLISH = 5, 10  # bisections on the line to a point found: each time, and at the end


def minimised(attack: Attack, steps: int = 10) -> Attack:
    """Return the minimum-norm attack that tries ``attack`` at ``steps`` budgets, by bisection.

    For each sample the budget doubles from a 32nd of the longest distance in the box until
    ``attack`` fools; then it is halfway between the largest budget that failed and the nearest
    point found, which may be far inside its budget, and is first brought nearer by a line search of
    5 forward passes. It ends with a line search of 10. If ``eps`` is a number, all attempts are
    made at it. Each attempt has its own seed. A minimum-norm attack is returned as it is.

    A sample that is never fooled costs one forward pass at ``x``, and ``steps`` times the cost of
    the attack plus a forward pass to check its result; a sample that is fooled costs no more than
    the line searches above that, 5 * steps + 10 forward passes.
    """
    face = alone(face_of(attack), "minimised")
    if face.card.minimum_norm:
        return attack

    def attempt(part: Call, _index: Tensor, number: int) -> Tensor:
        return part._replace(seed=reseeded(part.seed, number)).run(attack)

    def body(call: Call) -> Tensor:
        begun = Nearest(call.x, call.sizes(call.x))
        if call.eps is not None:
            return in_turn(call, attempt, steps, minimum_norm=True, begun=begun)
        return _bisected(call, attack, steps, begun)

    name, (forward, backward) = face.card.name, face.cost
    return attack_from(
        body,
        face,
        name=f"minimised({name})",
        minimum_norm=True,
        text=text_of(
            f"Return the nearest adversarial example that {name} finds with {steps} budgets.",
            "The budget is found by bisection, sample by sample.",
            face,
            (f"1 + {steps} * ({forward} + 1)", f"{steps} * ({backward})"),
            use="distances in norms, or by attacks, that have no minimum-norm attack.",
            fails="where there is a minimum-norm attack: it needs fewer passes.",
        ),
    )


def _bisected(call: Call, attack: Attack, steps: int, begun: Nearest) -> Tensor:
    found, distance = begun.x.clone(), begun.distance.clone()
    most = float(NORMS[call.norm].size(torch.ones_like(call.x[:1])))
    whole = call.norm == "L0"

    def reach(middle: Tensor, index: Tensor, number: int) -> Tensor:
        part = call.of(index)._replace(eps=middle, seed=reseeded(call.seed, number))
        returned = part.run(attack)
        tried = _nearer(part, Nearest(returned, part.sizes(returned)), SHORTEN)
        better = (tried.distance < distance[index]).nonzero().squeeze(1)
        winners = index[better]
        found[winners], distance[winners] = tried.x[better], tried.distance[better]
        return tried.distance

    first = max(FIRST * most, float(whole))
    close_in(reach, distance.clone(), steps, first=first, most=most, whole=whole)
    return _nearer(call, Nearest(found, distance), POLISH).x


def _nearer(call: Call, found: Nearest, steps: int) -> Nearest:
    """Shorten every point found at a distance above 0 by a line search."""
    x, distance = found.x.clone(), found.distance.clone()
    index = ((distance > 0) & distance.isfinite()).nonzero().squeeze(1)
    if len(index):
        part, far = call.of(index), x[index]
        x[index] = line_search(part.model, part.x, part.y, far, targets=part.targets, steps=steps)
        distance[index] = NORMS[call.norm].size(x[index] - part.x)
    return Nearest(x, distance)
