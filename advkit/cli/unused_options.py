"""Errors for options without effect, if they were typed on the command line."""

import click
from click.core import ParameterSource

from advkit.cli.config_file import key_of
from advkit.errors import UsageError


def refuse_typed(*names: str, why: str, hint: str) -> None:
    """Raise UsageError if one of the options ``names`` was typed on the command line.

    ``why`` follows the option in the message: 'without --eps'. Values from files and the
    environment are ignored: a file of --print-config holds every option.
    """
    context = click.get_current_context()
    for option in context.command.params:
        typed = context.get_parameter_source(str(option.name)) == ParameterSource.COMMANDLINE
        if typed and option.name in names and isinstance(option, click.Option):
            value = "" if option.is_flag else f" {context.params[str(option.name)]}"
            raise UsageError(f"--{key_of(option)}{value} has no effect {why}", hint, code="E207")
