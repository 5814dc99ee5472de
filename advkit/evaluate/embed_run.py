"""The run of `advkit embed`: t-SNE, nearest neighbours and linear probes, layer by layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advkit.attacks import ATTACKS, parse
from advkit.data.samples import Samples
from advkit.engine.gradient import CHUNK
from advkit.engine.layer_outputs import code_of
from advkit.errors import InapplicableError
from advkit.evaluate.album import Studio, finished, group, kept, label_of, shown
from advkit.evaluate.intervals import wilson
from advkit.evaluate.run_folder import write_text
from advkit.insight.canvas import stages
from advkit.insight.canvases import COLOURS, gridded, scattered
from advkit.insight.embedding import MOST, linear_probe, neighbour_purity, tsne
from advkit.numbers import several

NEIGHBOURS = 10
LEGEND = 10
LIMITS = (
    "t-SNE preserves neighbours, not distances: the distance between clusters and their sizes "
    "mean nothing.",
    "Purity and probe are computed on the codes themselves, not on the picture.",
    "A linear probe shows what could be decoded from a layer, not that the net uses it.",
)


class Plan(NamedTuple):
    """Settings of a run of `advkit embed`."""

    layers: tuple[str, ...] = ()
    perplexity: float = 30.0
    attack: str = ""
    """With ``eps`` the first images are attacked; arrows show how their codes move."""
    eps: float = 0.0
    norm: str = "Linf"
    arrows: int = 20

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "layers": list(self.layers)}


def embed(at: Studio, plan: Plan) -> dict[str, Any]:
    """Embed the data at every layer; return the record of the run. Raises InapplicableError."""
    samples = at.samples
    if samples is None:
        raise InapplicableError("nothing to embed", "say what: --data imagefolder:DIR")
    layers = ["pixels", *(plan.layers or [call.name for call in stages(at.canvas)])]
    attacked = _attacked(at, plan)
    labels = samples.y.cpu().numpy()
    rows = []
    for number, layer in enumerate(layers):
        rows.append(_layer(at, plan, layer, labels, attacked))
        at.tell("layers", number + 1, len(layers))
    strips = [{"name": row["layer"], "caption": _caption(row), "pictures": [
        shown(row["files"]["map"], row["layer"], "", "")]} for row in rows]  # fmt: skip
    last = [{"name": "grid", "caption": f"{rows[-1]['layer']}: each image on its own place of a "
             "grid, near where t-SNE put it", "pictures": [
                 shown(rows[-1]["files"]["grid"], rows[-1]["layer"])]}]  # fmt: skip
    groups = [
        _table(rows, labels, 0 if attacked is None else len(attacked)),
        group(
            "maps",
            "t-SNE by layer",
            _legend(at, labels, attacked is not None),
            strips=strips,
            wide=True,
        ),
        group("grid", "The last layer on a grid", "", strips=last, wide=True),
    ]
    write_text(at.out, "places.csv", _places(samples, rows))
    return finished(at, *_verdict(at, rows, len(labels)), groups, LIMITS)


def _attacked(at: Studio, plan: Plan) -> Tensor | None:
    if not plan.attack or at.samples is None:
        return None
    member = parse(plan.attack, ATTACKS)
    few, y = at.samples.x[: plan.arrows], at.samples.y[: plan.arrows]
    found = member.attack(at.model, few, y, eps=plan.eps, norm=plan.norm, seed=at.seed,
                          ids=at.samples.ids[: len(few)])  # fmt: skip
    return torch.as_tensor(found)


def _layer(
    at: Studio, plan: Plan, layer: str, labels: np.ndarray, attacked: Tensor | None
) -> dict[str, Any]:
    samples = at.samples
    assert samples is not None  # noqa: S101

    def make() -> tuple[dict[str, Any], dict[str, Tensor]]:
        codes = codes_at(at, layer, samples.x)
        both = codes if attacked is None else np.concatenate([codes, codes_at(at, layer, attacked)])
        place = tsne(both, perplexity=plan.perplexity, seed=at.seed)
        probe = linear_probe(codes, labels, at.seed)
        alone = len(np.unique(labels)) == len(labels)
        purity = None if alone else neighbour_purity(codes, labels, near_of(labels))
        told = {"layer": layer, "purity": purity,
                "probe": probe and probe._asdict(), "size": int(codes[0].size),
                "divergence": place.divergence, "settings": place.settings,
                "places": place.places.round(5).tolist(),
                "apart": _apart(codes, both[len(codes):], labels)}  # fmt: skip
        extra = len(both) - len(codes)
        x = samples.x if attacked is None else torch.cat([samples.x, attacked])
        marks = [*labels.tolist(), *labels[:extra].tolist()]
        arrows = [(i, len(codes) + i) for i in range(extra)]
        pictures = {"map": scattered(x, place.places, marks, arrows=arrows)}
        return told, {**pictures, "grid": gridded(x, place.places, marks)}

    return kept(at, f"layer-{layer}", make)


def near_of(labels: np.ndarray) -> int:
    """Return how many neighbours are looked at: of an average class, no more than all others."""
    return max(min(NEIGHBOURS, len(labels) // len(np.unique(labels)) - 1), 1)


@torch.no_grad()
def codes_at(at: Studio, layer: str, x: Tensor) -> np.ndarray:
    """Return the flattened codes of ``x`` at a layer, or its pixels, (n, d)."""
    if layer == "pixels":
        return np.asarray(x.flatten(1).cpu().numpy())
    code = code_of(at.canvas.ask, at.canvas.root, layer)
    found = [code(some).flatten(1).cpu() for some in torch.split(x, CHUNK)]
    return np.asarray(torch.cat(found).numpy())


def _apart(codes: np.ndarray, after: np.ndarray, labels: np.ndarray) -> list[int] | None:
    """Return how many attacked images lie among other classes before and after: see `_table`."""
    if not len(after):
        return None
    return [_among_others(codes, some, labels) for some in (codes[: len(after)], after)]


def _among_others(codes: np.ndarray, places: np.ndarray, labels: np.ndarray) -> int:
    count = 0
    for i, code in enumerate(places):
        apart = ((codes - code) ** 2).sum(1)
        apart[i] = np.inf
        near = labels[np.argsort(apart, kind="stable")[: near_of(labels)]]
        count += int((near == labels[i]).mean() < 0.5)
    return count


def _table(rows: Sequence[dict[str, Any]], labels: np.ndarray, attacked: int) -> dict[str, Any]:
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
        columns += [["among others before", True], ["among others attacked", True]]
    return group("numbers", "From pixels to logits", "",
                 table={"columns": columns, "rows": lines},
                 under=_under(rows[0], labels, attacked))  # fmt: skip


def _under(row: dict[str, Any], labels: np.ndarray, attacked: int) -> str:
    """Return what the columns mean, and how t-SNE was made; ``row`` is that of the pixels."""
    probe, near = row["probe"], several(near_of(labels), "nearest neighbour")
    settings = {**row["settings"], "PCA to": f"at most {MOST}"}
    return (
        f"Purity: the share of the {near} of the same class. "
        + (f"Probe: held-out accuracy of a linear classifier ({probe['folds']} folds, "
           f"{several(probe['n'], 'image')}). " if probe
           else "Probe: none, because fewer than two classes have more than one image. ")
        + "KL: the final divergence of t-SNE. "
        + f"Among others: how many of the {several(attacked, 'attacked image')} have most of those "
          "neighbours in other classes, before and after the attack. " * bool(attacked)
        + f"t-SNE: {', '.join(f'{key} {value}' for key, value in settings.items())}. "
        + "places.csv holds the places of all images."
    )  # fmt: skip


def _places(samples: Samples, rows: Sequence[dict[str, Any]]) -> str:
    """Return where t-SNE put every image at every layer, as CSV."""
    n = len(samples.ids)
    parts = []
    for row in rows:
        x, y = np.array(row["places"]).T
        order = np.r_[:n, : len(x) - n]
        parts.append(pd.DataFrame({
            "layer": row["layer"], "id": [samples.ids[i] for i in order],
            "label": samples.y.cpu().numpy()[order], "attacked": np.arange(len(x)) >= n,
            "x": x, "y": y}))  # fmt: skip
    return pd.concat(parts).to_csv(index=False)


def _legend(at: Studio, labels: np.ndarray, attacked: bool) -> str:
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


def _caption(row: dict[str, Any]) -> str:
    probe = row["probe"]
    found = [f"probe {probe['right']} of {probe['n']}"] if probe else []
    if row["purity"] is not None:
        found.insert(0, f"purity {row['purity']:.2f}")
    return ": ".join([row["layer"], *([", ".join(found)] if found else [])])


def _verdict(at: Studio, rows: Sequence[dict[str, Any]], n: int) -> tuple[str, str]:
    first, last = rows[0], rows[-1]
    lead = f"{n} images at {len(rows)} layers of {at.model.name}."
    if first["purity"] is None:
        return "No two images are of one class: how they are sorted cannot be measured.", lead
    near = f"{first['purity']:.0%} by pixels, {last['purity']:.0%} at layer {last['layer']}"
    if not first["probe"]:
        return f"Neighbours of one class: {near}.", lead
    best = max(rows, key=lambda row: row["probe"]["right"])
    share, most = (row["probe"]["right"] / row["probe"]["n"] for row in (first, best))
    where = f"{most:.0%} by the codes of layer {best['layer']}"
    if best is first:
        where = "and no better by the codes of any layer"
    return (
        f"A linear classifier names {share:.0%} of the images by their pixels, {where}; "
        f"neighbours of one class: {near}."
    ), lead
