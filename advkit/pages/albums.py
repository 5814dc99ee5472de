"""The page of a picture run, from its files."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from advkit.errors import InputError
from advkit.evaluate.album import SCHEMA
from advkit.evaluate.run_folder import read_json, write_text
from advkit.reports.album import Album, Chart, Framed, Group, album_page
from advkit.reports.words import short

TITLES = {"visualize": "What {} sees", "invert": "What the layers of {} know",
          "fool": "What fools {}", "embed": "How {} sorts images", "dream": "What {} dreams",
          "style": "Style by {}", "gallery": "All that {} sees"}  # fmt: skip
KINDS = {"visualize": "pictures", "invert": "inversions", "fool": "fooling images",
         "embed": "embeddings", "dream": "dreams", "style": "style transfer",
         "gallery": "gallery"}  # fmt: skip
MOVING = {".gif": "image/gif", ".webp": "image/webp"}


def write_album(folder: Path) -> Path:
    """Write `report.html` into the run directory; return its path."""
    return write_text(folder, "report.html", album_page(read_album(folder)))


def read_album(folder: Path) -> Album:
    """Return the data of the page of the run in ``folder``; raises InputError if it is invalid."""
    run = read_json(folder, "run.json")
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise InputError(f"{folder} holds no run that makes pictures", code="E313")
    if not run.get("finished"):
        raise InputError(
            f"the run in {folder} has not ended", f"to resume: {run['command']}", code="E313"
        )
    try:
        return _album(folder, run)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        hint = "--fresh starts again"
        raise InputError(f"the run in {folder} is damaged: {error}", hint, code="E313") from error


def _album(folder: Path, run: Mapping[str, Any]) -> Album:
    return Album(
        title=TITLES[run["kind"]].format(short(run["model"]["name"], 40)),
        kind=KINDS[run["kind"]],
        verdict=run["verdict"],
        lead=run["lead"],
        groups=[_group(folder, each) for each in run["groups"]],
        limits=run["limits"],
        model=run["model"],
        data=run["data"],
        run={"seed": run["made_of"]["seed"],
             **{key: _told(value) for key, value in run["options"].items() if value != ""}},
        environment=run["environment"],
        command=run["command"],
        notes=run["notes"],
        started=run["started"],
        finished=run["finished"],
        files=run.get("files", "pictures/"),
        found=[(entry, text) for entry, text in run.get("found", ())],
    )  # fmt: skip


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return value


def _group(folder: Path, each: Mapping[str, Any]) -> Group:
    table, chart = each.get("table"), each.get("chart")
    return Group(
        each["name"], each["title"], each["text"],
        strips=[(strip["name"], strip["caption"], _framed(folder, strip["pictures"]))
                for strip in each.get("strips", ())],
        columns=[(name, bool(numeric)) for name, numeric in table["columns"]] if table else (),
        rows=table["rows"] if table else (),
        under=each.get("under", ""),
        chart=Chart(chart["title"], chart["across"], chart["up"],
                    [(name, [(x, y) for x, y in points]) for name, points in chart["lines"]],
                    chart.get("reading", "")) if chart else None,
        wide=each.get("wide", False),
        entry=each.get("entry"),
    )  # fmt: skip


def _framed(folder: Path, pictures: Sequence[Mapping[str, str]]) -> list[Framed]:
    return [
        Framed(_levels(folder / one["file"]), one["head"], one["text"], one["detail"],
               _moving(folder / one["file"]))
        for one in pictures
    ]  # fmt: skip


def _levels(file: Path) -> Any:
    with Image.open(file) as opened:
        return np.asarray(opened.convert("L" if opened.mode == "L" else "RGB"))


def _moving(file: Path) -> str:
    if file.suffix not in MOVING:
        return ""
    return f"data:{MOVING[file.suffix]};base64," + base64.b64encode(file.read_bytes()).decode()
