"""The run that a directory holds already: which command made it, and whether this one may go on."""

from pathlib import Path
from typing import Any

from advkit.errors import InputError
from advkit.evaluate.record_fields import Schema, check_fields
from advkit.evaluate.run_folder import read_json

VERSION = 1
"""The version of the schemas of all runs, as in advkit/audit/1."""
TEXT = {"type": "string"}
RECORD: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("schema", "kind", "command", "started", "finished"), TEXT),
        "made_of": {"type": "object"},
        "data": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "methods": {"type": "array", "items": {"type": "object", "required": ["label", "refused"]}},
        "items": {"additionalProperties": {
            "type": "object", "required": ["files"],
            "properties": {"files": {"type": "object", "additionalProperties": TEXT}},
        }},
    },
}  # fmt: skip
"""The fields of any `run.json`, finished or not, that a resumed run or its progress depends on."""


def record_of(folder: Path) -> dict[str, Any]:
    """Return the record of the run in ``folder``, {} if there is none; raises InputError."""
    found = read_json(folder, "run.json")
    return {} if found is None else _checked(found, folder)


def _checked(found: Any, folder: Path) -> dict[str, Any]:
    check_fields(found, RECORD, folder / "run.json")
    return dict(found)


def _unchecked(out: Path, *, fresh: bool) -> Any:
    """Return what `run.json` holds, None if there is none, or with ``fresh`` if it is no JSON."""
    try:
        return read_json(out, "run.json")
    except InputError:
        if fresh:
            return None
        raise


def earlier(out: Path, *, fresh: bool, **kind: str) -> dict[str, Any] | None:
    """Return the record of the run in ``out``; None if there is none, or with ``fresh``.

    Raises InputError if it is not a run of this ``kind`` (schema and kind in its record): --fresh
    may replace only runs of the same command.
    """
    found = _unchecked(out, fresh=fresh)
    check_version(found, out)
    if found is not None and not (isinstance(found, dict) and kind.items() <= found.items()):
        raise _another_kind(out)
    return None if fresh or found is None else _checked(found, out)


def check_own(out: Path, command: str, *, fresh: bool) -> None:
    """Raise InputError if ``out`` holds a run with a ledger of another command or a newer advkit.

    ``command`` is audit, attack or certify, '' for any; see `earlier`. With ``fresh``, a run of
    this command by a newer advkit may be discarded.
    """
    found = _unchecked(out, fresh=fresh)
    if found is not None and command and _command_of(found) != command:
        raise _another_kind(out)
    if not fresh and found is not None:
        check_version(found, out)
        _checked(found, out)


def check_version(record: Any, folder: Path) -> None:
    """Raise InputError if ``record``, that of the run in ``folder``, is by a newer advkit."""
    schema = record.get("schema") if isinstance(record, dict) else None
    name, _, version = str(schema).rpartition("/")
    if name.startswith("advkit/") and version.isdecimal() and int(version) > VERSION:
        raise InputError(
            f"the run in {folder} is by a newer advkit: its summary is {schema}, this one reads "
            f"{name}/{VERSION}",
            "update advkit, or give another run directory",
            code="E313",
        )


def _command_of(record: Any) -> str:
    """Return the command that made a run: from the schema, or from ``made_of`` if unfinished."""
    if not isinstance(record, dict):
        return ""
    name = str(record.get("schema", "")).removeprefix("advkit/").partition("/")[0]
    made_of = record.get("made_of")
    name = name or str(made_of.get("kind", "audit") if isinstance(made_of, dict) else "audit")
    return {"shard": "audit", "smooth": "certify", "query": "transfer"}.get(name, name)


def maker(record: Any) -> str:
    """Return the command that wrote the record of a run, in words."""
    name = _command_of(record)
    return {"pictures": "a picture command", "": "another tool"}.get(name, f"advkit {name}")


def _another_kind(out: Path) -> InputError:
    return InputError(f"--out {out} holds another kind of run", "give another --out", code="E311")
