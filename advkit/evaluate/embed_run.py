"""The run of `advkit embed`: t-SNE, nearest neighbours and linear probes, layer by layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.attacks import ATTACKS, parse
from advkit.engine.gradient import CHUNK
from advkit.engine.layer_outputs import code_of
from advkit.errors import InapplicableError
from advkit.evaluate.album import Studio, finished, group, kept, shown
from advkit.evaluate.intervals import wilson
from advkit.insight.canvas import stages
from advkit.insight.canvases import COLOURS, gridded, scattered
from advkit.insight.embedding import linear_probe, neighbour_purity, tsne

NEIGHBOURS = 10
AMONG = (
    "Among others: how many of the attacked images have most of those neighbours in other "
    "classes, before and after the attack. "
)
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
        _table(rows, bool(plan.attack)),
        group("maps", "t-SNE by layer", _legend(at, labels), strips=strips, wide=True),
        group("grid", "The last layer on a grid", "", strips=last, wide=True),
    ]
    return finished(at, *_verdict(at, rows), groups, LIMITS)


def _attacked(at: Studio, plan: Plan) -> Tensor | None:
    if not plan.attack or at.samples is None:
        return None
    member = parse(plan.attack, ATTACKS)
    few, y = at.samples.x[: plan.arrows], at.samples.y[: plan.arrows]
    name = plan.attack.partition(":")[0]
    found = ATTACKS[name](at.model, few, y, eps=plan.eps, norm=plan.norm, seed=at.seed,
                          ids=at.samples.ids[: len(few)], **member.options)  # fmt: skip
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
        told = {"layer": layer, "purity": neighbour_purity(codes, labels, NEIGHBOURS),
                "right": probe.right, "n": probe.n, "size": int(codes[0].size),
                "divergence": place.divergence, "settings": place.settings,
                "apart": _apart(codes, both[len(codes):], labels)}  # fmt: skip
        extra = len(both) - len(codes)
        x = samples.x if attacked is None else torch.cat([samples.x, attacked])
        marks = [*labels.tolist(), *labels[:extra].tolist()]
        arrows = [(i, len(codes) + i) for i in range(extra)]
        pictures = {"map": scattered(x, place.places, marks, arrows=arrows)}
        return told, {**pictures, "grid": gridded(x, place.places, marks)}

    return kept(at, f"layer-{layer}", make)


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
        near = labels[np.argsort(apart, kind="stable")[:NEIGHBOURS]]
        count += int((near == labels[i]).mean() < 0.5)
    return count


def _table(rows: Sequence[dict[str, Any]], attacked: bool) -> dict[str, Any]:
    columns = [["layer", False], ["numbers", True], ["purity", True], ["probe", True],
               ["95% interval", False], ["KL", True]]  # fmt: skip
    lines: list[list[Any]] = []
    for row in rows:
        share = wilson(row["right"], row["n"])
        lines.append([row["layer"], row["size"], row["purity"], share["value"],
                      f"{share['low']:.3f} to {share['high']:.3f}", row["divergence"]])  # fmt: skip
        if attacked:
            lines[-1] += row.get("apart") or [None, None]
    if attacked:
        columns += [["among others before", True], ["among others attacked", True]]
    settings = ", ".join(f"{key} {value}" for key, value in rows[-1]["settings"].items())
    return group("numbers", "From pixels to logits", "",
                 table={"columns": columns, "rows": lines},
                 under=f"Purity: the share of the {NEIGHBOURS} nearest neighbours of the same "
                 "class. Probe: held-out accuracy of a linear classifier (five folds). KL: the "
                 "final divergence of t-SNE. "
                 f"{AMONG * attacked}t-SNE: {settings}.")  # fmt: skip


def _legend(at: Studio, labels: np.ndarray) -> str:
    found = [at.names[i] if i < len(at.names) else str(i) for i in np.unique(labels)[:10]]
    words = ("blue", "red", "green", "yellow", "purple", "cyan", "brown", "pink", "grey", "lime")
    return (
        "Frames by class: "
        + ", ".join(
            f"{name} {words[int(i) % len(COLOURS)]}"
            for name, i in zip(found, np.unique(labels), strict=False)
        )
        + ". With an attack, orange lines lead from each image to its adversarial example."
    )


def _caption(row: dict[str, Any]) -> str:
    return f"{row['layer']}: purity {row['purity']:.2f}, probe {row['right']} of {row['n']}"


def _verdict(at: Studio, rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    first, last = rows[0], rows[-1]
    best = max(rows, key=lambda row: row["right"])
    verdict = (
        f"A linear classifier names {first['right'] / first['n']:.0%} of the images by their "
        f"pixels, {best['right'] / best['n']:.0%} by the codes of {best['layer']}; "
        f"neighbours of one class: {first['purity']:.0%} and {last['purity']:.0%}."
    )
    return verdict, f"{first['n']} images at {len(rows)} layers of {at.model.name}."
