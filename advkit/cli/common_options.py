"""Options of every command: config files, --print-config, verbosity."""

from collections.abc import Collection
from functools import wraps
from pathlib import Path
from typing import Any

import click

from advkit.cli.parameters import Norm

OPTIONS = (
    click.Option(
        ["--config"], type=click.Path(path_type=Path), is_eager=True, metavar="FILE",
        help="Read options from a TOML file with a table per command; ./advkit.toml is always "
             "read.",
    ),
    click.Option(
        ["--print-config"], is_flag=True,
        help="Print every option with its value and source, and exit.",
    ),
    click.Option(
        ["-v", "--verbose"], count=True,
        help="Report each step; -vv everything, and where errors came from.",
    ),
    click.Option(["-q", "--quiet"], is_flag=True, is_eager=True, help="Print only results and "
                                                                      "errors."),
    click.Option(
        ["--log-file"], type=click.Path(path_type=Path),
        help="Also write all steps to this file.",
    ),
)  # fmt: skip
NAMES = [str(option.name) for option in OPTIONS]


def with_common_options(command: click.Command, commands: Collection[str]) -> click.Command:
    """Add the common options to ``command``, one of ``commands``, once."""
    taken = {name for param in command.params for name in param.opts}
    if isinstance(command, click.Group) or "--config" in taken:
        return command
    command.params += [_fresh(option, commands) for option in OPTIONS]
    for param in command.params:
        if isinstance(param, click.Option):
            _name_variable(str(command.name), param)
        if isinstance(param.type, click.Choice) and not isinstance(param.type, Norm):
            param.type.case_sensitive = False  # click would show a norm in lower case in the help
    command.callback = _framed(command)
    return command


def _name_variable(command: str, option: click.Option) -> None:
    """Name the environment variable after the option, not after the function's parameter.

    Options that permit untrusted code (--allow-...) have no variable.
    """
    option.allow_from_autoenv = False
    if not str(option.name).startswith("allow_") and option.name != "print_config":
        words = f"advkit_{command}_{max(option.opts, key=len).lstrip('-')}"
        option.envvar = words.replace("-", "_").upper()


def _fresh(option: click.Option, commands: Collection[str]) -> click.Option:
    from copy import copy

    own = copy(option)
    if own.name == "config":
        own.callback = _configure(commands)
    if own.name == "quiet":
        own.callback = _hush
    return own


def _configure(commands: Collection[str]) -> Any:
    def read(context: click.Context, _param: click.Parameter, asked: Path | None) -> Path | None:
        from advkit.cli.config_file import settings

        found = settings(context.command, context, commands, asked)
        context.meta[f"{__name__}.found"] = found
        _default(context, {name: setting.value for name, setting in found.items()})
        return asked

    return read


def _hush(context: click.Context, _param: click.Parameter, value: bool) -> bool:
    parent = context.parent.params if context.parent else {}
    quiet = value or parent.get("quiet", False)
    if quiet:
        _default(context, {"no_progress": True})
    return quiet


def _default(context: click.Context, values: dict[str, Any]) -> None:
    context.default_map = {**(context.default_map or {}), **values}


def _framed(command: click.Command) -> Any:
    inner = command.callback

    @wraps(inner or _framed)
    def run(**values: Any) -> Any:
        from advkit.cli.verbosity import heard

        context = click.get_current_context()
        own = {name: values.pop(name) for name in NAMES}
        if own["print_config"]:
            return _print(context)
        above = context.parent.params if context.parent else {}
        verbose = own["verbose"] or above.get("verbose", 0)
        with heard(verbose, own["log_file"] or above.get("log_file")):
            _begin(context)
            return inner(**values) if inner else None

    return run


def _begin(context: click.Context) -> None:
    from advkit.cli.print_config import effective
    from advkit.cli.verbosity import LOG

    found = context.meta.get(f"{__name__}.found", {})
    for file in dict.fromkeys(setting.file for setting in found.values()):
        LOG.info("options from %s", file)
    for line in effective(context, found).splitlines():
        LOG.debug(line)


def _print(context: click.Context) -> None:
    from advkit.cli.failures import say
    from advkit.cli.print_config import effective

    say(effective(context, context.meta.get(f"{__name__}.found", {})))
