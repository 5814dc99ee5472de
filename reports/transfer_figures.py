"""The figures of a transfer study."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.lines import Line, line_chart
from advkit.reports.matrix import heat_map
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.points import Group, scatter
from advkit.reports.tables import Interval
from advkit.reports.transfer_tables import Between, Transfer
from advkit.reports.words import count, decimal, eps_text, percent, short, spread

FEW = 6  # pairs: fewer show nothing
UP = "images fooled, %"
MATRIX_READING = (
    "A row is the net that the examples were made on, a column the net that they were tried on: the"
    " darker, the more are misclassified. Framed cells: a net on its own examples, which is not"
    " transfer. A dark column is an easy target, a dark row a good source."
)
MATRIX_LIMITS = (
    "Each cell counts only images that both nets classify correctly, so different cells count"
    " different images. Another attack gives another matrix: the table of methods says how they"
    " differ."
)
CURVES_READING = (
    "The gap between the upper two lines is what is lost in the transfer to another net; the gap to"
    " the lowest is what the attack adds to random noise."
)
CURVES_LIMITS = "Means over pairs: single pairs lie far above and below (see the matrix)."
POINTS_READING = (
    "A mark for each ordered pair of two nets. If marks rise to the right, nets whose gradients"
    " point the same way are fooled by the same images."
)
POINTS_LIMITS = (
    "Correlation is not causation, and pairs that share a net are not independent: the p in the"
    " table comes from permuting whole nets."
)
ENSEMBLE_READING = (
    "How much an attacker gains on a held-out net by making examples on several nets at once."
)


def matrix(study: Transfer, cells: Sequence[Between], *, goal: str) -> Figure | None:
    """Draw the shares from every source to every target; None if there are none."""
    if not cells:
        return None
    targets = [net.name for net in study.nets]
    sources = [name for name in targets if any(cell.source == name for cell in cells)]
    by_pair = {(cell.source, cell.target): cell.share for cell in cells}
    numbers = [[by_pair[s, t].value if by_pair[s, t].n else 0.0 for t in targets] for s in sources]
    own = {(i, targets.index(name)) for i, name in enumerate(sources)}
    title = f"Success from source to target, {goal}, {_at(study)}"
    desc = f"{len(sources)} sources by {len(targets)} targets, in percent"

    def draw(width: int) -> Markup:
        return heat_map(
            numbers, sources, targets, name=f"matrix-{goal}-{width}", title=title, desc=desc,
            width=width, down="made on", across="tried on", marked=own,
            text=lambda share: f"{100 * share:.0f}",
        )  # fmt: skip

    rows = [[Cell(short(cell.source)), Cell(short(cell.target)), *shares(cell.share)]
            for cell in cells]  # fmt: skip
    columns = [Column("made on"), Column("tried on"), *SHARE_COLUMNS]
    return Figure(
        f"matrix-{goal}", draw(WIDE), draw(NARROW),
        f"{goal.capitalize()} success in percent by {short(study.shown)}, {_at(study)}: of the"
        " images that both nets classify correctly. Framed: a net on its own examples.",
        Table(title, columns, rows), MATRIX_READING, MATRIX_LIMITS, study.command,
    )  # fmt: skip


SHARE_COLUMNS = (Column("success", True), Column("95% interval"), Column("fooled", True),
                 Column("images", True))  # fmt: skip


def shares(at: Interval) -> list[Cell]:
    """Return a share with its interval and counts, for SHARE_COLUMNS."""
    return [Cell(percent(at.value), at.value), Cell(spread(at), at.low),
            Cell(count(at.count), at.count), Cell(count(at.n), at.n)]  # fmt: skip


def curves(study: Transfer) -> Figure | None:
    """Draw success over eps: on the source itself, on other nets, and of noise on these."""
    if len(study.itself) < 2:
        return None
    drawn = {"the net itself": study.itself, "other nets": study.curves[study.shown]}
    if study.noise in study.curves:
        drawn["noise"] = study.curves[study.noise]
    title = f"Success over {study.norm} eps, by {short(study.shown)}"
    desc = "; ".join(f"{name}: {percent(line[-1][1].value)} at the largest eps"
                     for name, line in drawn.items())  # fmt: skip

    def draw(width: int) -> Markup:
        return line_chart(_lines(drawn), name=f"curves-{width}", title=title, desc=desc,
                          width=width, across=f"{study.norm} eps", up=UP)  # fmt: skip

    rows = [
        [Cell(short(name)), Cell(eps_text(eps, study.norm), eps), *shares(at)]
        for name, line in {**study.curves, f"{study.shown}, the net itself": study.itself}.items()
        for eps, at in line
    ]
    columns = [Column("attack"), Column("eps", True), *SHARE_COLUMNS]
    return Figure(
        "curves", draw(WIDE), draw(NARROW),
        f"Success of {short(study.shown)} over eps, on the net that it was made on and on others,"
        " and of noise of the same size. Bands: 95% intervals over images.",
        Table(title, columns, rows), CURVES_READING, CURVES_LIMITS, study.command,
    )  # fmt: skip


def _lines(drawn: Mapping[str, Sequence[tuple[float, Interval]]]) -> list[Line]:
    return [
        Line(name, [(x, 100 * at.value) for x, at in line],
             [(x, 100 * at.low, 100 * at.high) for x, at in line])
        for name, line in drawn.items()
    ]  # fmt: skip


def ensembles(study: Transfer) -> Figure | None:
    """Draw success on a held-out net over the number of sources; None if it was not tested."""
    if len(study.ensembles) < 2:
        return None
    title = f"Success on a held-out net, by the number of sources, {_at(study)}"
    first, last = study.ensembles[0], study.ensembles[-1]
    desc = f"{percent(first[1].value)} with {first[0]}, {percent(last[1].value)} with {last[0]}"
    line = {"ensemble": [(float(k), at) for k, at in study.ensembles]}

    def draw(width: int) -> Markup:
        return line_chart(_lines(line), name=f"ensembles-{width}", title=title, desc=desc,
                          width=width, across="nets that the examples are made on",
                          up=UP, whole=True)  # fmt: skip

    rows = [[Cell(str(k), k), *shares(at)] for k, at in study.ensembles]
    return Figure(
        "ensembles", draw(WIDE), draw(NARROW),
        f"Success of examples made on several nets at once (ens: the mean of their logits,"
        f" momentum, {study.steps} steps) on a held-out net, of the images that all nets classify"
        " correctly. Band: 95% interval over images.",
        Table(title, [Column("sources", True), *SHARE_COLUMNS], rows), ENSEMBLE_READING,
        "Sources are added in one random order for each target; another order gives another line"
        " between the same end points.", study.command,
    )  # fmt: skip


def points(study: Transfer) -> Figure | None:
    """Draw success against similarity of gradients, one point per pair; None for few pairs."""
    groups = [
        Group(name, [(x, 100 * y) for *_, same, x, y in study.points if same is kind])
        for name, kind in (("other architecture", False), ("same architecture", True))
    ]
    groups = [group for group in groups if group.points]
    if len(study.points) < FEW:
        return None
    title = f"Success versus similarity of gradients, {_at(study)}"
    told = {predictor.name: predictor for predictor in study.predictors}
    rho = f"; Spearman's rho {decimal(told['gradient'].rho)}" if "gradient" in told else ""
    desc = f"{count(len(study.points))} pairs{rho}"

    def draw(width: int) -> Markup:
        return scatter(groups, name=f"points-{width}", title=title, desc=desc, width=width,
                       across="mean cosine of the input gradients", up=UP)  # fmt: skip

    rows = [
        [Cell(short(s)), Cell(short(t)), Cell("yes" if same else "no"), Cell(decimal(x), x),
         Cell(percent(y), y)]
        for s, t, same, x, y in study.points
    ]  # fmt: skip
    columns = [Column("made on"), Column("tried on"), Column("same architecture"),
               Column("cosine", True), Column("success", True)]  # fmt: skip
    return Figure(
        "points", draw(WIDE), draw(NARROW),
        f"Success from one net to another versus the cosine of their input gradients on clean"
        f" images; {desc}.",
        Table(title, columns, rows), POINTS_READING, POINTS_LIMITS, study.command,
    )  # fmt: skip


def _at(study: Transfer) -> str:
    return f"{study.norm} eps {eps_text(study.eps, study.norm)}"
