"""Options that have no effect in a request: click knows which of them were typed."""

import click
from click.core import ParameterSource

from advkit.cli.config_file import key_of
from advkit.errors import UsageError


def refuse_typed(*names: str, why: str, hint: str) -> None:
    """Raise UsageError if an option of the running command, one of ``names``, was typed.

    ``why`` goes on after the option: 'without --eps'. What is of a file or of the environment is
    taken: a file of --print-config holds every option.
    """
    context = click.get_current_context()
    for option in context.command.params:
        typed = context.get_parameter_source(str(option.name)) == ParameterSource.COMMANDLINE
        if typed and option.name in names and isinstance(option, click.Option):
            value = "" if option.is_flag else f" {context.params[str(option.name)]}"
            raise UsageError(f"--{key_of(option)}{value} has no effect {why}", hint, code="E207")
