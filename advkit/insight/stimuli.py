"""Targets of feature visualisation: a class, a unit, a channel, or a direction."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from advkit.engine.gradient import Objective, evaluate
from advkit.engine.layer_outputs import code_of
from advkit.engine.layers import unit
from advkit.engine.objectives import class_score, minus, weighted
from advkit.errors import UsageError, did_you_mean
from advkit.insight.canvas import Canvas

_TERM = re.compile(r"(?P<sign>[+-]?)(?P<layer>[\w.#]+)\[(?P<index>\d+(?:,\d+)*)\]")
_BETWEEN = re.compile(r",(?![^\[]*\])")  # a comma outside of an index


class Stimulus(NamedTuple):
    """The objective to maximise for one image, and its name on pages."""

    name: str
    objective: Objective
    class_index: int | None = None


def stimulus(canvas: Canvas, text: str, names: Sequence[str]) -> Stimulus:
    """Return the target that ``text`` describes; raises UsageError, InputError.

    A class by name or number; ``layer[channel]``, the mean of a map; ``layer[channel,y,x]``, a
    unit; several with + and - between, a direction.
    """
    if "[" in text:
        return _of_units(canvas, text.replace(" ", ""))
    return of_class(canvas, class_named(text, names, "; a neuron is LAYER[channel,y,x]"), names)


def class_named(text: str, names: Sequence[str], more: str = "") -> int:
    """Return the index of a class given by name or number.

    Raises UsageError, with ``more`` after the names.
    """
    known = {name: i for i, name in enumerate(names)} | {str(i): i for i in range(len(names))}
    if text not in known:
        meant = f"0 to {len(names) - 1}, or a name" if text.isdigit() else did_you_mean(text, names)
        hint = f"{meant}{more}".replace("?;", "?")
        raise UsageError(f"there is no class {text!r}", hint, code="E205")
    return known[text]


def apart(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return ``texts`` without repetition; one not in ``names`` may be a list: 3,4[1],8[2,0,0]."""
    parts = [part.strip() for text in texts
             for part in ([text] if text in names else _BETWEEN.split(text))]  # fmt: skip
    return list(dict.fromkeys(filter(None, parts)))


def of_class(canvas: Canvas, index: int, names: Sequence[str]) -> Stimulus:
    """Return the logit of a class, before any softmax."""
    classes = torch.tensor([index], device=canvas.mean.device)
    return Stimulus(names[index], class_score(canvas.ask, classes), index)


def against(one: Stimulus) -> Stimulus:
    """Return the negated target."""
    return Stimulus(f"least {one.name}", minus(one.objective), None)


def _of_units(canvas: Canvas, text: str) -> Stimulus:
    terms = list(_TERM.finditer(text))
    if "".join(term[0] for term in terms) != text:
        raise UsageError(f"{text!r} is not a neuron", "write LAYER[channel] or LAYER[channel,y,x], "
                         "or several joined by + or -", code="E203")  # fmt: skip
    parts = []
    for term in terms:
        index = tuple(int(i) for i in term["index"].split(","))
        grey = canvas.mean.expand(1, *canvas.shape)
        evaluate(unit(canvas.ask, canvas.root, term["layer"], index), grey, gradient=False)
        parts.append((-1.0 if term["sign"] == "-" else 1.0, _unit(canvas, term["layer"], index)))
    return Stimulus(text, parts[0][1] if text[0] != "-" and len(parts) == 1 else weighted(*parts))


def _unit(canvas: Canvas, layer: str, index: tuple[int, ...]) -> Objective:
    code = code_of(canvas.ask, canvas.root, layer)

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        found = code(x)
        picked = found
        for i in index:
            picked = picked[:, i]
        return (picked if picked.ndim == 1 else picked.flatten(1).mean(1)), found

    return Objective(value)
