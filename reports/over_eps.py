"""The figure of accuracy over eps, with its limits and its data."""

from collections.abc import Sequence

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.robustness_curve import Series, accuracy_curve
from advkit.reports.tables import Audit, Interval
from advkit.reports.words import count, eps_both, eps_text, percent, spread

CURVE_READING = (
    "Choose an eps below; the height of the line is the share of images that the model still "
    "classifies correctly under the worst perturbation of that size that was found. The line can "
    "only drop: by one image at the distance of each image's nearest adversarial example found. "
    "If a second dot lies within the bars of the first, the difference between them may be "
    "chance."
)
CURVE_LIMITS = (
    "The line is an upper bound: a stronger attack can only lower it. The band says how far the "
    "share could differ on other images of the same kind; it says nothing about the strength of "
    "the attacks."
)
MAX_POINTS = 24


def curve_figure(audit: Audit) -> Figure:
    """Draw robust accuracy over eps, clean accuracy being eps 0."""
    zero = (0.0, audit.clean)
    curve = list(audit.curve) if audit.curve and audit.curve[0][0] == 0 else [zero, *audit.curve]
    marked = [zero, *audit.robust] if audit.robust[0][0] > 0 else list(audit.robust)
    series = [Series("robust accuracy", curve, marked)]
    if proved := _proved(audit):
        series.append(proved)
    title = f"Robust accuracy over {audit.norm} eps"
    desc = f"Clean {percent(audit.clean.value)}; " + "; ".join(
        f"at eps {eps_text(eps, audit.norm)}: {percent(at.value)} ({spread(at)})"
        for eps, at in audit.robust
    )

    def draw(width: int) -> Markup:
        name = f"curve-{width}"
        return accuracy_curve(
            series, name=name, norm=audit.norm, title=title, desc=desc, width=width
        )

    caption = _caption(audit, proved=len(series) > 1)
    return Figure(
        "curve", draw(WIDE), draw(NARROW), caption, _data(audit, curve),
        reading=CURVE_READING, limits=CURVE_LIMITS, command=audit.command,
    )  # fmt: skip


def _caption(audit: Audit, *, proved: bool) -> str:
    caption = (
        "Share of images that no attack could get misclassified, for every eps. Dots: the audited"
        " eps (eps 0 is clean accuracy); between them the curve can only be too high, because all"
        " attacks ran at the dots only. Band and bars: 95% Wilson intervals, each for one eps."
    )
    if proved:
        caption += " The lower line is certified: no attack can get below it."
    if audit.band:
        caption += (
            f" The whole curve lies within {100 * audit.band:.1f} points, with 95% confidence."
        )
    return caption


def _proved(audit: Audit) -> Series | None:
    """Return the certified curve, None if nothing was certified."""
    if not audit.bracket or not any(row.certified.count for row in audit.bracket.by_eps):
        return None
    marked = [(row.eps, row.certified) for row in audit.bracket.by_eps if row.eps > 0]
    curve = audit.bracket.curve
    # There is no value at eps 0, where a proof only repeats the clean accuracy.
    return Series("proved", curve, marked) if curve and marked else None


def _data(audit: Audit, curve: Sequence[tuple[float, Interval]]) -> Table:
    """Return every audited eps and at most 24 evenly chosen steps of the curve, ascending."""
    every = -(-len(curve) // MAX_POINTS)
    asked = dict(audit.robust)
    points = dict(curve[::every]) | asked
    rows = [
        [
            Cell(eps_both(eps, audit.norm), eps),
            Cell(percent(at.value), at.value),
            Cell(spread(at), at.low),
            Cell(count(at.count), at.count),
            Cell("audited" if eps in asked else ""),
        ]
        for eps, at in sorted(points.items())
    ]
    part = f" (1 in {every} of {count(len(curve))} steps)" if every > 1 else ""
    columns = [
        Column("eps", True),
        Column("robust accuracy", True),
        Column("95% interval", True),
        Column("images", True),
        Column("point"),
    ]
    return Table(f"Robust accuracy over {audit.norm} eps{part}", columns, rows)
