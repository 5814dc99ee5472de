"""``hf:DIR?split=test``: a data set of Hugging Face on the disk; no script, no download."""

from functools import partial
from pathlib import Path
from typing import Any

from advkit.data.parquet_file import WAYS, columns_of, content, labels_of, read_parquet
from advkit.data.picture_rows import Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.data.shares import chosen
from advkit.errors import InputError, did_you_mean
from advkit.models.extras import extra
from advkit.spec_text import Spec, only

SAVED = ("dataset_dict.json", "state.json")


def load_hugging_face(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return one split of what `Dataset.save_to_disk` wrote, or of a repository of Parquet files.

    ``split`` is test, if there is none by that name the only one. Columns are as in
    `parquet_file.load_parquet`. Raises InputError, EmptyError, UsageError.
    """
    only(spec, (*WAYS, "split"))
    folder = Path(spec.ref)
    if not folder.is_dir():
        raise InputError(
            f"there is no directory {spec.ref}; advkit downloads nothing",
            "get it first: hf download --repo-type dataset ORG/NAME --local-dir DIR, then hf:DIR",
        )
    if any((folder / name).is_file() for name in SAVED):
        return _saved(spec, limit, shape)
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise InputError(
            f"{spec.ref} holds neither what save_to_disk wrote nor .parquet files",
            f"of pictures in folders: imagefolder:{spec.ref}",
        )
    splits = {file.stem.partition("-")[0] for file in files}
    split = _split(spec, sorted(splits))
    return read_parquet(
        spec, [file for file in files if file.stem.partition("-")[0] == split], limit, shape
    )


def _split(spec: Spec, known: list[str]) -> str:
    split = spec.query.get("split", known[0] if len(known) == 1 else "test")
    if split not in known:
        raise InputError(f"{spec.ref} has no split {split!r}", did_you_mean(split, known))
    return split


def _saved(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    manner, found = manner_of(spec, shape), _opened(spec)
    image, label = columns_of(spec, found.column_names)
    names = getattr(found.features[label], "names", None) or []
    table = found.with_format("arrow")
    labels, names = labels_of(table[label][:].to_pylist(), names, spec)
    kept = chosen(labels, limit)
    stem = Path(spec.ref).name
    rows = [
        Row(f"{stem}/{i}", labels[i], partial(_picture, table, image, i, f"{stem}/{i}"))
        for i in kept
    ]  # fmt: skip
    return read_rows(rows, manner, spec.text, names)


def _picture(table: Any, image: str, place: int, where: str) -> bytes:
    return content(table[place].column(image)[0].as_py(), where)


def _opened(spec: Spec) -> Any:
    datasets = extra("datasets", of="hf", by="hf:")
    try:
        found = datasets.load_from_disk(spec.ref)
    except Exception as error:
        told = " ".join(str(error).split())
        raise InputError(f"{spec.ref} cannot be read: {told}", "save it again") from error
    if isinstance(found, dict):
        return found[_split(spec, list(found))]
    return found
