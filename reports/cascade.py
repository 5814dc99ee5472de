"""The contribution of each attack: the division of all images at one eps, and the costs."""

from collections.abc import Iterable

from markupsafe import Markup

from advkit.reports.bars import NARROW, WIDE, Bar, Part, stacked, waterfall
from advkit.reports.parts import Cell, Column, Figure, Table
from advkit.reports.tables import AttackRow, Audit, Interval
from advkit.reports.words import (
    bare,
    count,
    eps_text,
    mean,
    options_of,
    percent,
    seconds,
    short,
    slug,
)

BROKEN_READING = (
    "Start at the right with all images and go down: every bar removes its images from those that"
    " have survived so far; the last bar is what remains. That last bar is robust accuracy."
)
BY_EPS_READING = (
    "One bar for all images at each eps. The plain part on the left shrinks as eps grows: these are"
    " the images that no attack fooled."
)
BROKEN_LIMITS = (
    "The order decides which attack gets the credit: a late attack can add nothing although it "
    "would have fooled every image by itself. This does not rank the attacks."
)
TRIED = (
    "Tried: the images that had survived when the attack's turn came. Thorough attacks go from the"
    " largest eps down and skip what resisted at a larger one, the longest try only images that are"
    " close to being fooled, and line_search moves examples closer. Eps \u201cany\u201d: run once,"
    " for the nearest example at any distance."
)
MISREAD, STANDING = "wrong when clean", "not fooled"


def divide(audit: Audit, eps: float, robust: Interval) -> list[Part]:
    """Divide all images at one eps: misclassified, lost to each attack in turn, not fooled.

    Raises ValueError if the attacks' shares do not add up to what was lost.
    """
    added, names = audit.added[eps], attack_names(audit)
    lost = audit.clean.count - robust.count
    if sum(added.values()) != lost:
        raise ValueError(
            f"at eps {eps} the attacks claim {sum(added.values())} images, but {lost} were lost"
        )
    return [
        Part(MISREAD, robust.n - audit.clean.count, "error"),
        *(Part(names[attack], images, "loss") for attack, images in added.items()),
        Part(STANDING, robust.count, "left"),
    ]


def attack_names(audit: Audit) -> dict[str, str]:
    """Return by attack its name, with options only if they are needed to distinguish two."""
    labels = dict.fromkeys(name for added in audit.added.values() for name in added)
    labels |= dict.fromkeys(row.attack for row in audit.attacks)
    return {label: _told_apart(label, labels) for label in labels}


def _told_apart(label: str, labels: Iterable[str]) -> str:
    """Return an attack's name with the first options that distinguish it from other ``labels``."""
    name = bare(label)
    alike = [options_of(other) for other in labels if bare(other) == name]
    own = options_of(label)
    for n in range(len(own)):
        if sum(other[:n] == own[:n] for other in alike) == 1:
            return f"{name}:{','.join(own[:n])}" if n else name
    return label


def broken(audit: Audit) -> Figure:
    """Draw the waterfall at the largest eps: the share of all images fooled by each attack."""
    eps, robust = audit.robust[-1]
    parts = divide(audit, eps, robust)
    at = f"{audit.norm} eps {eps_text(eps, audit.norm)}"
    title = f"What becomes of all images at {at}"
    desc = "; ".join(f"{part.name}: {count(part.images)}" for part in parts)

    def draw(width: int) -> Markup:
        return waterfall(parts, name=f"broken-{width}", title=title, desc=desc, width=width)

    caption = (
        f"All {count(robust.n)} images at {at}. Attacks run from top to bottom; each tries at most"
        " what survived those above it, so its bar is what it added."
    )
    rows = [
        [
            Cell(part.name),
            Cell(count(part.images), part.images),
            Cell(percent(part.images / robust.n), part.images / robust.n),
        ]
        for part in parts
    ]
    columns = [Column("part"), Column("images", True), Column("of all", True)]
    return Figure(
        "broken", draw(WIDE), draw(NARROW), caption, Table(title, columns, rows),
        reading=BROKEN_READING, limits=BROKEN_LIMITS, command=audit.command,
    )  # fmt: skip


