"""Options from TOML files: a table per command, with the long option names as keys.

The command line and the environment override files, files override defaults. Priority among files:
--config, ./advkit.toml, advkit/config.toml in the user's configuration directory.
"""

import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import click

from advkit.errors import InputError, UsageError, did_you_mean
from advkit.user_folder import user_folder

NEVER = ("config", "print_config", "help")  # not allowed in files

FOUND = Path("advkit.toml")
SCHEMES = ("audio", "bundled", "csv", "efficientnet-lite", "endpoint", "hf", "http", "https",
           "imagefolder", "npz", "parquet", "timm", "torchvision")  # fmt: skip
CODE = re.compile(
    r"(?:predict:)?(?:[^?]*\.py:.*|([A-Za-z_][\w.]*):[A-Za-z_]\w*(?:\?.*)?)", re.DOTALL
)
"""The user's file or module, and the name to call in it."""


class Setting(NamedTuple):
    """The value of one option, and its file."""

    value: Any
    file: Path


def config_files(asked: Path | None) -> list[Path]:
    """Return the existing files, by rising priority; raises InputError if ``asked`` is missing."""
    if asked is not None and not asked.is_file():
        raise InputError(f"--config {asked} is not a file", "check the path", code="E301")
    folder = user_folder()
    usual = ([folder / "config.toml"] if folder else []) + [FOUND]
    return [file for file in usual if _is_there(file)] + ([asked] if asked else [])


def _is_there(file: Path) -> bool:
    """Return whether ``file`` is a file; not so in the home of another user, who hides it."""
    try:
        return file.is_file()
    except PermissionError:
        return False


def settings(
    command: click.Command, context: click.Context, commands: Collection[str], asked: Path | None
) -> dict[str, Setting]:
    """Return the settings of ``command`` in the files, by the names of its parameters.

    Raises UsageError with file and line for invalid TOML, for a table that is none of ``commands``,
    a key that is no option of the command, and a value of the wrong type.
    """
    known = {key_of(option): option for option in options_of(command)}
    found: dict[str, Setting] = {}
    for file in config_files(asked):
        text, tables = _parsed(file)
        for name in tables:
            if name not in commands or not isinstance(tables[name], dict):
                hint = f"a table per command, such as [audit]; {did_you_mean(name, commands)}"
                raise _wrong(file, text, name, "", "is no table of a command", hint)
        name = str(context.info_name)
        for key, value in tables.get(name, {}).items():
            if key not in known:
                hint = did_you_mean(key, known)
                raise _wrong(file, text, key, name, f"is no option of advkit {name}", hint)
            taken = _taken(known[key], context, value)
            if isinstance(taken, str):
                raise _wrong(file, text, key, name, f"= {value!r}: {taken}", f"see --{key} in "
                             f"advkit {name} --help")  # fmt: skip
            trusted = file != FOUND or (asked is not None and file.samefile(asked))
            code = None if trusted else _code(taken[0])
            if code:
                why = f"= {code!r} is code, which a file that is found by itself may not run"
                hint = f"type it, or say that you trust the file: --config {file}"
                raise _wrong(file, text, key, name, why, hint)
            found[str(known[key].name)] = Setting(*taken, file)
    return found


def options_of(command: click.Command) -> list[click.Option]:
    """Return the options of a command that are allowed in a file.

    Options that permit untrusted code (--allow-...) are accepted on the command line only.
    """
    return [
        option for option in command.params
        if isinstance(option, click.Option) and option.name not in NEVER
        and not str(option.name).startswith("allow_")
    ]  # fmt: skip


def key_of(option: click.Option) -> str:
    """Return the key of an option: its long name without dashes."""
    return max(option.opts, key=len).lstrip("-")


def _parsed(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", code="E302") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "TOML: a [table] per command, then key = value; texts in quotes"
        raise UsageError(f"{file} is not valid TOML: {error}", hint, code="E209") from error


def _wrong(file: Path, text: str, key: str, table: str, why: str, hint: str) -> UsageError:
    return UsageError(f"{file}:{_line(text, key, table)}: {key} {why}", hint, code="E209")


def _line(text: str, key: str, table: str) -> int:
    """Return the line of ``key`` in ``table``, or of the table itself; 1 if unclear."""
    word, begun = re.escape(key), not table
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        begun = head[1] == table if head and table else begun
        if (head and head[1] == key) or (begun and re.match(rf"\s*[\"']?{word}[\"']?\s*=", line)):
            return number
    return 1


def _code(value: Any) -> str | None:
    """Return the part of a value that names code: entering a directory must not run its files."""
    for part in value if isinstance(value, list) else [value]:
        found = CODE.fullmatch(part) if isinstance(part, str) else None
        if found and found[1] not in SCHEMES:
            return str(part)
    return None


def _taken(option: click.Option, context: click.Context, value: Any) -> tuple[Any] | str:
    """Return the value in click's form, or why it is invalid."""
    plain = (str, int, float)
    values = value if isinstance(value, list) else [value]
    if option.is_flag or option.count:
        if not isinstance(value, bool if option.is_flag else int):
            return "write true or false" if option.is_flag else "write a whole number"
        return (value,)
    if any(isinstance(one, bool) or not isinstance(one, plain) for one in values):
        return "write a text, a number, or a list of them"
    texts = [str(one) for one in values]
    given = texts if option.multiple or option.nargs != 1 else ",".join(texts)
    try:
        option.type_cast_value(context, given)
    except click.BadParameter as error:
        return error.message
    return (given,)
