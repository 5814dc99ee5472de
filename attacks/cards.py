"""The properties of an attack, read from its signature and the end of its docstring."""

import ast
import inspect
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from advkit.attacks.options import Attack, defaults, norms_of

FIELDS = ("Knows", "Cost", "Use", "Fails", "Paper")
KNOWS = ("gradients", "scores", "decisions", "nothing")


class AttackCard(NamedTuple):
    """The properties of one attack: norms, knowledge, cost, use and limits."""

    name: str
    summary: str
    formula: str
    norms: tuple[str, ...]
    knows: str
    """gradients, scores (logits), decisions (the class only) or nothing of the model."""
    minimum_norm: bool
    shared: bool
    """One perturbation for all samples, so that results depend on the set."""
    cost: str
    use: str
    fails: str
    paper: str
    options: dict[str, Any]

    def passes(self, *, classes: int = 10, **options: Any) -> tuple[int, int]:
        """Return forward and backward passes per sample that is never fooled, by ``cost``."""
        known = {"classes": classes, **self.options, **options}
        parts = re.fullmatch(r"(.+) forward, (.+) backward", self.cost)
        assert parts, f"{self.name}: Cost must read '<a> forward, <b> backward'"  # noqa: S101
        return tuple(int(_value(ast.parse(p, mode="eval").body, known)) for p in parts.groups())  # type: ignore[return-value]


def attack_card(name: str, attack: Attack) -> AttackCard:
    """Return the card of ``attack``; fields missing in its docstring are empty."""
    function = attack.func if isinstance(attack, partial) else attack
    text = inspect.getdoc(function) or ""
    head, fields = _fields(text)
    summary, _, formula = head.partition("\n\n")
    eps = inspect.signature(function).parameters.get("eps")
    return AttackCard(
        name=name,
        summary=" ".join(summary.split()),
        formula=" ".join(formula.split()),
        norms=norms_of(attack),
        knows=fields["Knows"],
        minimum_norm=eps is not None and eps.default is None,
        shared=fields["Knows"].endswith("of all samples"),
        cost=fields["Cost"],
        use=fields["Use"],
        fails=fields["Fails"],
        paper=fields["Paper"],
        options=defaults(attack),
    )


def _fields(text: str) -> tuple[str, dict[str, str]]:
    marks = "|".join(FIELDS)
    head, *rest = re.split(rf"^({marks}): ", text, flags=re.MULTILINE)
    found = dict(zip(rest[::2], rest[1::2], strict=True))
    return head.strip(), {name: " ".join(found.get(name, "").split()) for name in FIELDS}


_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """Evaluate sums, products and min or max of numbers and options."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return known[node.id]
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left, known), _value(node.right, known))
        case ast.Call(func=ast.Name(id="min" | "max" as name)):
            return {"min": min, "max": max}[name](_value(arg, known) for arg in node.args)
    raise ValueError(f"{ast.dump(node)} has no place in a cost")
