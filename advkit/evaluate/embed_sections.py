"""The sections of the page of `advkit embed`, from the numbers of every layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from advkit.evaluate.album import Studio, group, label_of
from advkit.evaluate.intervals import wilson
from advkit.insight.canvases import COLOURS
from advkit.insight.embedding import MOST
from advkit.numbers import several

LEGEND = 10  # classes named in the legend
LIMITS = (
    "t-SNE preserves neighbours, not distances: the distance between clusters and their sizes "
    "mean nothing.",
    "Purity and probe are computed on the codes themselves, not on the picture.",
    "A linear probe shows what could be decoded from a layer, not that the net uses it.",
)


def numbers_section(rows: Sequence[dict[str, Any]], near: int, attacked: int) -> dict[str, Any]:
    """Return the table of layers; ``near`` neighbours count, ``attacked`` images were attacked."""
    columns = [["layer", False], ["numbers", True], ["purity", True], ["probe", True],
               ["95% interval", False], ["KL", True]]  # fmt: skip
    lines: list[list[Any]] = []
    for row in rows:
        probe = row["probe"]
        share = wilson(probe["right"], probe["n"]) if probe else None
        lines.append([row["layer"], row["size"], row["purity"], share and share["value"],
                      share and f"{share['low']:.3f} to {share['high']:.3f}",
                      row["divergence"]])  # fmt: skip
        if attacked:
            lines[-1] += row.get("apart") or [None, None]
    if attacked:
        columns += [["misplaced before", True], ["misplaced attacked", True]]
    return group("numbers", "From pixels to logits", "",
                 table={"columns": columns, "rows": lines},
                 under=_under(rows[0], near, attacked))  # fmt: skip


def _under(row: dict[str, Any], near: int, attacked: int) -> str:
    """Return what the columns mean, and how t-SNE was made; ``row`` is that of the pixels."""
    probe = row["probe"]
    settings = {**row["settings"], "PCA to": f"at most {MOST}"}
    return (
        f"Purity: the share of the {several(near, 'nearest neighbour')} of the same class. "
        + (f"Probe: held-out accuracy of a linear classifier ({probe['folds']} folds, "
           f"{several(probe['n'], 'image')}). " if probe
           else "Probe: none, because fewer than two classes have more than one image. ")
        + "KL: the final divergence of t-SNE. "
        + f"Misplaced: how many of the {several(attacked, 'attacked image')} have most of those "
          "neighbours in other classes, before and after the attack. " * bool(attacked)
        + f"t-SNE: {', '.join(f'{key} {value}' for key, value in settings.items())}. "
        + "places.csv holds the places of all images."
    )  # fmt: skip


def legend_of(at: Studio, labels: np.ndarray, attacked: bool) -> str:
    """Return which colour stands for which class."""
    words = ("blue", "red", "green", "yellow", "purple", "cyan", "brown", "pink", "grey", "lime")
    found = [int(i) for i in np.unique(labels)]
    named = [f"{label_of(at, i)} {words[i % len(COLOURS)]}" for i in found[:LEGEND]]
    more = len(found) - LEGEND
    return (
        f"Frames by class: {', '.join(named)}"
        + f"; and {more} more, for which the colours repeat" * (more > 0)
        + "."
        + " Orange lines lead from each image to its adversarial example." * attacked
    )


def caption_of(row: dict[str, Any]) -> str:
    """Return the caption of a layer: its name, and its numbers."""
    probe = row["probe"]
    found = [f"probe {probe['right']} of {probe['n']}"] if probe else []
    if row["purity"] is not None:
        found.insert(0, f"purity {row['purity']:.2f}")
    return ": ".join([row["layer"], *([", ".join(found)] if found else [])])


def verdict_of(at: Studio, rows: Sequence[dict[str, Any]], n: int) -> tuple[str, str]:
    """Return the headline and the text below it."""
    first, last = rows[0], rows[-1]
    lead = f"{n} images at {len(rows)} layers of {at.model.name}."
    if first["purity"] is None:
        return "No two images are of one class: how they are sorted cannot be measured.", lead
    near = f"{first['purity']:.0%} in pixels, {last['purity']:.0%} at layer {last['layer']}"
    if not first["probe"]:
        return f"Nearest neighbours of the same class: {near}.", lead
    best = max(rows, key=lambda row: row["probe"]["right"])
    share, most = (row["probe"]["right"] / row["probe"]["n"] for row in (first, best))
    where = f"{most:.0%} from layer {best['layer']}"
    if best is first:
        where = "and no more from any layer"
    return (
        f"A linear probe classifies {share:.0%} of the images correctly from pixels, {where}; "
        f"nearest neighbours of the same class: {near}."
    ), lead
