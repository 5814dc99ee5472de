"""The examples in the help of every command: all are parsed, and one is executed."""

import re

import click
import pytest

from advkit.cli import COMMANDS, cli
from tests.docs.blocks import needs_a_shell, words
from tests.docs.left_out import reason
from tests.docs.running import Page, parsed

ALREADY = {"train": "kept small in the workbench, where it makes the model of every page"}
"""Commands of which no example is executed here, and why."""
NOT_FIRST = {"advkit resume"}
"""There is no unfinished run on the workbench, but one that has ended."""


def examples(command: str) -> list[str]:
    """Return the commands of the examples in a help text, continued lines put together."""
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    text = (found.epilog or "") + (found.help or "")
    part = text.partition("Examples:\n")[2].partition("\n\n")[0].replace("\\\n", " ")
    return [re.sub(r" {2,}(?!-).*$", "", line.strip()) for line in part.splitlines()
            if re.match(r"  (\w+=\S+ )?advkit ", line)]  # fmt: skip


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_examples_of_help(command: str, page: Page) -> None:
    found = examples(command)
    assert found, "no example"
    plain = [line for line in found if not needs_a_shell(line) and words(line)[0] == "advkit"]
    for line in plain:
        parsed(words(line)[1:])
    runs = [line for line in found if not reason(line) and line not in NOT_FIRST]
    if command not in ALREADY:
        page.command(runs[0])
