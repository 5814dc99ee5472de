"""`advkit completion`: what a shell needs to complete commands, options and names."""

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  eval "$(advkit completion bash)"
      for this shell; put it into ~/.bashrc for all
  eval "$(advkit completion zsh)"
  advkit completion fish > ~/.config/fish/completions/advkit.fish
"""

WHOLE_SPECS = {"bash": 'COMP_WORDBREAKS="${COMP_WORDBREAKS//:}"  # bundled:NAME is one word\n'}


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    Commands, options, files, attacks, models, data and methods are completed.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101
    group = click.get_current_context().find_root().command
    # Not source(): it asks the bash that is found, which need not be the one that reads it.
    made = kind(group, {}, "advkit", "_ADVKIT_COMPLETE")
    say(WHOLE_SPECS.get(shell, "") + made.source_template % made.source_vars())
