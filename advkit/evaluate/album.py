"""The run directory of a picture command: PNG files and run.json, written item by item."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from advkit.data.samples import Samples, class_name, fingerprint
from advkit.errors import InapplicableError, InputError
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.fingerprint import check_same, environment, now
from advkit.evaluate.run_folder import make_place, no_run, replaced, write_json
from advkit.insight.canvas import Canvas, canvas_of
from advkit.models.classifier import Classifier
from advkit.models.probe import probe

SCHEMA = "advkit/pictures/1"
BEFORE = ("pictures", "visualize", "invert", "fool", "embed", "dream", "style")
"""Files that a run may leave in its directory if it stops before run.json is written."""

Tell = Callable[..., None]


def untold(*_: object) -> None:
    """Ignore a progress report."""


class Studio(NamedTuple):
    """Model, data and run directory that every picture command works with."""

    model: Classifier
    canvas: Canvas
    names: Sequence[str]
    samples: Samples | None
    seed: int
    out: Path
    record: dict[str, Any]
    tell: Tell = untold


def label_of(at: Studio, label: int) -> str:
    """Return the name of a label of the data: by the data's own names, where it has some."""
    return class_name((at.samples.classes if at.samples else None) or at.names, label)


def key_of(at: Studio, model: Classifier) -> str:
    """Return what names a net in the keys of items: another net may have the name of the first."""
    return f"{'beside-' * (model is not at.model)}{model.name}"


class Asked(NamedTuple):
    """The settings that all picture commands have in common."""

    kind: str
    out: Path
    seed: int = 0
    fresh: bool = False
    spec: Mapping[str, str] = {}
    tell: Tell = untold
    contents: Mapping[str, str] = {}
    """SHA-256 of the picture files that were given, by name."""


def check_white(model: Classifier, kind: str) -> None:
    """Raise InapplicableError for a black box, which has neither gradients nor layers."""
    if model.black_box:
        raise InapplicableError(
            f"{kind} follows gradients, and the model {model.name} is a black box",
            "advkit explain --method occlusion,rise shows where it looks, by its answers alone",
        )


def studio(
    model: Classifier, samples: Samples | None, shape: Sequence[int], asked: Asked,
    options: Mapping[str, Any], others: Sequence[Classifier] = (),
) -> Studio:  # fmt: skip
    """Return the studio of a run in ``asked.out``; an unfinished run there is resumed.

    ``options`` holds everything that the pictures depend on besides the model and the data. Raises
    InputError if the directory holds another run, and InapplicableError for a black box.
    """
    check_white(model, asked.kind)
    device = next(chain(model.parameters(), model.buffers()), torch.zeros(())).device
    x = torch.full((1, *shape), 0.5, device=device) if samples is None else samples.x
    if x.ndim != 4:
        raise InputError(f"pictures need images, but the data is {tuple(x.shape[1:])}")
    y = torch.zeros(len(x), dtype=torch.int64, device=device) if samples is None else samples.y
    notes = [*(samples.notes if samples else ()), *probe(model, x[:64], y[:64])]
    if samples is not None:
        notes += class_notes(model, samples)
    names = tuple(
        model.classes or (samples and samples.classes) or map(str, range(model.n_classes))
    )
    record = _record(model, samples, asked, options, others, [*notes, *model.notes], x.device)
    return Studio(
        model, canvas_of(model, x), names, samples, asked.seed, asked.out, record, asked.tell
    )


