"""Combined transfer methods: ``mifgsm+dim+tim`` is one attack, with the options of all."""

import inspect
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Literal, get_type_hints

from torch import Tensor

from advkit.attacks.block_shuffle import shuffled
from advkit.attacks.cards import AttackCard
from advkit.attacks.diverse_inputs import diverse
from advkit.attacks.ensemble_fusion import fused
from advkit.attacks.gradient_penalty import flat
from advkit.attacks.higher_order import Call, Face, attack_from
from advkit.attacks.intermediate_level import at_middle_layer
from advkit.attacks.mixed_images import mixed
from advkit.attacks.nesterov_iterative import looking_ahead
from advkit.attacks.options import Attack
from advkit.attacks.patch_wise import patch_wise
from advkit.attacks.scale_invariant import scale_invariant
from advkit.attacks.transfer_walk import Way, travel
from advkit.attacks.translation_invariant import translation_invariant
from advkit.attacks.variance_reduced import variance_reduced
from advkit.attacks.variance_tuned import variance_tuned
from advkit.errors import UnknownNameError, UsageError, did_you_mean


def plain(way: Way) -> Way:
    """Return ``way`` unchanged: momentum, or none, is the option ``decay``."""
    return way


CHANGES: dict[str, Callable[..., Way]] = {
    "bim": plain,
    "mifgsm": plain,
    "nifgsm": looking_ahead,
    "vmifgsm": variance_tuned,
    "pifgsm": patch_wise,
    "pgn": flat,
    "dim": diverse,
    "tim": translation_invariant,
    "sim": scale_invariant,
    "admix": mixed,
    "bsr": shuffled,
    "ila": at_middle_layer,
    "ens": fused,
    "svre": variance_reduced,
}
ONE_OF = ("vmifgsm", "pgn", "svre")
"""Each determines where gradients are taken; two cannot be combined."""
TEXT = """Return the end of a walk by several methods of transfer put together: {names}.

Knows: gradients{shared}
Use: examples for other nets: methods that help apart mostly help together.
Fails: where one of them does.
Paper: see each
"""


def together(name: str) -> Attack:
    """Return the attack that a name with + describes; raises UsageError."""
    parts = name.split("+")
    _check(name, parts)
    whose = {part: _own_options(CHANGES[part]) for part in parts}
    common = _common(0.0 if "bim" in parts else 1.0)
    options = [*common, *(option for own in whose.values() for option in own)]

    def body(call: Call) -> Tensor:
        given = dict(call.options)
        start = Way(decay=given.pop("decay"))
        walk = {key: given.pop(key) for key in ("steps", "step", "loss")}

        def changed(way: Way, part: str) -> Way:
            return CHANGES[part](way, **{option.name: given[option.name] for option in whose[part]})

        return travel(
            reduce(changed, parts, start), call.model, call.x, call.y, eps=call.eps or 0.0,
            norm=call.norm, targets=call.targets, seed=call.seed, ids=call.ids, **walk,
        )  # fmt: skip

    text = TEXT.format(names=", ".join(parts), shared=" of all samples" * ("admix" in parts))
    norms = ("Linf",) if "pifgsm" in parts else ("Linf", "L2")
    return attack_from(body, Face(_card(name, norms), {"norm": "Linf"}, tuple(options)), name=name,
                       text=text, minimum_norm=False)  # fmt: skip


def _check(name: str, parts: Sequence[str]) -> None:
    for part in parts:
        if part not in CHANGES:
            raise UnknownNameError(f"{part!r} cannot be combined ({name!r})",
                             did_you_mean(part, CHANGES))  # fmt: skip
    rivals = [part for part in parts if part in ONE_OF]
    if len(set(parts)) < len(parts) or len(rivals) > 1:
        what = " and ".join(rivals) if len(rivals) > 1 else "one method twice"
        raise UsageError(f"{name!r} combines {what}", "give each method once, and only one of "
                         + ", ".join(ONE_OF))  # fmt: skip


def _own_options(change: Callable[..., Way]) -> list[inspect.Parameter]:
    hints = get_type_hints(change)
    return [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(change).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


def _common(decay: float) -> list[inspect.Parameter]:
    loss = Literal["ce", "dlr", "margin", "probability"]
    kinds: dict[str, tuple[Any, Any]] = {
        "steps": (int, 10), "step": (float, 0.1), "decay": (float, decay), "loss": (loss, "ce"),
    }  # fmt: skip
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in kinds.items()
    ]


def _card(name: str, norms: tuple[str, ...]) -> AttackCard:
    return AttackCard(name, "", "", norms, "gradients", False, False, "", "", "", "", {})
