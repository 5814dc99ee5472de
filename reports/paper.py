"""The figures of an audit for print, by matplotlib: PDF, PNG or SVG files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advkit.reports.cards import Card
from advkit.reports.cascade import divide
from advkit.reports.images import gain_for
from advkit.reports.tables import Audit
from advkit.reports.words import decimal, eps_text, short

STYLE: Any = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "text.parse_math": False,
    "svg.hashsalt": "advkit",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
BLUE, RUST, GREY = "#0b5c9e", "#a84300", "#c9d0d7"
# Deterministic output: no date in the file.
UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
COLUMN = 3.3  # inches: one column of a paper
MOST = 6  # images in the contact sheet


def write_figures(audit: Audit, cards: list[Card], folder: Path, form: str) -> list[Path]:
    """Write curve, attacks and (if there are images) examples into ``folder``; return paths.

    ``form`` is pdf, png or svg.
    """
    drawn: dict[str, Callable[[], Figure]] = {
        "curve": lambda: curve(audit),
        "attacks": lambda: attacks(audit),
    }
    if cards:
        drawn["examples"] = lambda: examples(cards[:MOST])
    files = []
    with rc_context(STYLE):
        for name, draw in drawn.items():
            file = folder / f"{name}.{form}"
            draw().savefig(file, format=form, metadata=UNDATED[form], bbox_inches="tight")
            files.append(file)
    return files


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    return figure, figure.subplots()


def curve(audit: Audit) -> Figure:
    """Draw robust accuracy over eps with its 95% band, and the audited eps with intervals."""
    figure, axes = _axes(2.3)
    zero = (0.0, audit.clean)
    points = audit.curve if audit.curve and audit.curve[0][0] == 0 else [zero, *audit.curve]
    eps = [at for at, _ in points]
    low, high = ([100 * getattr(share, end) for _, share in points] for end in ("low", "high"))
    axes.fill_between(eps, low, high, step="post", color=BLUE, alpha=0.15, linewidth=0)
    axes.step(eps, [100 * share.value for _, share in points], where="post", color=BLUE, lw=1.2)
    for at, share in (zero, *audit.robust):
        ends = [[100 * (share.value - share.low)], [100 * (share.high - share.value)]]
        axes.errorbar(at, 100 * share.value, yerr=ends, fmt="o", ms=3, color=BLUE, lw=0.8)
    axes.set(
        xlabel=f"{audit.norm} eps", ylabel="robust accuracy (%)", ylim=(0, 100), xlim=(0, None)
    )
    return figure


def attacks(audit: Audit) -> Figure:
    """Draw the images fooled by each attack at the largest eps, in order."""
    eps, robust = audit.robust[-1]
    parts = divide(audit, eps, robust)
    figure, axes = _axes(0.5 + 0.2 * len(parts))
    colours = {"error": GREY, "loss": RUST, "left": BLUE}
    end = robust.n
    for row, part in enumerate(parts):
        share, left = 100 * part.images / robust.n, 100 * (end - part.images) / robust.n
        axes.barh(row, share, left=left, color=colours[part.kind], height=0.7)
        end -= part.images
    names = [short(part.name, 28) for part in parts]
    axes.set_yticks(range(len(parts)), names)
    axes.invert_yaxis()
    at = f"{audit.norm} eps {eps_text(eps, audit.norm)}"
    axes.set(xlabel=f"% of {robust.n:,} images, {at}", xlim=(0, 100))
    return figure


def examples(cards: list[Card]) -> Figure:
    """Draw images, the perturbation times the factor given above, and adversarial images."""
    figure = Figure(figsize=(COLUMN, 1.16 * COLUMN * 3 / len(cards)), layout="constrained")
    grid = figure.subplots(3, len(cards), squeeze=False)
    for column, card in zip(grid.T, cards, strict=True):
        delta = card.adversarial - card.clean
        gain = gain_for(delta)
        rows = (card.clean, np.clip(0.5 + gain * delta, 0, 1), card.adversarial)
        titles = (card.before[0].name, f"\u00d7{decimal(gain)}", card.after[0].name)
        for axes, image, title in zip(column, rows, titles, strict=True):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(short(title, 14), fontsize=5, pad=2)
            axes.axis("off")
    return figure
