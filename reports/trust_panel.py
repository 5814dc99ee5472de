"""Whether the numbers can be trusted: what is said of it at the top, and all checks."""

from collections.abc import Sequence
from typing import NamedTuple

from advkit.reports.parts import Cell, Column, Table
from advkit.reports.tables import Check, Trust

STATES = {
    "pass": "✓ passed",
    "fail": "✗ failed",
    "not run": "not run",
    "not applicable": "does not apply",
}
QUESTIONS = {
    "ok": "Can these numbers be trusted? Nothing says otherwise.",
    "repaired": "Can these numbers be trusted? Yes, but this model hides how weak it is.",
    "doubtful": "Do not trust these numbers.",
}


class Panel(NamedTuple):
    """What stands at the top: a question with its answer, why, and the checks that failed."""

    overall: str
    answer: str
    why: str
    failed: Sequence[Check]
    table: Table


def panel(trust: Trust) -> Panel:
    """Return the panel and the table of all checks, the failed ones first."""
    failed = trust.failed
    passed = sum(check.state == "pass" for check in trust.checks)
    why = f"{passed} of {len(failed) + passed} checks passed"
    why += f"; {len(failed)} failed:" if failed else "."
    answer = QUESTIONS[trust.overall]
    return Panel(trust.overall, answer, why, failed, _table(trust.checks))


def _table(checks: Sequence[Check]) -> Table:
    order = list(STATES)
    ranked = sorted(checks, key=lambda check: (check.state != "fail", order.index(check.state)))
    columns = [Column("what must hold"), Column("outcome"), Column("what was seen"),
               Column("what a failure means, and what to do")]  # fmt: skip
    rows = [
        [
            Cell(check.title),
            Cell(STATES[check.state], order.index(check.state), check.state == "fail"),
            Cell(check.evidence),
            Cell(f"{check.meaning} {check.advice}"),
        ]
        for check in ranked
    ]
    return Table("Checks of whether the numbers can be trusted", columns, rows)
