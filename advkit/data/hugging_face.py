"""``hf:DIR?split=test``, ``hf:owner/name@revision``: data sets of Hugging Face, without scripts."""

import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from advkit.data.parquet_file import WAYS, columns_of, content, labels_of, read_parquet
from advkit.data.picture_rows import Row, manner_of, read_rows
from advkit.data.samples import Samples
from advkit.data.stratified import chosen
from advkit.errors import InputError, did_you_mean
from advkit.models.extras import extra
from advkit.models.hub_cache import hub_data
from advkit.models.load_gate import missing
from advkit.spec_text import Spec, flag, only

SAVED = ("dataset_dict.json", "state.json")
_SHARD = re.compile(r"-of-0*(\d+)$")


class _Place(NamedTuple):
    config: str
    split: str


def load_hugging_face(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return one split of a data set by `Dataset.save_to_disk`, or of a Parquet repository.

    A folder, or ``owner/name@revision`` in the hub's cache, downloaded only with ``download=true``.
    ``split`` is test, or the only one; ``config`` is required if there are several. Columns are as
    in `parquet_file.load_parquet`. Raises InputError, EmptyError, UsageError.
    """
    only(spec, (*WAYS, "split", "config", "download"))
    if not Path(spec.ref).is_dir():
        return _from_hub(spec, limit, shape)
    if any((Path(spec.ref) / name).is_file() for name in SAVED):
        return _saved(spec, limit, shape)
    return read_parquet(spec, _files(spec, Path(spec.ref)), limit, shape)


def _from_hub(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    repo, _, revision = spec.ref.partition("@")
    if spec.ref.startswith((".", "/")) or repo.count("/") > 1:
        raise missing(Path(spec.ref))
    split = spec.query.get("split", "test" if flag(spec, "download") else "")
    folder = hub_data(repo, [f"*{split}*.parquet"], revision=revision or None,
                      download=flag(spec, "download"), by=spec.text)  # fmt: skip
    # Without the revision, so that ids and random numbers are the same for all revisions.
    found = read_parquet(spec._replace(ref=repo), _files(spec, folder), limit, shape)
    if revision:
        return found
    note = f"{repo} is not pinned to a revision: write {repo}@COMMIT"
    return found._replace(notes=(*found.notes, note))


def _files(spec: Spec, folder: Path) -> list[Path]:
    """Return the Parquet files of one split of one configuration; raises InputError."""
    files = {file: _place(file.relative_to(folder)) for file in sorted(folder.rglob("*.parquet"))}
    if not files:
        raise InputError(
            f"{spec.ref} holds neither what save_to_disk wrote nor .parquet files",
            f"for pictures in folders: imagefolder:DIR; for the hub: "
            f"hf:{spec.ref.partition('@')[0]}@refs/convert/parquet",
        )
    config = _config(spec, sorted({each.config for each in files.values()}))
    split = _split(spec, sorted({each.split for each in files.values() if each.config == config}))
    found = [file for file, each in files.items() if each == (config, split)]
    told = _SHARD.search(found[0].stem)
    if told and int(told[1]) != len(found):
        raise InputError(
            f"of the split {split!r} of {spec.ref} only {len(found)} of {told[1]} files are there",
            "the download was interrupted; get the others",
        )
    return found


def _place(file: Path) -> _Place:
    """Parse config/test-00000-of-00002.parquet, or config/test/0000.parquet (hub)."""
    if file.stem.isdigit() and len(file.parts) > 1:
        return _Place(file.parent.parent.as_posix(), file.parent.name)
    return _Place(file.parent.as_posix(), file.stem.partition("-")[0])


def _config(spec: Spec, known: list[str]) -> str:
    config = spec.query.get("config", known[0])
    if config not in known:
        raise InputError(f"{spec.ref} has no config {config!r}", did_you_mean(config, known))
    if "config" not in spec.query and len(known) > 1:
        raise InputError(
            f"{spec.ref} has several configurations: {', '.join(known)}", "write config=NAME"
        )
    return config


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
