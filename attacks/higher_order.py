"""Shared code of higher-order attacks: calls as values, construction of attacks, repeated runs."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, get_type_hints

import torch
from torch import Tensor

from advkit.attacks.cards import AttackCard, attack_card
from advkit.attacks.checked_calls import checked
from advkit.attacks.minimum import Nearest, enough, nearest_of, within
from advkit.attacks.options import COMMON, Attack, defaults
from advkit.attacks.walks import Found, margins_of, repeated
from advkit.engine import NORMS, take
from advkit.engine.objectives import Model
from advkit.errors import UsageError


class Call(NamedTuple):
    """The arguments of one call of an attack."""

    model: Model
    x: Tensor
    y: Tensor
    eps: float | Tensor | None
    norm: str
    targets: Tensor | None
    seed: int
    ids: tuple[str, ...]
    options: dict[str, Any]

    def of(self, index: Tensor) -> "Call":
        """Return the call for the samples ``index`` only; they keep their ids."""
        x, y, targets = take((self.x, self.y, self.targets), index)
        eps = take((self.eps,), index)[0]
        names = tuple(self.ids[i] for i in index.tolist())
        return self._replace(x=x, y=y, targets=targets, eps=eps, ids=names)

    def run(self, attack: Attack) -> Tensor:
        """Return what ``attack`` returns."""
        goal = {} if self.targets is None else {"targets": self.targets}
        common = {"eps": self.eps, "norm": self.norm, "seed": self.seed, "ids": self.ids, **goal}
        return attack(self.model, self.x, self.y, **common, **self.options)

    def margins(self, x_adv: Tensor) -> Tensor:
        """Return the margins of ``x_adv``, (n,): fooled if and only if > 0."""
        return margins_of(self.model, x_adv, self.y, self.targets)

    def sizes(self, x_adv: Tensor) -> Tensor:
        """Return the distance of ``x_adv`` if it fools, else infinity, (n,)."""
        size = NORMS[self.norm].size(x_adv - self.x)
        return torch.where(self.margins(x_adv) > 0, size, torch.inf)


def in_turn(
    call: Call,
    run: Callable[[Call, Tensor, int], Tensor],
    runs: int,
    *,
    minimum_norm: bool,
    begun: Nearest | None = None,
) -> Tensor:
    """Call ``run(call, index, number)`` for each number with the samples that are not finished.

    The call is restricted to ``index``. With a fixed budget a sample is finished when it is fooled,
    and the point of highest margin is returned; otherwise when it is fooled within eps, and the
    nearest point is returned, including those ``begun`` with. Every result is evaluated by one
    forward pass.
    """

    def strong(index: Tensor, number: int) -> Found:
        part = call.of(index)
        found = run(part, index, number)
        return Found(found, part.margins(found))

    def near(index: Tensor, number: int) -> Nearest:
        part = call.of(index)
        found = run(part, index, number)
        return Nearest(found, part.sizes(found))

    if not minimum_norm:
        return repeated(strong, call.x, runs).x
    stop = enough(call.eps, call.x)
    return within(nearest_of(near, call.x, runs, stop, begun), call.x, call.eps)


class Face(NamedTuple):
    """The interface of an attack: its card, its parameters and their defaults.

    ``common`` are the defaults of the parameters that all attacks have.
    """

    card: AttackCard
    common: dict[str, Any]
    options: tuple[inspect.Parameter, ...]

    @property
    def cost(self) -> tuple[str, str]:
        """The forward and the backward part of the cost."""
        forward, _, backward = self.card.cost.partition(" forward, ")
        return forward, backward.removesuffix(" backward")


def face_of(attack: Attack) -> Face:
    """Return the interface of ``attack``, a function or a `functools.partial`."""
    function = attack.func if isinstance(attack, partial) else attack
    hints = get_type_hints(function)
    card = attack_card(getattr(function, "__name__", "attack"), attack)
    parameters = inspect.signature(attack).parameters.values()
    given = {p.name: p.default for p in parameters if p.name in COMMON and p.default is not p.empty}
    options = tuple(
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default,
                          annotation=hints.get(name, Any))
        for name, default in defaults(attack).items()
    )  # fmt: skip
    return Face(card, {"norm": card.norms[0], **given}, options)


def alone(face: Face, what: str) -> Face:
    """Return ``face``; raises UsageError for an attack with one perturbation for all samples."""
    if face.card.shared:
        raise UsageError(
            f"{face.card.name} makes one perturbation for all samples; {what} treats each by itself"
        )
    return face


def text_of(
    summary: str, body: str, face: Face, cost: tuple[str, str], *, use: str, fails: str
) -> str:
    """Return the docstring of an attack derived from that with ``face``, for `attack_card`."""
    lines = [summary, "", body, "", f"Knows: {face.card.knows}"]
    if all(cost) and face.card.cost:
        lines.append(f"Cost: {cost[0]} forward, {cost[1]} backward")
    return "\n".join([*lines, f"Use: {use}", f"Fails: {fails}", f"Paper: {face.card.paper}"])


def attack_from(
    body: Callable[[Call], Tensor], face: Face, *, name: str, text: str, minimum_norm: bool
) -> Attack:
    """Return the attack that calls ``body``, with the common signature and its own options."""
    signature = _signature(face, minimum_norm)

    def attack(*args: Any, **given: Any) -> Tensor:
        bound = signature.bind(*args, **given)
        bound.apply_defaults()
        model, x, y, eps, norm, targets, seed, ids, *options = bound.arguments.values()
        if not len(x):
            return x  # type: ignore[no-any-return]
        names = tuple(map(str, range(len(x)) if ids is None else ids))
        chosen = dict(zip((p.name for p in face.options), options, strict=True))
        return body(Call(model, x, y, eps, norm, targets, seed, names, chosen))

    attack.__name__ = attack.__qualname__ = name
    attack.__doc__ = text
    attack.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    attack.__signature__ = signature  # type: ignore[attr-defined]
    return checked(attack)


def _signature(face: Face, minimum_norm: bool) -> inspect.Signature:
    usual, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    kinds = {
        "eps": float | Tensor | None if minimum_norm else float | Tensor,
        "norm": Literal.__getitem__(face.card.norms),
        "targets": Tensor | None,
        "seed": int,
        "ids": Sequence[str] | None,
    }
    fallback = {"targets": None, "seed": 0, "ids": None} | ({"eps": None} if minimum_norm else {})
    default = {"eps": inspect.Parameter.empty, **fallback, **face.common}
    common = [
        inspect.Parameter("model", usual, annotation=Model),
        inspect.Parameter("x", usual, annotation=Tensor),
        inspect.Parameter("y", usual, annotation=Tensor),
        *(inspect.Parameter(n, keyword, annotation=kinds[n], default=default[n]) for n in COMMON),
    ]
    return inspect.Signature([*common, *face.options])
