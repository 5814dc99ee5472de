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
from advkit.evaluate.album import Studio, finished, group, kept, shown
from advkit.evaluate.embed_sections import (
    LIMITS,
    caption_of,
    legend_of,
    numbers_section,
    verdict_of,
)
from advkit.evaluate.run_folder import write_text
from advkit.insight.canvas import stages
from advkit.insight.canvases import gridded, scattered
from advkit.insight.embedding import linear_probe, neighbour_purity, tsne

NEIGHBOURS = 10


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
    strips = [{"name": row["layer"], "caption": caption_of(row), "pictures": [
        shown(row["files"]["map"], row["layer"], "", "")]} for row in rows]  # fmt: skip
    last = [{"name": "grid", "caption": f"{rows[-1]['layer']}: each image on its own place of a "
             "grid, near where t-SNE put it", "pictures": [
                 shown(rows[-1]["files"]["grid"], rows[-1]["layer"])]}]  # fmt: skip
    groups = [
        numbers_section(rows, near_of(labels), 0 if attacked is None else len(attacked)),
        group(
            "maps",
            "t-SNE by layer",
            legend_of(at, labels, attacked is not None),
            strips=strips,
            wide=True,
        ),
        group("grid", "The last layer on a grid", "", strips=last, wide=True),
    ]
    write_text(at.out, "places.csv", _places(samples, rows))
    return finished(at, *verdict_of(at, rows, len(labels)), groups, LIMITS)


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
    """Return how many neighbours count: no more than an average class has besides one image."""
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
    """Return how many attacked images lie among other classes, before and after the attack."""
    if not len(after):
        return None
    return [_among_others(codes, some, labels) for some in (codes[: len(after)], after)]


def _among_others(codes: np.ndarray, places: np.ndarray, labels: np.ndarray) -> int:
    count, most = 0, near_of(labels)
    for i, code in enumerate(places):
        apart = ((codes - code) ** 2).sum(1)
        apart[i] = np.inf
        near = labels[np.argsort(apart, kind="stable")[:most]]
        count += int((near == labels[i]).mean() < 0.5)
    return count


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