def _record(
    model: Classifier, samples: Samples | None, asked: Asked, options: Mapping[str, Any],
    others: Sequence[Classifier], notes: list[str], device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    made_of = {"kind": asked.kind, "model": model.fingerprint(),
               "data": fingerprint(samples) if samples else "", "seed": asked.seed,
               "others": [other.fingerprint() for other in others], **options}  # fmt: skip
    if asked.contents:
        made_of["contents"] = dict(asked.contents)
    make_place(asked.out, no_run(*BEFORE))
    before = earlier(asked.out, fresh=asked.fresh, schema=SCHEMA, kind=asked.kind)
    if before is not None:
        check_same(before["made_of"], made_of, f"--out {asked.out}")
    data = (
        {"name": samples.name, "n": len(samples.ids), "sha256": made_of["data"]} if samples else {}
    )
    return {
        "schema": SCHEMA, "kind": asked.kind, "made_of": made_of,
        "model": {"name": model.name, "spec": asked.spec.get("model", model.name),
                  "sha256": made_of["model"], "n_classes": model.n_classes},
        "data": data, "options": dict(options), "command": asked.spec.get("command", ""),
        "environment": environment(device), "notes": list(dict.fromkeys(notes)),
        "started": (before or {}).get("started") or now(), "items": (before or {}).get("items", {}),
    }  # fmt: skip


Made = tuple[dict[str, Any], Mapping[str, Tensor]]
"""The data of an item as plain values, and its pictures (c, h, w) by name."""


def kept(at: Studio, key: str, make: Callable[[], Made]) -> dict[str, Any]:
    """Return the data of the item ``key``: computed now, or read if an earlier run finished it.

    The row's ``files`` maps picture names to paths within the run directory.
    """
    known = at.record["items"].get(key)
    if known is not None and all((at.out / file).exists() for file in known["files"].values()):
        return dict(known)
    row, pictures = make()
    files = _files(at, key, pictures)
    (at.out / "pictures").mkdir(exist_ok=True)
    for name, picture in pictures.items():
        write_picture(at.out / files[name], picture)
    at.record["items"][key] = {**row, "files": files}
    write_json(at.out, "run.json", at.record)
    return dict(at.record["items"][key])


def _files(at: Studio, key: str, names: Iterable[str]) -> dict[str, str]:
    """Return a file for each picture of an item: of no other item, also where both read alike."""
    taken = {file for other, row in at.record["items"].items() if other != key
             for file in row["files"].values()}  # fmt: skip
    found: dict[str, str] = {}
    for name in names:
        plain = _plain(f"{key}-{name}")
        tries = (f"pictures/{plain}{f'-{i}' * (i > 1)}.png" for i in count(1))
        found[name] = next(file for file in tries if file not in {*taken, *found.values()})
    return found


def _plain(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in text)


def write_picture(file: Path, picture: Tensor) -> Path:
    """Write a picture (c, h, w) in [0, 1] as PNG, of one or three channels; return its path."""
    image = Image.fromarray(levels_of(picture))
    return replaced(file, lambda out: image.save(out, format="PNG"))


def levels_of(picture: Tensor) -> np.ndarray:
    """Return a picture (c, h, w) in [0, 1] as uint8, (h, w) or (h, w, 3)."""
    pixels = picture.detach().float().cpu().clamp(0, 1)
    if pixels.shape[0] not in (1, 3):
        pixels = pixels.mean(0, keepdim=True)
    levels = (pixels * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.asarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def read_picture(file: Path) -> Tensor:
    """Return a picture of a run, (c, h, w) in [0, 1]."""
    with Image.open(file) as opened:
        pixels = torch.from_numpy(np.asarray(opened).astype(np.float32) / 255)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def finished(at: Studio, verdict: str, lead: str, groups: Sequence[Mapping[str, Any]],
             limits: Sequence[str], notes: Sequence[str] = (), *,
             more: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:  # fmt: skip
    """Write the record of a finished run and return it.

    ``groups`` are the sections of its page, ``more`` its ``found`` and ``files``: see
    `advkit.reports.album`.
    """
    record = {**at.record, "verdict": verdict, "lead": lead, "groups": list(groups),
              "limits": list(limits), **more, "finished": now()}  # fmt: skip
    record["notes"] = list(dict.fromkeys([*record["notes"], *notes]))
    write_json(at.out, "run.json", record)
    return record


def shown(file: str, head: str, text: str = "", detail: str = "") -> dict[str, str]:
    """Return a picture of a strip."""
    return {"file": file, "head": head, "text": text, "detail": detail}


def group(name: str, title: str, text: str, **parts: Any) -> dict[str, Any]:
    """Return a section: ``strips``, ``table`` (columns, rows) and ``chart`` are optional."""
    return {"name": name, "title": title, "text": text, **parts}


def steps_told(at: Studio, what: str, total: int) -> Callable[[int, float], None]:
    """Return a callback that reports step and value of an optimisation."""
    return lambda step, value: at.tell(what, step, total, f"{value:.4g}")
