"""Figures and tables of the breakdown: classes, confusion matrix, distances, extreme images."""

from collections.abc import Sequence

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.bins import histogram
from advkit.reports.matrix import heat_map
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.tables import Audit, Breakdown
from advkit.reports.words import count, decimal, eps_text, percent, short, spread

MOST_CLASSES, MOST_NAMES = 40, 16
CONFUSION_READING = (
    "A row is the true class, a column the class predicted instead: the darker, the more images. "
    "Dark pairs on both sides of the diagonal are classes that the model hardly tells apart; a "
    "dark column is a class that attracts everything."
)
CONFUSION_LIMITS = (
    "An image is counted once, by the smallest perturbation that was found for it. With a larger "
    "perturbation it could be classified as something else; targeted attacks were not tried."
)
DISTANCES_READING = (
    "How far away the nearest adversarial example of each image is. Far to the left: an "
    "invisible perturbation is enough. A steep slope at an audited eps: a slightly larger eps "
    "would fool many more."
)
DISTANCES_LIMITS = (
    "Nearest means the nearest found: the true distance is at most this. Images beyond the right"
    " edge, and those for which nothing was found, are not drawn."
)


def class_table(audit: Audit, parts: Breakdown) -> Table:
    """Return the table of classes, the least robust first; at most 40."""
    columns = [Column("class"), Column("images", True), Column("clean", True)]
    columns += [Column(f"eps {eps_text(eps, audit.norm)}", True) for eps, _ in audit.robust]
    columns += [Column(f"95% interval at eps {eps_text(audit.robust[-1][0], audit.norm)}", True)]
    order = sorted(parts.by_class, key=lambda row: (row[2][-1].value, row[0]))[:MOST_CLASSES]
    rows = [
        [
            Cell(short(name)),
            Cell(count(clean.n), clean.n),
            Cell(percent(clean.value), clean.value),
            *(Cell(percent(at.value), at.value) for at in robust),
            Cell(spread(robust[-1]), robust[-1].low),
        ]
        for name, clean, robust in order
    ]
    return Table("Robustness of each class", columns, rows)


def confusion(audit: Audit, parts: Breakdown) -> Figure | None:
    """Draw the confusion matrix of fooled images within the largest eps; None if there are none.

    With many classes only those of the most frequent pairs are drawn.
    """
    if not parts.confusion:
        return None
    names: dict[str, None] = {}
    for label, read, _ in parts.confusion:
        if len(names | {label: None, read: None}) <= MOST_NAMES:
            names |= {label: None, read: None}
    shown, pairs = sorted(names), {(a, b): n for a, b, n in parts.confusion}
    cells = [[float(pairs.get((a, b), 0)) for b in shown] for a in shown]
    at = f"{audit.norm} eps {eps_text(audit.robust[-1][0], audit.norm)}"
    title, first = f"Which classes are confused at {at}", parts.confusion[0]
    desc = f"Most often {first[0]} is classified as {first[1]}: {count(first[2])} images"

    def draw(width: int) -> Markup:
        return heat_map(
            cells, shown, shown, name=f"confusion-{width}", title=title, desc=desc, width=width,
            down="true", across="predicted", text=lambda value: count(int(value)),
        )  # fmt: skip

    rows = [[Cell(short(a)), Cell(short(b)), Cell(count(n), n)] for a, b, n in parts.confusion[:60]]
    columns = [Column("true"), Column("predicted"), Column("images", True)]
    left_out = sum(n for a, b, n in parts.confusion if a not in names or b not in names)
    more = f" {count(left_out)} images of other pairs are not drawn." if left_out else ""
    return Figure(
        "confusion", draw(WIDE), draw(NARROW),
        f"Images fooled at {at}, by true class and by predicted class.{more}",
        Table(title, columns, rows),
        reading=CONFUSION_READING, limits=CONFUSION_LIMITS, command=audit.command,
    )  # fmt: skip


def distances(audit: Audit, parts: Breakdown) -> Figure | None:
    """Draw the histogram of distances to the nearest examples; None if none was found."""
    if not sum(parts.distances):
        return None
    title = f"Distances to the nearest adversarial example found, in {audit.norm}"
    edges = parts.edges
    beyond = f"{_right(parts.beyond)} beyond {decimal(edges[-1])} or without an example."
    marks = [(eps, eps_text(eps, audit.norm)) for eps, _ in audit.robust if eps <= edges[-1]]

    def draw(width: int) -> Markup:
        return histogram(
            parts.distances, edges, name=f"distances-{width}", title=title, desc=beyond,
            across=f"{audit.norm} distance", width=width, marks=marks,
        )  # fmt: skip

    rows = [
        [Cell(decimal(low), low), Cell(decimal(high), high), Cell(count(n), n)]
        for low, high, n in zip(edges, edges[1:], parts.distances, strict=False)
    ]
    columns = [Column("from", True), Column("to", True), Column("images", True)]
    return Figure(
        "distances", draw(WIDE), draw(NARROW),
        f"Correctly classified images, by the size of the smallest perturbation found that fools"
        f" the model. {beyond} Dashed: the audited eps; the bars to the left of a line add up to"
        f" the images fooled within that eps.",
        Table(title, columns, rows),
        reading=DISTANCES_READING, limits=DISTANCES_LIMITS, command=audit.command,
    )  # fmt: skip


def _right(images: int) -> str:
    return "1 correct image is" if images == 1 else f"{count(images)} correct images are"


def extremes(parts: Breakdown) -> Table:
    """Return the table of the images with the nearest and the furthest examples."""
    columns = [Column("fooled"), Column("image"), Column("class"), Column("distance", True)]
    rows = [_extreme("first", *one) for one in parts.easiest]
    rows += [_extreme("last", *one) for one in parts.hardest]
    return Table("The easiest and the hardest images", columns, rows)


def _extreme(place: str, sample: str, name: str, size: float | None) -> Sequence[Cell]:
    told = "none found" if size is None else decimal(size)
    return [Cell(place), Cell(short(sample)), Cell(short(name)), Cell(told, size)]
