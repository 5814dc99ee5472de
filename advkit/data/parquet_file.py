"""``parquet:FILE?image=image&label=label``: images in a Parquet file, or in a folder of them."""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from advkit.data.class_map import numbered
from advkit.data.picture_rows import OPTIONS, Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.data.stratified import chosen
from advkit.errors import EmptyError, InputError
from advkit.models.extras import extra
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, only

WAYS = (*OPTIONS, "image", "label", "class_map")


def load_parquet(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return the images in the column ``image`` with the labels of the column ``label``.

    A cell is the content of an image file, or has it in its field ``bytes``, as Hugging Face writes
    it; a path alone is refused. Raises InputError, EmptyError, UsageError.
    """
    only(spec, WAYS)
    place = Path(spec.ref)
    if not place.exists():
        raise missing(place)
    files = [place] if place.is_file() else sorted(place.rglob("*.parquet"))
    return read_parquet(spec, files, limit, shape)


def read_parquet(
    spec: Spec, files: Sequence[Path], limit: int | None, shape: tuple[int, ...] | None
) -> Samples:
    """Return the images in ``files``, which have the same columns, as `load_parquet` does."""
    manner = manner_of(spec, shape)
    if not files:
        raise EmptyError(f"{spec.ref} has no .parquet file", "there is nothing to evaluate")
    table = _opened(files)
    image, label = columns_of(spec, table.schema.names)
    found = table.to_table(columns=[label]).column(label).to_pylist()
    labels, names = labels_of(found, _names(table.schema, label), spec)
    kept = chosen(labels, limit)
    cell, stem = _cells(table, image), Path(spec.ref).stem
    rows = [Row(f"{stem}/{i}", labels[i], partial(_picture, cell, i, f"{stem}/{i}")) for i in kept]
    return read_rows(rows, manner, spec.text, names)


def columns_of(spec: Spec, there: Sequence[str]) -> tuple[str, str]:
    """Return the names of the columns of images and labels; raises InputError."""
    image, label = (spec.query.get(key, key) for key in ("image", "label"))
    for column in (image, label):
        if column not in there:
            raise InputError(
                f"{spec.ref} has no column {column!r}, but {', '.join(there)}",
                f"name them: {spec.scheme}:{spec.ref}?image=...&label=...",
            )
    return image, label


def labels_of(
    found: Sequence[object], names: Sequence[str], spec: Spec
) -> tuple[list[int], Sequence[str]]:
    """Return the indices of labels, and the names of the classes: ``names``, or `numbered`."""
    for place, each in enumerate(found):
        if not isinstance(each, int | str) or (isinstance(each, int) and each < 0):
            raise InputError(
                f"the label {each!r} in row {place} of {spec.ref} is neither a whole number from "
                "0 up nor a name",
                "remove rows without a class",
            )
    own = spec.query.get("class_map")
    if names and own is not None:
        found = [names[each] if isinstance(each, int) else each for each in found]
    labels, told = numbered([str(each) for each in found], own, spec.ref)
    return labels, told or names


def content(cell: Any, where: str) -> bytes:
    """Return the image file in a cell: bytes, or a struct with a field of that name."""
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(data, bytes):
        kind = "a path alone" if isinstance(cell, dict) else f"a {type(cell).__name__}"
        raise InputError(
            f"{where} is {kind}, not the content of a picture", "save the bytes of the files"
        )
    return data


def _cells(table: Any, column: str) -> Callable[[int], Any]:
    """Return a function from a row to its cell; it caches the last row group."""
    groups = [group for file in table.get_fragments() for group in file.split_by_row_group()]
    # Not count_rows(): for one group it returns the rows of the whole file.
    ends = list(accumulate(group.row_groups[0].num_rows for group in groups))

    @lru_cache(maxsize=1)
    def cells_of(group: int) -> Any:
        return groups[group].to_table(columns=[column]).column(column)

    def cell(row: int) -> Any:
        group = bisect_right(ends, row)
        return cells_of(group)[row - (ends[group - 1] if group else 0)].as_py()

    return cell


def _picture(cell: Callable[[int], Any], place: int, where: str) -> bytes:
    return content(cell(place), where)


def _opened(files: Sequence[Path]) -> Any:
    dataset = extra("pyarrow.dataset", of="parquet", by="parquet:")
    try:
        return dataset.dataset([str(file) for file in files], format="parquet")
    except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError
        told = str(error).splitlines()[0]
        raise InputError(f"{files[0]} is not a Parquet file: {told}", "write it again") from error


def _names(schema: Any, label: str) -> list[str]:
    """Return the class names that Hugging Face writes into the file, if any."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        return list(map(str, about["info"]["features"][label]["names"]))
    except (KeyError, TypeError, ValueError):
        return []
