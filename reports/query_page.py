"""The page of a black-box audit by label queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.lines import Line, line_chart
from advkit.reports.page import facts_of, tile
from advkit.reports.parts import Cell, Column, Fact, Figure, Section, Table
from advkit.reports.shell import render
from advkit.reports.tables import Interval
from advkit.reports.transfer_figures import SHARE_COLUMNS, shares
from advkit.reports.words import count, eps_both, percent, short

BUDGET = {"queries": "labels", "first": "at first", "architectures": "nets", "attack": "attack"}


@dataclass(frozen=True)
class LabelAudit:
    """One black-box audit; ``rounds`` are (queries so far, agreement with the target, success)."""

    verdict: str
    target: str
    norm: str
    eps: float
    clean: Interval
    rounds: Sequence[tuple[int, float, Interval]]
    noise: Interval
    white_box: Interval
    budget: Mapping[str, Any]
    data: Mapping[str, Any]
    own: Mapping[str, Any]
    command: str
    environment: Mapping[str, str]
    notes: Sequence[str]
    started: str
    finished: str


def query_page(audit: LabelAudit) -> str:
    """Return the page of one label-query audit as a self-contained HTML file."""
    return render(
        "query.html",
        title=f"{short(audit.target, 40)}, attacked through label queries",
        kind="transfer",
        sections=[
            Section("result", "Result", "Result"),
            Section("rounds", "Round by round", "Rounds"),
            Section("limits", "What this does not show", "Limits"),
            Section("reproduce", "Run it again", "Run again"),
        ],
        audit=audit,
        tiles=[
            tile("Fooled with labels only", audit.rounds[-1][2], False),
            tile("Fooled with the weights (white-box)", audit.white_box, False),
            tile("Noise of the same size", audit.noise, True),
        ],
        setting=_setting(audit),
        curve=_curve(audit),
        rounds=_table(audit)._replace(caption="Round by round"),
        data=facts_of(audit.data),
        run=[Fact("started", audit.started), Fact("finished", audit.finished)],
        environment=facts_of(audit.environment),
    )


def _setting(audit: LabelAudit) -> list[Fact]:
    return [
        Fact("target", short(audit.target)),
        Fact("accuracy", percent(audit.clean.value)),
        Fact("norm", audit.norm),
        Fact("eps", eps_both(audit.eps, audit.norm)),
        Fact("images", f"{count(int(audit.data['n']))} of {short(audit.data['name'])}"),
        Fact("own images", f"{count(int(audit.own['n']))} of {short(audit.own['name'])}"),
        *(
            fact._replace(term=BUDGET[fact.term])
            for fact in facts_of(audit.budget)
            if fact.term in BUDGET
        ),
    ]


def _table(audit: LabelAudit) -> Table:
    columns = [Column("queries", True), Column("agreement", True), *SHARE_COLUMNS]
    rows = [
        [Cell(count(queries), queries), Cell(percent(agreement), agreement), *shares(at)]
        for queries, agreement, at in audit.rounds
    ]
    return Table("Success over queries", columns, rows)


def _curve(audit: LabelAudit) -> Figure:
    name = "by labels"
    points = [(float(queries), at) for queries, _, at in audit.rounds]
    ends = (points[0][0], points[-1][0])
    lines = [
        Line(name, [(x, 100 * at.value) for x, at in points],
             [(x, 100 * at.low, 100 * at.high) for x, at in points]),
        Line("with weights", [(x, 100 * audit.white_box.value) for x in ends]),
        Line("noise", [(x, 100 * audit.noise.value) for x in ends]),
    ]  # fmt: skip
    title = "Success on the target over the number of labels queried"
    desc = f"{percent(points[-1][1].value)} after {count(audit.rounds[-1][0])} queries"

    def draw(width: int) -> Markup:
        return line_chart(lines, name=f"queries-{width}", title=title, desc=desc, width=width,
                          across="queries", up="images fooled, %", whole=True)  # fmt: skip

    return Figure(
        "queries", draw(WIDE), draw(NARROW),
        "Share of the images that the target classifies correctly and that examples made on"
        " surrogates fool, over the labels that the surrogates were trained on. Band: 95% Wilson"
        " interval.",
        _table(audit),
        "The closer the first line comes to the second, the less protection secret weights give.",
        "A lower bound: other surrogates, other images, or scores instead of labels may give an"
        " attacker more.", audit.command,
    )  # fmt: skip
