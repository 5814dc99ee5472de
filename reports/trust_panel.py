"""Whether the numbers can be trusted: the panel at the top, and the table of all checks."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.tables import Audit, Check, Courses, Trust
from advkit.reports.words import decimal

STATES = {
    "pass": "✓ passed",
    "fail": "✗ failed",
    "not run": "not run",
    "not applicable": "does not apply",
}
QUESTIONS = {
    "ok": "Can these numbers be trusted? No check found a reason to doubt them.",
    "repaired": "Can these numbers be trusted? Yes, but this model masks its weakness.",
    "doubtful": "Do not trust these numbers.",
}
TELLING = ("The model is a black box", "This number is proved")
"""Beginnings of headlines that say more than that no check failed."""

COURSES_READING = (
    "The margin is the logit of the best wrong class minus that of the true one: an image is fooled"
    " above the dashed line. Lines that have levelled off below it mean that a longer attack of"
    " this kind would gain little; lines that still rise mean that the attack stopped too early."
)
COURSES_LIMITS = (
    "One attack, PGD on the margin, on the few images that the checks use, each at the largest eps"
    " that it survives. That this attack gets no further does not prove that no attack does."
)


class Panel(NamedTuple):
    """The panel at the top: a question with its answer, the reason, and the failed checks."""

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
    if trust.overall == "ok" and trust.headline.startswith(TELLING):
        why = f"{trust.headline} {why}"
    answer = QUESTIONS[trust.overall]
    return Panel(trust.overall, answer, why, failed, _table(trust.checks))


def _table(checks: Sequence[Check]) -> Table:
    order = list(STATES)
    ranked = sorted(checks, key=lambda check: (check.state != "fail", order.index(check.state)))
    columns = [Column("requirement"), Column("outcome"), Column("evidence"),
               Column("what a failure means and what to do")]  # fmt: skip
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


def climb(audit: Audit) -> Figure | None:
    """Draw the margins of surviving images under a long attack; None if unknown."""
    found = audit.trust.courses if audit.trust else None
    if not found:
        return None
    title = "How close a long attack gets to fooling the surviving images"
    end = f"After {found.steps[-1]} steps the margin of the median image is "
    desc = f"{end}{decimal(found.middle[-1])}, that of the nearest {decimal(found.nearest[-1])}."

    def draw(width: int) -> Markup:
        return line_chart(
            _lines(found), name=f"climb-{width}", title=title, desc=desc, across="steps",
            up="margin (logits)", zero="fooled above", width=width,
        )  # fmt: skip

    names = ("steps", "10th percentile", "median", "90th percentile", "nearest")
    values = zip(found.steps, found.low, found.middle, found.high, found.nearest, strict=True)
    rows = [[Cell(decimal(value), value) for value in row] for row in values]
    return Figure(
        "climb", draw(WIDE), draw(NARROW),
        f"{title}. {desc} Band: 10th to 90th percentile of the images.",
        Table(title, [Column(name, True) for name in names], rows),
        reading=COURSES_READING, limits=COURSES_LIMITS, command=audit.command,
    )  # fmt: skip


def _lines(found: Courses) -> list[Line]:
    band = list(zip(found.steps, found.low, found.high, strict=True))
    median = Line("median image", list(zip(found.steps, found.middle, strict=True)), band)
    return [
        median,
        Line("nearest to the boundary", list(zip(found.steps, found.nearest, strict=True))),
    ]
