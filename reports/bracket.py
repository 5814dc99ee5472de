"""The table of certified, open and fooled images at every eps."""

from advkit.reports.parts import Cell, Column, Table
from advkit.reports.tables import Audit
from advkit.reports.words import count, eps_both, mean, percent, seconds


def bracket_table(audit: Audit) -> Table | None:
    """Return the table of lower and upper bounds by eps; None if no proof was sought."""
    bracket = audit.bracket
    if not bracket or bracket.why:
        return None
    upper = dict(audit.robust)
    rows = [
        [
            Cell(eps_both(row.eps, audit.norm), row.eps),
            Cell(percent(row.certified.value), row.certified.value),
            Cell(percent(upper[row.eps].value), upper[row.eps].value),
            Cell(count(row.certified.count), row.certified.count),
            Cell(count(row.open), row.open),
            Cell(count(row.fooled), row.fooled),
            Cell(count(row.tried), row.tried),
            Cell(mean(row.passes), row.passes),
            Cell(seconds(row.seconds), row.seconds),
            Cell(row.why),
        ]
        for row in bracket.by_eps
    ]
    names = ("eps", "at least", "at most", "certified", "open", "fooled", "proofs tried",
             "passes each", "seconds")  # fmt: skip
    columns = [*(Column(name, True) for name in names), Column("proofs")]
    return Table(f"Both ends of robust accuracy over {audit.norm} eps", columns, rows)
