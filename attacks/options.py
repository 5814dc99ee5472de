"""Attacks by name and with options, as on the command line: ``apgd:steps=50,loss=dlr``."""

import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from torch import Tensor

from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.models.user_code import found_in
from advkit.norm_names import norm_named
from advkit.numbers import number

Attack = Callable[..., Tensor]

COMMON = ("eps", "norm", "targets", "seed", "ids")
STARTS = "starting_points"
"""The additional parameter of some attacks: known fooling points to start from."""


class Member(NamedTuple):
    """An attack with its options bound; ``label`` names it in tables."""

    label: str
    attack: Attack
    options: dict[str, Any]
    """The values of all options, defaults included."""
    own: bool = False
    """Whether it is a user's own function."""


def parse(text: str, known: Mapping[str, Attack]) -> Member:
    """Return the attack that ``name`` or ``name:option=value,option=value`` describes.

    ``name`` is one of ``known``, transfer methods with + between (``mifgsm+dim``), or the user's
    own ``package.module:function`` or ``./file.py:function``, whose options follow a second colon.
    Raises UsageError for unknown names and invalid options, InputError for an invalid file.
    """
    name, given = _split(text)
    _check_form(text, known)
    attack = _own(name) if ":" in name else known.get(name) or _together(name)
    if attack is None:
        several = "repeat --attacks for each; " if "," in name else ""
        raise UnknownNameError(f"there is no attack {name!r}", several + did_you_mean(name, known))
    options = defaults(attack)
    hints = get_type_hints(attack)
    for item in filter(None, given.split(",")):
        key, equals, value = item.partition("=")
        if not equals or key not in options:
            raise UnknownNameError(
                f"{name} has no option {key!r} ({text!r})", did_you_mean(key, options)
            )
        options[key] = _convert(value, hints.get(key, str), f"{name}:{key}", options[key])
    return Member(text, partial(attack, **options), options, own=":" in name)


def _check_form(text: str, known: Mapping[str, Attack]) -> None:
    """Raise UnknownNameError for one of ``known`` with options in another notation."""
    name, mark, rest = re.match(r"(\w*)(.?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if name not in known or not mark or mark == "+" or find_spec(name):
        return
    if mark != ":" and "=" in rest:
        given = ",".join(re.split(r"[\s,]+", rest.removesuffix(")")))
        raise UnknownNameError(f"there is no attack {text!r}", f"did you mean {name}:{given}?")
    if mark == ":" and rest and "=" not in rest:
        raise UnknownNameError(
            f"{text!r} gives {name} no KEY=VALUE",
            f"write {name}:KEY=VALUE; its options: {', '.join(defaults(known[name]))}",
        )


def _split(text: str) -> tuple[str, str]:
    head, _, rest = text.partition(":")
    if rest and "=" not in rest.partition(":")[0]:
        function, _, given = rest.partition(":")
        return f"{head}:{function}", given
    return head, rest


def _together(name: str) -> Attack | None:
    if "+" not in name:
        return None
    # imported here, as its parts are attacks, which import this module
    from advkit.attacks.combined_transfer import together

    return together(name)


def _own(name: str) -> Attack:
    place, _, function = name.rpartition(":")
    if place.endswith(".py"):
        return found_in(place, function)  # type: ignore[no-any-return]
    try:
        attack = pkgutil.resolve_name(name)
    except Exception as error:  # whatever the user's module raises on import
        raise UsageError(
            f"the attack {name!r} cannot be imported: {type(error).__name__}: {error}",
            "give package.module:function or ./file.py:function",
            code="E206",
        ) from error
    if not callable(attack):
        raise UsageError(
            f"the attack {name!r} is a {type(attack).__name__}, not a function", code="E206"
        )
    return attack  # type: ignore[no-any-return]


def defaults(attack: Attack) -> dict[str, Any]:
    """Return the options of an attack with their defaults, without the common parameters."""
    try:
        parameters = inspect.signature(attack).parameters.values()
    except ValueError as error:
        raise UsageError(
            f"the attack {attack!r} has no signature", "write it in Python", code="E206"
        ) from error
    return {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in (*COMMON, STARTS) and p.default is not p.empty
    }


class Option(NamedTuple):
    """One option of an attack, for display."""

    name: str
    kind: str
    default: Any
    allowed: str


def options_of(attack: Attack) -> list[Option]:
    """Return the options of an attack: types, defaults, and the values that `parse` accepts."""
    hints = get_type_hints(attack.func if isinstance(attack, partial) else attack)
    return [
        Option(name, *_kind(hints.get(name, str), default))
        for name, default in defaults(attack).items()
    ]


def _kind(kind: Any, default: Any) -> tuple[str, Any, str]:
    if get_origin(kind) is Literal:
        return "choice", default, ", ".join(map(str, get_args(kind)))
    if kind is bool:
        return "bool", default, "true, false"
    if kind is float:
        return "float", default, "0 or more"
    if kind is int:
        return "int", default, f"{min(default, 1)} or more"
    return getattr(kind, "__name__", str(kind)), default, "any" if kind is str else ""


def goes_on(attack: Attack) -> bool:
    """Return whether an attack can start from known points."""
    return STARTS in inspect.signature(attack).parameters


def norms_of(attack: Attack) -> tuple[str, ...]:
    """Return the norms that an attack has, from the annotation of its ``norm``."""
    function = attack.func if isinstance(attack, partial) else attack
    hint = get_type_hints(function).get("norm")
    return get_args(hint) if get_origin(hint) is Literal else ("Linf", "L2", "L1", "L0")


def norm_of(label: str, attack: Attack, norm: object) -> str:
    """Return the norm of ``attack`` described by ``norm``; raises UsageError if it has none."""
    has = norms_of(attack)
    try:
        return norm_named(norm, has)
    except UnknownNameError:
        hint = f"it has {', '.join(has)}"
        raise UsageError(f"{label} has no norm {norm}", hint, code="E210") from None


def _convert(value: str, kind: Any, where: str, default: Any) -> Any:
    try:
        if get_origin(kind) is Literal:
            return _one_of(value, get_args(kind))
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind is float:
            return _amount(value)
        return _count(value, least=min(default, 1)) if kind is int else value
    except (ValueError, KeyError, UsageError) as error:
        allowed = get_args(kind) or getattr(kind, "__name__", kind)
        raise UsageError(
            f"{where}={value} is not possible", f"allowed: {allowed}", code="E206"
        ) from error


def _amount(value: str) -> float:
    if number(value) < 0:
        raise UsageError(f"{value} is negative", code="E206")
    return number(value)


def _count(value: str, least: int) -> int:
    if int(value) < least:
        raise UsageError(f"{value} is not a count", code="E206")
    return int(value)


def _one_of(value: str, allowed: tuple[Any, ...]) -> Any:
    return {str(a): a for a in allowed}[value]
