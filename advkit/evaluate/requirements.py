"""Accuracy requirements such as 'linf@8/255 >= 0.40', judged on the lower end of the interval."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from advkit.errors import UsageError
from advkit.norm_names import norm_named
from advkit.numbers import number

FORM = "write 'linf@8/255 >= 0.40' or 'clean >= 0.9'"
PATTERN = re.compile(
    r"\s*(clean|linf|l2|l1|l0)\s*(?:@\s*([^\s>]+))?\s*>=\s*(\S+)\s*", re.IGNORECASE
)


class Requirement(NamedTuple):
    """A minimum accuracy: clean if ``eps`` is None, else robust in ``norm`` at ``eps``."""

    text: str
    norm: str | None
    eps: float | None
    least: float


class Outcome(NamedTuple):
    """A requirement, the accuracy with the lower end of its interval, and whether it is met."""

    text: str
    value: float
    low: float
    met: bool


def required(text: str) -> Requirement:
    """Return the requirement in ``text``; raises UsageError."""
    if re.search(r"[,;]\s*[a-z]", text, re.IGNORECASE):
        each = " ".join(f"--require {part.strip()!r}" for part in re.split("[,;]", text))
        raise UsageError(
            f"--require {text!r} gives several values",
            f"repeat the option: {each}; {FORM}",
            code="E203",
        )
    found = PATTERN.fullmatch(text)
    if not found or (found[1].lower() == "clean") != (found[2] is None):
        raise UsageError(f"--require {text!r} cannot be read", FORM, code="E203")
    eps = None if found[2] is None else number(found[2])
    least = number(found[3].removesuffix("%")) / (100 if found[3].endswith("%") else 1)
    if not 0 <= least <= 1:
        raise UsageError(f"--require {text!r}: {found[3]} is not a share", FORM, code="E203")
    return Requirement(text.strip(), None if eps is None else norm_named(found[1]), eps, least)


def check_asked(
    wanted: Sequence[Requirement], norm: str, eps: Sequence[float], again: str = ""
) -> None:
    """Raise UsageError for a requirement at a norm or an eps that is not audited.

    ``again`` is put before the missing option in the hint, if it belongs to another command.
    """
    for one in wanted:
        if one.eps is None:
            continue
        if one.norm != norm:
            raise UsageError(
                f"--require {one.text!r}: the audit is in {norm}",
                f"{again}--norm {one.norm}",
                code="E210",
            )
        if not any(abs(one.eps - value) <= 1e-9 for value in eps):
            listed = ", ".join(f"{value:.4g}" for value in eps)
            typed = one.text.partition("@")[2].partition(">")[0].strip()
            raise UsageError(
                f"--require {one.text!r}: the audited eps are {listed}",
                f"{again or 'add it: '}--eps {typed}",
            )


def judge(run: Mapping[str, Any], wanted: Sequence[Requirement]) -> list[Outcome]:
    """Return for each requirement whether the lower end of the 95% interval is high enough."""
    check_asked(wanted, run["norm"], [row["eps"] for row in run["robust"]], "audit again with ")
    return [_outcome(run, one) for one in wanted]


def _outcome(run: Mapping[str, Any], one: Requirement) -> Outcome:
    share = run["clean"]
    if one.eps is not None:
        share = min(run["robust"], key=lambda row: abs(row["eps"] - (one.eps or 0.0)))
    return Outcome(one.text, share["value"], share["low"], share["low"] >= one.least)
