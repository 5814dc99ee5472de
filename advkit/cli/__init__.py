"""The command line. Commands are imported when they are called: `--help` waits for nothing."""

import os
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from advkit import __version__
from advkit.cli.common_options import with_common_options
from advkit.cli.failures import guarded
from advkit.cli.said_twice import check_said_once
from advkit.errors import UsageError, did_you_mean

GROUPS = {
    "Audit": {
        "audit": "Measure how easily a classifier is fooled; write a report.",
        "certify": "Prove for which images no perturbation within eps exists.",
        "compare": "Compare two audits of the same images, image by image.",
        "report": "Render a finished run again: page, Markdown, JUnit, CSV, model card.",
        "index": "Write one page of all audits, the most robust first.",
        "figures": "Draw the figures of a run for print.",
    },
    "Attack": {
        "attack": "Run one attack on all images; save the examples and a table.",
        "transfer": "Make examples on one net and show them to others.",
        "speech": "Make a recogniser of words mishear; a page to listen to.",
    },
    "Understand": {
        "linearity": "Show why linear models are fooled, and how linear nets are; write a page.",
        "explain": "Show where a net looks, by several methods, and whether to believe them.",
        "gallery": "Make one page of all that a model sees.",
        "visualize": "Show what a net takes most for a class, or what excites a neuron.",
        "invert": "Find images again from the codes of inner layers.",
        "fool": "Make images of nothing that a net is certain of.",
        "embed": "Lay images out by what a net makes of them, layer by layer.",
        "dream": "Make what a layer sees in an image stronger.",
        "style": "Paint one image in the textures of others.",
    },
    "Models and data": {
        "inspect": "Tell what a model is and what is wrong with it: the first thing to run.",
        "train": "Train a small classifier, standard or adversarially.",
        "convert": "Turn a file that can run code into one that cannot, in a sandbox.",
        "trust": "Say which files that can run code may be loaded.",
        "ls": "List attacks, models, data, methods and norms.",
    },
    "Runs": {
        "show": "Tell all about one attack, or how far a run is.",
        "resume": "Go on with a run that was stopped.",
        "retry": "Try the units of a run again that were given up.",
        "merge": "Put the shards of a run together, and finish it.",
    },
    "Help": {
        "doctor": "Tell whether this machine has what audits need, and try a small one.",
        "explain-error": "Tell what an error code such as E203 means, and what to do.",
        "completion": "Print the completion script of bash, zsh or fish.",
    },
}
COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}


class LazyGroup(click.Group):
    """A group that knows the names and one-line helps of its commands, and imports on call."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; raises UsageError for an unknown one."""
        completing = "_ADVKIT_COMPLETE" in os.environ
        if cmd_name not in COMMANDS and completing:
            return None
        if cmd_name not in COMMANDS:
            hint = "advkit --help" if cmd_name == "help" else did_you_mean(cmd_name, COMMANDS)
            raise UsageError(f"there is no command {cmd_name!r}", hint, code="E201")
        if completing:
            from advkit.cli.completion_table import stub

            return stub(cmd_name)
        module = cmd_name.replace("-", "_")
        command = getattr(import_module(f"advkit.cli.{module}"), module)
        assert isinstance(command, click.Command)  # noqa: S101
        return with_common_options(command, COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; raises UsageError where an option of one value is given two."""
        name, command, words = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            check_said_once(command, ctx, words)
        return name, command, words

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so; click would import each for its help."""
        found = click.Command.shell_complete(self, ctx, incomplete)
        return found + [CompletionItem(name, help=about) for name, about in sorted(COMMANDS.items())
                        if name.startswith(incomplete)]  # fmt: skip

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, by what they are for, without importing them."""
        wide = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(wide), about) for name, about in commands.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ADVKIT"},
)
@click.version_option(__version__, prog_name="advkit")
@click.option("-v", "--verbose", count=True, help="Tell each step; -vv where an error came from.")
@click.option("-q", "--quiet", is_flag=True, help="Results and errors only.")
@click.option(
    "--log-file", type=click.Path(path_type=Path), help="Write all steps to this file as well."
)
@click.pass_context
def cli(context: click.Context, /, **_common: object) -> None:
    """How easily is a classifier fooled, and can that answer be trusted?

    \b
    Examples:
      advkit audit
      advkit audit --model ./net.py:make --data imagefolder:photos --eps 4/255
      advkit attack ddn --norm L2
      advkit ls attacks
      advkit audit --help
      ADVKIT_AUDIT_DEVICE=cpu advkit audit --config ours.toml --print-config
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


def main() -> None:
    """Run the command line and leave with its exit code."""
    guarded(cli)
