"""Targets for each sample, and attacks towards them."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, in_turn, text_of
from advkit.attacks.options import Attack
from advkit.engine import evaluate
from advkit.engine.objectives import Model, likeliest, margin
from advkit.engine.seeding import keys, uniform
from advkit.errors import UnknownNameError, UsageError, did_you_mean

Choice = Literal["random", "least_likely", "second", "all", "given"]


def targeted(attack: Attack, choice: Choice = "second") -> Attack:
    """Return the attack that runs ``attack`` towards targets that it chooses.

    ``second`` is the likeliest class other than the label, ``least_likely`` the least likely class,
    both by the logits at ``x``; ``random`` is any other class, drawn per sample. Only reaching the
    target counts. ``all`` tries every other class, the likeliest first, and keeps the nearest point
    (fixed budget: stops at the first that fools); then any misclassification counts. ``given``
    requires ``targets``; given targets are used whatever the ``choice``. The logits cost a forward
    pass, and with ``all`` so does checking the result of each run.
    """
    if choice not in get_args(Choice):
        raise UnknownNameError(
            f"targets cannot be chosen by {choice!r}", did_you_mean(choice, get_args(Choice))
        )
    face = face_of(attack)
    if choice == "all":
        face = alone(face, "targeted")

    def body(call: Call) -> Tensor:
        if call.targets is not None:
            return call.run(attack)
        if choice == "all":
            return _towards_all(call, attack, minimum_norm=face.card.minimum_norm)
        goal = choose_targets(call.model, call.x, call.y, choice, seed=call.seed, ids=call.ids)
        return call._replace(targets=goal).run(attack)

    name = face.card.name
    return attack_from(
        body,
        face,
        name=f"targeted({name})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return the points of {name} towards targets: {choice.replace('_', ' ')}.",
            "Only reaching the target counts; with all, every misclassification does.",
            face,
            _cost(choice, *face.cost),
            use="how easily a certain misclassification is provoked.",
            fails="where another class is nearer, if any misclassification will do: use all.",
        ),
    )


def _towards_all(call: Call, attack: Attack, *, minimum_norm: bool) -> Tensor:
    order = others_at(call.model, call.x, call.y)

    def aim(part: Call, index: Tensor, number: int) -> Tensor:
        return part._replace(targets=order[index, number]).run(attack)

    return in_turn(call, aim, order.shape[1], minimum_norm=minimum_norm)


def _cost(choice: Choice, forward: str, backward: str) -> tuple[str, str]:
    """Return the forward and backward passes of targets by ``choice``, given those of one run."""
    if choice == "all":
        return f"1 + (classes - 1) * ({forward} + 1)", f"(classes - 1) * ({backward})"
    return (forward if choice == "given" else f"1 + {forward}"), backward


def choose_targets(
    model: Model,
    x: Tensor,
    y: Tensor,
    choice: str,
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
) -> Tensor:
    """Return one target per sample, never its label, (n,); one forward pass per sample.

    ``choice`` is random, least_likely or second.
    """
    if choice not in ("random", "least_likely", "second"):
        raise UsageError(
            f"{choice!r} does not choose one target per sample", "give targets", code="E204"
        )
    order = others_at(model, x, y)
    if choice == "random":
        draw = uniform(keys(seed, ids, x, "targets"), ())
        other = (draw * order.shape[1]).long()
        return other + (other >= y)
    return order[:, 0 if choice == "second" else -1]


def others_at(model: Model, x: Tensor, y: Tensor) -> Tensor:
    """Return the classes other than ``y`` by descending logit at ``x``, (n, classes - 1)."""
    return likeliest(evaluate(margin(model, y), x, gradient=False).output, y)
