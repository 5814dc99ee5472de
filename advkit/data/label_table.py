"""CSV tables of files and their labels."""

import csv
from pathlib import Path

from advkit.errors import InputError, UnsafeError
from advkit.models.load_gate import missing


def read_label_table(table: Path, file: str, label: str, hint: str) -> list[tuple[str, str]]:
    """Return the columns ``file`` and ``label`` of each row of ``table``.

    ``hint`` says what to do if one of them is missing. Raises InputError.
    """
    if not table.is_file():
        raise missing(table)
    try:
        reader = csv.DictReader(table.read_text("utf-8-sig").splitlines())
        seen, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, OSError, csv.Error) as error:
        raise InputError(
            f"{table} is not a table in UTF-8: {error}", "save it as CSV in UTF-8", code="E307"
        ) from error
    for column in (file, label):
        if column not in seen:
            told = f"{table} has no column {column!r}, but {', '.join(seen) or 'none'}"
            raise InputError(told, hint, code="E307")
    for number, row in enumerate(rows, 2):
        if not row[file] or not row[label]:
            raise InputError(
                f"row {number} of {table} is not complete", f"give a {file} and a label",
                code="E307",
            )  # fmt: skip
    return [(row[file], row[label].strip()) for row in rows]


def inside(root: Path, name: str, where: str) -> Path:
    """Return ``root`` / ``name``; raises UnsafeError if that is outside of ``root``."""
    place, top = (root / name).resolve(), root.resolve()
    if top not in place.parents:
        raise UnsafeError(
            f"{where} names {name!r}, which is outside {root}; it was not opened",
            "keep the files below the directory, or give it by root=DIR",
        )
    return place
