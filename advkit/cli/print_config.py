"""`--print-config`: every option with its value and origin, as a config file."""

import json
from typing import Any

import click
from click.core import ParameterSource

from advkit.cli.config_file import Setting, key_of, options_of
from advkit.cli.parameters import Band, Radius
from advkit.numbers import Relative, in_decibels

FROM = {
    ParameterSource.COMMANDLINE: "command line",
    ParameterSource.DEFAULT: "default",
    ParameterSource.PROMPT: "typed",
}


def effective(context: click.Context, found: dict[str, Setting]) -> str:
    """Return a TOML file with the same effect as the command line."""
    options = options_of(context.command)
    rows = [(_line(context, option), _source(context, option, found)) for option in options]
    width = min(max(len(line) for line, _ in rows), 60)
    lines = [f"{line:<{width}}  # {source}" for line, source in rows]
    return "\n".join([f"[{context.info_name}]", *lines])


def _line(context: click.Context, option: click.Option) -> str:
    text = _toml(_as_typed(context, option))
    return f"{key_of(option)} = {text}" if text else f"# {key_of(option)} ="


def _as_typed(context: click.Context, option: click.Option) -> Any:
    """Return the value as typed where it is not a number: an eps of none, a band."""
    name = str(option.name)
    value = context.params.get(name)
    given = context.get_parameter_source(name) != ParameterSource.DEFAULT
    if isinstance(option.type, Radius) and value is None and given:
        return "none"
    return "-".join(map(str, value)) if isinstance(option.type, Band) and value else value


def _source(context: click.Context, option: click.Option, found: dict[str, Setting]) -> str:
    source = context.get_parameter_source(str(option.name))
    if source == ParameterSource.DEFAULT_MAP and option.name in found:
        return str(found[option.name].file)
    if source == ParameterSource.DEFAULT_MAP:
        return "-q"
    if source == ParameterSource.ENVIRONMENT:
        return f"environment: {option.envvar}"
    return FROM.get(source or ParameterSource.DEFAULT, "default")


def _toml(value: Any) -> str:
    """Return the value in TOML; empty for none."""
    if value is None or value == ():
        return ""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Relative):
        return f'"{in_decibels(value)}"'
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
