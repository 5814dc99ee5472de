"""Shell completion from a table: importing the real commands would load torch.

`python -m advkit.cli.completion_table` rewrites the table; a test compares it with the commands.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

TABLE = Path(__file__).with_name("completions.json")
WORDS = {
    "attack": "attacks",
    "attacks": "attacks",
    "methods": "methods",
    "model": "models",
    "models": "models",
    "surrogates": "models",
    "data": "data",
}
PLACES = {("attack", "name"): "attacks", ("show", "name"): "attacks", ("certify", "method"): ""}

FILES = (("show", "what"), ("convert", "file"))
"""Arguments that are paths, although click does not know it."""


def words_of(what: str) -> list[str]:
    """Return the names of attacks, data, methods or models, without importing these."""
    return json.loads(TABLE.read_text(encoding="utf-8"))["words"][what]  # type: ignore[no-any-return]


def stub(name: str) -> click.Command:
    """Return a command that can be completed, and does nothing."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return _stub(name, table["commands"][name], table["words"])


def _stub(name: str, about: dict[str, Any], words: dict[str, list[str]]) -> click.Command:
    params = [_param(param, words) for param in about["params"]]
    if "commands" not in about:
        return click.Command(name, params=params)
    inner = {key: _stub(key, each, words) for key, each in about["commands"].items()}
    return click.Group(name, params=params, commands=inner)


def _param(about: dict[str, Any], words: dict[str, list[str]]) -> click.Parameter:
    kinds: dict[str, Any] = {"file": click.Path(), "choice": click.Choice(about.get("values", []))}
    what = about.get("words")
    complete = _among(words[what], or_file=what == "models") if what else None
    kind = kinds.get(about["kind"])
    if about["argument"]:
        return click.Argument(about["names"], type=kind, shell_complete=complete, required=False)
    return click.Option(
        about["names"], type=kind, is_flag=about["kind"] == "flag", help=about["help"],
        multiple=about["multiple"], count=about["kind"] == "count", shell_complete=complete,
    )  # fmt: skip


def _among(known: list[str], *, or_file: bool) -> Callable[..., list[CompletionItem]]:
    def complete(
        _context: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = [CompletionItem(word) for word in known if word.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")] * or_file

    return complete


def table(commands: dict[str, click.Command]) -> dict[str, Any]:
    """Return the table of ``commands``."""
    from advkit.cli.ls import LISTINGS

    names = {what: [row["name"] for row in rows()] for what, rows in LISTINGS.items()}
    wanted = sorted(set(WORDS.values()))
    words = {what: [name for name in names[what] if _is_whole(name)] for what in wanted}
    return {"commands": {n: _row(n, each) for n, each in commands.items()}, "words": words}


def _is_whole(name: str) -> bool:
    """Distinguish a name from a pattern to fill in: npz:FILE, ./file.py:callable."""
    return not any(map(str.isupper, name)) and not name.endswith((":callable", ":function"))


def _row(name: str, command: click.Command) -> dict[str, Any]:
    row: dict[str, Any] = {"params": [_about(name, param) for param in command.params]}
    if isinstance(command, click.Group):
        row["commands"] = {key: _row(key, each) for key, each in command.commands.items()}
    return row


def _about(command: str, param: click.Parameter) -> dict[str, Any]:
    names = [*param.opts]
    if param.secondary_opts:
        names[-1] += "/" + param.secondary_opts[0]
    about: dict[str, Any] = {"argument": isinstance(param, click.Argument), "names": names}
    if isinstance(param, click.Option):
        about |= {"help": (param.help or "").split(". ")[0].rstrip("."), "multiple": param.multiple}
    about["kind"] = "file" if (command, param.name) in FILES else _kind(param)
    if isinstance(param.type, click.Choice):
        about["values"] = list(map(str, param.type.choices))
    about["words"] = PLACES.get((command, str(param.name)), WORDS.get(str(param.name), ""))
    return about


def _kind(param: click.Parameter) -> str:
    if isinstance(param, click.Option) and (param.is_flag or param.count):
        return "count" if param.count else "flag"
    if isinstance(param.type, click.Path | click.File):
        return "file"
    return "choice" if isinstance(param.type, click.Choice) else "text"


def written() -> str:
    """Return the table of all commands as JSON, a line for each."""
    from advkit.cli import COMMANDS, cli

    context = click.Context(cli)
    made = {name: cli.get_command(context, name) for name in sorted(COMMANDS)}
    whole = table({name: command for name, command in made.items() if command})
    rows = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in whole["commands"].items()]
    words = json.dumps(whole["words"])
    return f'{{"words": {words},\n"commands": {{\n' + ",\n".join(rows) + "\n}}\n"


if __name__ == "__main__":
    TABLE.write_text(written(), encoding="utf-8")
