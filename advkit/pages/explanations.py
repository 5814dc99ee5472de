"""The page of a run of `advkit explain`, from its files."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from advkit.data.samples import class_name
from advkit.errors import InputError
from advkit.evaluate.explain_maps import file_name
from advkit.evaluate.run_folder import read_json, write_text
from advkit.insight.cam import enlarged
from advkit.reports.cards import Guess
from advkit.reports.explained import Attacked, Belief, Chance, Cut, Explained, Maps, Seen
from advkit.reports.explanation import explanation_page
from advkit.reports.map_checks import verdict as judged

Name = Callable[[int], str]
SAME = 0.5
"""Mean |Spearman| from which a map counts as equal to that of a net with other weights."""
COMPARED = ("spearman", "ssim", "top_overlap", "concentration", "concentration_after",
            "change_within")  # fmt: skip


def write_explanation(folder: Path) -> Path:
    """Write `report.html` into the run directory; return its path."""
    return write_text(folder, "report.html", explanation_page(explained(folder)))


def explained(folder: Path) -> Explained:
    """Return the data of the run in ``folder``; raises InputError if it is none or damaged."""
    run = read_json(folder, "run.json")
    if not isinstance(run, dict) or run.get("schema") != "advkit/explain/1":
        raise InputError(f"{folder} holds no run of advkit explain", code="E313")
    if not run.get("finished"):
        raise InputError(
            f"the run in {folder} has not ended", f"to resume: {run['command']}", code="E313"
        )
    try:
        return _read(folder, run)
    except (
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        BadZipFile,
    ) as error:
        hint = "--fresh starts again"
        raise InputError(f"the run in {folder} is damaged: {error}", hint, code="E313") from error


def _read(folder: Path, run: Mapping[str, Any]) -> Explained:
    name = partial(class_name, run["model"]["classes"])
    label = partial(class_name, run["data"]["classes"])
    images = _arrays(folder / "images.npz")["x"].transpose(0, 2, 3, 1)
    seen = [
        _seen(row, image, name, label) for row, image in zip(run["samples"], images, strict=True)
    ]
    methods = [_maps(folder, row, images.shape[1:3], run["attack"]) for row in run["methods"]]
    beliefs = beliefs_of(run["faithfulness"])
    return Explained(
        verdict=verdict(run, beliefs),
        target=run["target"],
        model={key: run["model"][key] for key in ("name", "spec", "sha256", "n_classes")},
        data={key: run["data"][key] for key in ("name", "spec", "n", "sha256")},
        environment=run["environment"],
        command=run["command"],
        notes=run["notes"],
        started=run["started"],
        finished=run["finished"],
        seen=seen,
        methods=methods,
        cuts=_cuts(folder, run["segmentation"]),
        cut_by=(run["segmentation"] or {}).get("method", ""),
        beliefs=beliefs,
        chance=_chance(run["faithfulness"]),
        attacked=_attacked(folder, run["attack"], name),
        run={"target": run["target"], "seed": run["made_of"]["seed"],
             **{f"{row['label']}": _options(row) for row in run["methods"]}},
    )  # fmt: skip


def _options(row: Mapping[str, Any]) -> str:
    told = [f"{key}={value}" for key, value in row["options"].items()]
    return ", ".join(told) or "no options"


def _arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as saved:
        return dict(saved)


def _seen(row: Mapping[str, Any], image: np.ndarray, name: Name, label: Name) -> Seen:
    target = "" if row["target"] is None else name(row["target"])
    guesses = [Guess(name(one["class"]), one["probability"]) for one in row["guesses"]]
    return Seen(row["id"], label(row["label"]), target, guesses, image)


def _maps(
    folder: Path, row: Mapping[str, Any], size: tuple[int, int], attack: Mapping[str, Any] | None
) -> Maps:
    label = row["label"]
    if row["refused"]:
        return Maps(label, row["signed"], row["limits"], refused=row["refused"])
    name = f"{file_name(label)}.npy"
    note = ""
    if "incomplete" in row:
        note = f"sums to the rise of the score within {row['gap']:.2g}"
        note += f", but not on {row['incomplete']} images" if row["incomplete"] else ""
    return Maps(
        label, row["signed"], row["limits"],
        maps=_full(folder / "maps" / name, size),
        after=_full(folder / "adversarial" / name, size) if attack else None,
        layer=row["layer"], size=row["size"], flat=row["flat"], seconds=row["seconds"], note=note,
    )  # fmt: skip


def _full(file: Path, size: tuple[int, int]) -> np.ndarray:
    maps = torch.from_numpy(np.load(file, allow_pickle=False))
    return enlarged(maps, size).numpy()


def _cuts(folder: Path, told: Mapping[str, Any] | None) -> list[Cut]:
    if not told:
        return []
    saved = _arrays(folder / "objects.npz")
    return [
        Cut(mask, seeds, row["box"], row["share"], row["note"], row.get("iou"), row.get("box_iou"))
        for mask, seeds, row in zip(saved["masks"], saved["seeds"], told["objects"], strict=True)
    ]


def beliefs_of(told: Mapping[str, Any] | None) -> list[Belief]:
    """Return per method whether its maps can be trusted.

    Learnt: the map changes when all weights are randomised; shallow: it does not change when the
    half nearest the output is. Faithful: on more than half of the images deletion, or insertion, is
    better than every random order.
    """
    if not told:
        return []
    found = []
    for row in told["methods"]:
        pointing = row.get("pointing")
        n = told["n"]
        found.append(Belief(
            row["label"], n, row["deletion_curve"], row["insertion_curve"],
            float(np.mean(row["deletion"])), float(np.mean(row["insertion"])),
            row["beats_chance_deleting"], row["beats_chance_inserting"],
            row["cascade"], row["edges"],
            (pointing["hits"], pointing["n"], pointing["tolerance"]) if pointing else None,
            faithful=max(row["beats_chance_deleting"], row["beats_chance_inserting"]) > n / 2,
            learnt=row["cascade"][-1][1] < SAME,
            infidelity=row.get("infidelity"), max_sensitivity=row.get("max_sensitivity"),
            shallow=next(alike for share, alike in row["cascade"] if share >= 0.5) >= SAME,
        ))  # fmt: skip
    return found


def _chance(told: Mapping[str, Any] | None) -> Chance | None:
    if not told:
        return None
    deletion, insertion = told["chance"]
    return Chance(deletion, insertion, told["orders"], told["unit"])


def _attacked(folder: Path, told: Mapping[str, Any] | None, name: Name) -> Attacked | None:
    if not told:
        return None
    images = _arrays(folder / "adversarial.npz")["x_adv"].transpose(0, 2, 3, 1)
    return Attacked(
        told["attack"], told["norm"], told["eps"],
        [one["fooled"] for one in told["images"]], images,
        [Guess(name(one["prediction"]), one["confidence"]) for one in told["images"]],
        [(row["label"], _means(row["images"])) for row in told["methods"]],
    )  # fmt: skip


def _means(images: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    found = {}
    for key in COMPARED:
        told = [value for one in images if (value := one[key]) is not None]
        known = [value for value in told if np.isfinite(value)]  # older runs hold NaN
        found[key] = float(np.mean(known)) if known else 0.0
    return found


def verdict(run: Mapping[str, Any], beliefs: Sequence[Belief]) -> str:
    """Return the result of the run in a sentence or two."""
    name, n = run["model"]["name"], len(run["samples"])
    images = f"{n} image{'s' * (n != 1)}"
    if not beliefs:
        made = sum(not row["refused"] for row in run["methods"])
        return f"Where {name} looks on {images}, by {made} method{'s' * (made != 1)}."
    sound = [b.label.replace("_", " ") for b in beliefs if judged(b) == "sound"]
    unlearnt = [b.label.replace("_", " ") for b in beliefs if judged(b) == "not learnt"]
    text = f"On {images}, of {len(beliefs)} methods {len(sound)} can be believed for {name}"
    text += f": {', '.join(sound)}." if sound else "."
    if unlearnt:
        text += f" {', '.join(unlearnt)}: a similar map with randomised weights."
    return text
