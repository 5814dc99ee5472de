"""``csv:FILE?path=path&label=label&root=DIR``: pictures named in a table, none outside its root."""

import csv
from functools import partial
from pathlib import Path

from advkit.data.class_map import numbered
from advkit.data.picture_rows import OPTIONS, Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.data.shares import chosen
from advkit.errors import EmptyError, InputError, UnsafeError
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, only


def load_csv(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the pictures that the column ``path`` names, with the labels of the column ``label``.

    Paths are relative to ``root``, by default the directory of the table; one that leads out of it
    is refused. Labels are whole numbers, or names, numbered in their order or by ``class_map``.
    Raises InputError, EmptyError, UsageError, UnsafeError.
    """
    only(spec, (*OPTIONS, "path", "label", "root", "class_map"))
    table, manner = Path(spec.ref), manner_of(spec, shape)
    lines = _read(table, spec.query.get("path", "path"), spec.query.get("label", "label"))
    if not lines:
        raise EmptyError(f"{table} has no row", "a line for each picture, below the names")
    root = Path(spec.query.get("root", table.parent))
    labels, names = numbered([label for _, label in lines], spec.query.get("class_map"), str(table))
    places = [inside(root, name, f"row {i} of {table}") for i, (name, _) in enumerate(lines, 2)]
    kept = chosen(labels, limit)
    rows = [Row(lines[i][0], labels[i], partial(Path, places[i])) for i in kept]
    _check_unique([row.id for row in rows], table)
    return read_rows(rows, manner, spec.text, names)


def inside(root: Path, name: str, where: str) -> Path:
    """Return ``root`` / ``name``; raises UnsafeError where that leads out of ``root``."""
    place, top = (root / name).resolve(), root.resolve()
    if top not in place.parents:
        raise UnsafeError(
            f"{where} names {name!r}, which is outside {root}; it was not opened",
            "keep the files below the directory, or give it by root=DIR",
        )
    return place


def _read(table: Path, path: str, label: str) -> list[tuple[str, str]]:
    if not table.is_file():
        raise missing(table)
    try:
        lines = table.read_text("utf-8-sig").splitlines()
        reader = csv.DictReader(lines)
        seen = list(reader.fieldnames or ())
        rows = list(reader)
    except (UnicodeDecodeError, OSError, csv.Error) as error:
        raise InputError(f"{table} is no table in UTF-8: {error}", "save it as CSV in UTF-8") \
            from error  # fmt: skip
    for column in (path, label):
        if column not in seen:
            raise InputError(
                f"{table} has no column {column!r}, but {', '.join(seen) or 'none'}",
                f"name them: csv:{table}?path=...&label=...",
            )
    for number, row in enumerate(rows, 2):
        if not row[path] or not row[label]:
            raise InputError(f"row {number} of {table} is not complete", "give a path and a label")
    return [(row[path], row[label].strip()) for row in rows]


def _check_unique(ids: list[str], table: Path) -> None:
    twice = next((name for name in ids if ids.count(name) > 1), None) \
        if len(set(ids)) < len(ids) else None  # fmt: skip
    if twice is not None:
        raise InputError(f"{table} names {twice} twice", "name each picture once")
