"""One thing that was looked at: how it stands, what was seen, what to do."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

State = Literal["pass", "fail", "not applicable"]


class Finding(NamedTuple):
    """One row of an inspection; ``advice`` is empty unless the state is fail."""

    name: str
    state: State
    seen: str
    advice: str = ""


def finding(name: str, bad: bool, seen: str, advice: str) -> Finding:
    """Return a finding that passes, without its advice, unless it is ``bad``."""
    return Finding(name, "fail" if bad else "pass", seen, advice if bad else "")


def advice_of(found: Sequence[Finding]) -> list[str]:
    """Return what to do, in the order of the findings, nothing twice."""
    return list(dict.fromkeys(each.advice for each in found if each.advice))
