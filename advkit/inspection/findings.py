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


def explained(
    one: Finding, share: float, other: Finding, other_share: float
) -> tuple[Finding, Finding]:
    """Return two findings, each of a change that makes a ``share`` right; if both failed, one does.

    What is wrong makes other changes look good as well: with classes in another order some
    preprocessing is right more often by luck. The change that explains more is believed.
    """
    if one.state != "fail" or other.state != "fail":
        return one, other
    if share >= other_share:
        return one, _less(other, one)
    return _less(one, other), other


def _less(one: Finding, than: Finding) -> Finding:
    seen = f"{one.seen}; less than {than.name.replace('_', ' ')} explains"
    return Finding(one.name, "not applicable", seen)


def advice_of(found: Sequence[Finding]) -> list[str]:
    """Return what to do, in the order of the findings, nothing twice."""
    return list(dict.fromkeys(each.advice for each in found if each.advice))
