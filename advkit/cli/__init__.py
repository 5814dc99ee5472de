"""The command line. Commands are imported only when they are called, so that `--help` is fast."""

import os
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from advkit import __version__
from advkit.cli.common_options import with_common_options
from advkit.cli.failures import guarded
from advkit.cli.repeated_options import check_said_once
from advkit.errors import UsageError, did_you_mean

GROUPS = {
    "Audit": {
        "audit": "Measure how easily a classifier is fooled; write a report.",
        "certify": "Prove for which images no perturbation within eps exists.",
        "compare": "Compare two audits on the same images, image by image.",
        "report": "Export a finished run: page, Markdown, JUnit, CSV, model card.",
        "index": "Write one page that ranks all audits, most robust first.",
        "figures": "Export the figures of a run for print.",
    },
    "Attack": {
        "attack": "Run one attack on all images; save the examples and a table.",
        "transfer": "Make adversarial examples on one net and try them on others.",
        "speech": "Make a speech classifier mishear words; write a page with audio.",
    },
    "Understand": {
        "linearity": "Show why linear models are fooled, and how linear nets are.",
        "explain": "Show where a net looks, by several methods, and test the maps.",
        "gallery": "Make one page of all pictures for a model.",
        "visualize": "Show what maximises a class score or a neuron's activation.",
        "invert": "Reconstruct images from the codes of inner layers.",
        "fool": "Make meaningless images that a net classifies with confidence.",
        "embed": "Arrange images by a net's codes, layer by layer.",
        "dream": "Amplify what a layer sees in an image (DeepDream).",
        "style": "Paint one image in the style of others.",
    },
    "Models and data": {
        "inspect": "Check a model and its data for mistakes: run this first.",
        "train": "Train a small classifier, standard or adversarially.",
        "convert": "Convert a file that can run code into one that cannot.",
        "trust": "Manage which files that can run code may be loaded.",
        "ls": "List attacks, models, data, methods and norms.",
    },
    "Runs": {
        "show": "Describe an attack, or show the progress of a run.",
        "resume": "Resume an interrupted run.",
        "retry": "Retry the units of a run that were given up.",
        "merge": "Merge the shards of a run, and finish it.",
    },
    "Help": {
        "doctor": "Check whether this machine can run audits.",
        "explain-error": "Explain an error code such as E203, and what to do.",
        "completion": "Print the completion script for bash, zsh or fish.",
    },
}
COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}


class LazyGroup(click.Group):
    """A group with the names and one-line helps of its commands, which imports them on call."""

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
        """Find the command; raises UsageError if an option for one value is given two."""
        name, command, words = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            check_said_once(command, ctx, words)
        return name, command, words

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands with this prefix; click would import each for its help."""
        found = click.Command.shell_complete(self, ctx, incomplete)
        return found + [CompletionItem(name, help=about) for name, about in sorted(COMMANDS.items())
                        if name.startswith(incomplete)]  # fmt: skip

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, grouped by purpose, without importing them."""
        wide = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(wide), about) for name, about in commands.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ADVKIT"},
)
@click.version_option(__version__, prog_name="advkit")
@click.option(
    "-v", "--verbose", count=True, help="Report each step; -vv also where errors came from."
)
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@click.option(
    "--log-file", type=click.Path(path_type=Path), help="Also write all steps to this file."
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
