"""The score to explain: a class, a difference of logits, a margin, a neuron."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.gradient import Objective, evaluate
from advkit.engine.layers import unit
from advkit.engine.objectives import (
    class_gap,
    class_score,
    likeliest,
    margin,
    minus,
)
from advkit.errors import UsageError, did_you_mean
from advkit.insight.method_input import root_of

KINDS = "predicted, second, label, margin, a class, CLASS-CLASS, or LAYER[channel,y,x]"
_UNIT = re.compile(r"(?P<layer>[^\[\]]+)\[(?P<index>-?\d+(,-?\d+)*)\]")


class Target(NamedTuple):
    """An objective and its description; ``classes`` (n,) if it is one class per sample."""

    objective: Objective
    text: str
    classes: Tensor | None


def aim(
    model: nn.Module,
    x: Tensor,
    target: str | int | Tensor = "predicted",
    *,
    y: Tensor | None = None,
    names: Sequence[str] | None = None,
) -> Target:
    """Return the score that ``target`` describes, at ``x`` (n, ...), from logits before softmax.

    A class by number, name, or one per sample (n,); "predicted"; "second", the next likeliest;
    "label", with ``y`` (n,); "margin", the logit of the label minus the best other; "A-B", the
    logit of A minus that of B; "layer[channel,y,x]", a neuron, averaged over omitted dimensions.
    Raises UsageError.
    """
    if isinstance(target, Tensor):
        return _of_classes(model, target.to(x.device), "the classes given")
    text = str(target)
    found = _UNIT.fullmatch(text.replace(" ", ""))
    if found:
        index = tuple(int(i) for i in found["index"].split(","))
        return Target(unit(model, root_of(model), found["layer"], index), f"neuron {text}", None)
    if text in ("label", "margin"):
        return _of_labels(model, text, y)
    logits = evaluate(Objective(lambda x: _both(model(x))), x, gradient=False).output
    if text == "predicted":
        return _of_classes(model, logits.argmax(1), "the logit of the predicted class")
    if text == "second":
        other = likeliest(logits, logits.argmax(1))[:, 0]
        return _of_classes(model, other, "the logit of the second likeliest class")
    return _named(model, text, logits, names)


def _both(logits: Tensor) -> tuple[Tensor, Tensor]:
    return logits[:, 0], logits


def _of_classes(model: nn.Module, classes: Tensor, text: str) -> Target:
    return Target(class_score(model, classes), text, classes)


def _of_labels(model: nn.Module, text: str, y: Tensor | None) -> Target:
    if y is None:
        raise UsageError(f"the target {text!r} needs labels", "give y, or a class", code="E204")
    if text == "label":
        return _of_classes(model, y, "the logit of the label")
    return Target(minus(margin(model, y)), "the logit of the label over the best other", y)


def _named(model: nn.Module, text: str, logits: Tensor, names: Sequence[str] | None) -> Target:
    n, n_classes = logits.shape
    listed = list(names or ())[:n_classes]
    known = {name: i for i, name in enumerate(listed)} | {str(i): i for i in range(n_classes)}

    def all_of(name: str) -> Tensor:
        return torch.full((n,), known[name], device=logits.device)

    def told(name: str) -> str:
        return listed[known[name]] if listed else f"class {name}"

    if text in known:
        return _of_classes(model, all_of(text), f"the logit of {told(text)}")
    for cut in (i for i, letter in enumerate(text) if letter == "-"):
        a, b = text[:cut].strip(), text[cut + 1 :].strip()
        if a in known and b in known:
            words = f"the logit of {told(a)} over that of {told(b)}"
            return Target(class_gap(model, all_of(b), all_of(a)), words, all_of(a))
    hint = did_you_mean(text, [*listed, "predicted", "second", "label", "margin"])
    raise UsageError(
        f"there is no target {text!r} among {n_classes} classes",
        f"{hint}{'' if hint[-1] == '?' else ';'} it may be {KINDS}",
        code="E205",
    )