def by_eps(audit: Audit) -> Figure:
    """Draw one stacked bar per eps."""
    bars = _aligned(audit)
    title = f"What becomes of all images at each {audit.norm} eps"
    desc = "; ".join(
        f"at {bar.name}: " + ", ".join(f"{part.name} {count(part.images)}" for part in bar.parts)
        for bar in bars
    )

    def draw(width: int) -> Markup:
        return stacked(bars, name=f"by-eps-{width}", title=title, desc=desc, width=width)

    caption = (
        "The same at every audited eps. From the left: images not fooled (with their number),"
        " then what each attack added, the last attack first, without those that added nothing;"
        " grey: misclassified before any attack."
    )
    rows = [
        [Cell(parts[0].name), *(Cell(count(part.images), part.images) for part in parts)]
        for parts in zip(*(bar.parts for bar in bars), strict=True)
    ]
    columns = [Column("part"), *(Column(f"eps {bar.name}", True) for bar in bars)]
    return Figure(
        "by-eps", draw(WIDE), draw(NARROW), caption, Table(title, columns, rows),
        reading=BY_EPS_READING, limits=BROKEN_LIMITS, command=audit.command,
    )  # fmt: skip


def _aligned(audit: Audit) -> list[Bar]:
    """Return a bar per eps, all with the same parts in the same order, so that colours agree."""
    divided = {eps: divide(audit, eps, robust) for eps, robust in audit.robust}
    everything = [part for parts in divided.values() for part in parts]
    names = dict.fromkeys((MISREAD, *attack_names(audit).values(), STANDING))
    kinds = {part.name: part.kind for part in everything}
    return [
        Bar(
            eps_text(eps, audit.norm),
            [
                Part(name, sum(part.images for part in parts if part.name == name), kinds[name])
                for name in names
                if name in kinds
            ],
        )
        for eps, parts in divided.items()
    ]


def effort(audit: Audit) -> Table:
    """Return the table of the contribution and cost of each attack, in order."""
    columns = [
        Column("eps", True),
        Column("attack"),
        Column("tried", True),
        Column("fooled", True),
        Column("of tried", True),
        Column("invalid", True),
        Column("forward / image", True),
        Column("backward / image", True),
        Column("seconds", True),
        Column("options"),
    ]
    names = attack_names(audit)
    rows = [_effort_row(row, names[row.attack], audit.norm) for row in audit.attacks]
    ids = [
        f"run-{index + 1}-{slug(names[row.attack])}-{slug(_at(row, audit.norm))}"
        for index, row in enumerate(audit.attacks)
    ]
    return Table("What each attack contributed and cost", columns, rows, ids)


def _at(row: AttackRow, norm: str) -> str:
    return "any" if row.eps is None else eps_text(row.eps, norm)


def _effort_row(row: AttackRow, name: str, norm: str) -> list[Cell]:
    share = row.fooled / row.tried if row.tried else 0.0
    options = [f"{key}={value}" for key, value in row.options.items()] or options_of(row.attack)
    invalid = f"! {count(row.invalid)}" if row.invalid else "0"
    return [
        Cell(_at(row, norm), row.eps or 0.0),
        Cell(short(name)),
        Cell(count(row.tried), row.tried),
        Cell(count(row.fooled), row.fooled),
        Cell(percent(share) if row.tried else "\u2013", share),
        Cell(invalid, row.invalid, warning=row.invalid > 0),
        Cell(mean(row.forwards), row.forwards),
        Cell(mean(row.backwards), row.backwards),
        Cell(seconds(row.seconds), row.seconds),
        Cell(short(", ".join(options), 240)),
    ]
