"""``csv:FILE?path=path&label=label&root=DIR``: images listed in a table, all below ``root``."""

from functools import partial
from pathlib import Path

from advkit.data.class_map import numbered
from advkit.data.label_table import inside, read_label_table
from advkit.data.picture_rows import OPTIONS, Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.data.stratified import chosen
from advkit.errors import EmptyError, InputError
from advkit.spec_text import Spec, only


def load_csv(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the images in the column ``path``, with the labels in the column ``label``.

    Paths are relative to ``root``, by default the directory of the table; paths outside of it are
    refused. Labels are integers, or names, numbered in sorted order or by ``class_map``. Raises
    InputError, EmptyError, UsageError, UnsafeError.
    """
    only(spec, (*OPTIONS, "path", "label", "root", "class_map"))
    table, manner = Path(spec.ref), manner_of(spec, shape)
    path, label = spec.query.get("path", "path"), spec.query.get("label", "label")
    lines = read_label_table(table, path, label, f"name them: csv:{table}?path=...&label=...")
    if not lines:
        raise EmptyError(f"{table} has no rows", "a line for each picture, below the names")
    root = Path(spec.query.get("root", table.parent))
    labels, names = numbered([label for _, label in lines], spec.query.get("class_map"), str(table))
    places = [inside(root, name, f"row {i} of {table}") for i, (name, _) in enumerate(lines, 2)]
    kept = chosen(labels, limit)
    rows = [Row(lines[i][0], labels[i], partial(Path, places[i])) for i in kept]
    _check_unique([row.id for row in rows], table)
    return read_rows(rows, manner, spec.text, names)


def _check_unique(ids: list[str], table: Path) -> None:
    twice = next((name for name in ids if ids.count(name) > 1), None) \
        if len(set(ids)) < len(ids) else None  # fmt: skip
    if twice is not None:
        raise InputError(f"{table} lists {twice} twice", "list each picture once")
