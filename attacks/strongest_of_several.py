"""Several attacks in turn, and the best result for each sample."""

import ast
from typing import Any

from torch import Tensor

from advkit.attacks.cards import KNOWS
from advkit.attacks.higher_order import Call, Face, alone, attack_from, face_of, in_turn, text_of
from advkit.attacks.minimised_budget import minimised
from advkit.attacks.options import Attack
from advkit.errors import UsageError


def strongest(*attacks: Attack) -> Attack:
    """Return the attack that gives each sample the best result of ``attacks``, run in turn.

    With a fixed budget a sample that is fooled leaves, and the point of highest margin is kept. If
    one of them is a minimum-norm attack, so is the result: the nearest point is kept, and those
    with a fixed budget are `minimised` first. Options are bound beforehand
    (``strongest(partial(pgd, steps=20), fgsm)``); the norms are those that all have. A sample that
    is never fooled costs one run of each attack, and a forward pass each to check its result.
    """
    if not attacks:
        raise UsageError("strongest() of no attacks", "give one or more")
    if any(face_of(attack).card.minimum_norm for attack in attacks):
        attacks = tuple(minimised(attack) for attack in attacks)
    faces = [alone(face_of(attack), "strongest") for attack in attacks]
    face = _common(faces)

    def run(part: Call, _index: Tensor, number: int) -> Tensor:
        return part.run(attacks[number])

    def body(call: Call) -> Tensor:
        return in_turn(call, run, len(attacks), minimum_norm=face.card.minimum_norm)

    costs = [_bound(f) for f in faces]
    names = [f.card.name for f in faces]
    return attack_from(
        body,
        face,
        name="strongest",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return per sample the best result of, in turn: {', '.join(names)}.",
            "Samples that are fooled (minimum norm: within eps) leave.",
            face,
            (" + ".join(f"{a} + 1" for a, _ in costs), " + ".join(b for _, b in costs)),
            use="the worst case over attacks that fail on different samples.",
            fails="where all of them fail for the same reason.",
        ),
    )


def _common(faces: list[Face]) -> Face:
    """Return an interface with the common norms, the most knowledge required, and no options."""
    cards = [face.card for face in faces]
    norms = tuple(n for n in cards[0].norms if all(n in card.norms for card in cards))
    if not norms:
        listed = "; ".join(f"{card.name}: {', '.join(card.norms)}" for card in cards)
        raise UsageError(f"strongest() of attacks without a common norm ({listed})", code="E210")
    known = [KNOWS.index(card.knows) for card in cards if card.knows in KNOWS]
    shown = cards[0]._replace(
        norms=norms,
        knows=KNOWS[min(known)] if known else "",
        cost=cards[0].cost if all(card.cost for card in cards) else "",
        paper="; ".join(dict.fromkeys(card.paper for card in cards)),
    )
    first = faces[0].common["norm"]
    return Face(shown, {"norm": first if first in norms else norms[0]}, ())


def _bound(face: Face) -> tuple[str, str]:
    """Return the cost of an attack with its options substituted as numbers."""
    forward, backward = (_filled(part, face.card.options) for part in face.cost)
    return forward, backward


def _filled(cost: str, options: dict[str, Any]) -> str:
    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Constant(options[node.id]) if node.id in options else node

    return ast.unparse(Fill().visit(ast.parse(cost or "0", mode="eval")))
