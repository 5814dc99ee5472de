"""The result of one check: state, evidence, advice."""

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
    """Return two findings, each about a change that makes a ``share`` right; at most one fails.

    One error makes other changes look good as well: with permuted classes some preprocessing is
    right more often by chance. The change that explains more is kept.
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
    """Return the advice of the findings, in order and without repetition."""
    return list(dict.fromkeys(each.advice for each in found if each.advice))
