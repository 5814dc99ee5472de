"""Content and speed of `--help`; options with the same name in every command."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import click
import pytest

from advkit.cli import COMMANDS, GROUPS
from advkit.cli import cli as group
from tests.cli.run_cli import ROOT, Cli

OF_MANY = {
    "--attack": "a command takes one attack or several",
    "--eps": "a command takes one radius, a list of them, or a plain number",
    "--layer": "explain looks at one, others take several",
    "--method": "of bounds (one) or of maps (several)",
    "--model": "studies of several nets take several",
    "--picture": "only invert takes several",
    "--step": "of training in eps, of dreams in pixels",
    "--output": "convert writes one file",
    "-o": "convert writes one file",
}
"""Options that differ between commands in what they take, and why."""


def options(command: str) -> list[click.Option]:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    return [each for each in found.params if isinstance(each, click.Option)]


def test_the_help_lists_every_command_in_its_group(cli: Cli) -> None:
    told = cli("--help").out
    places = [told.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    for (title, commands), start, end in zip(
        GROUPS.items(), places, [*places[1:], None], strict=True
    ):
        listed = [line.split()[0] for line in told[start:end].splitlines()[2:] if line[2:3].strip()]
        assert listed == list(commands), title


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_examples_and_says_what_every_option_is(cli: Cli, command: str) -> None:
    told = cli(command, "--help").out
    assert f"advkit {command}" in told.partition("Examples:")[2], "no example"
    assert [each.opts for each in options(command) if not each.help] == []


def test_an_option_is_of_one_kind_in_all_commands() -> None:
    kinds: dict[str, set] = defaultdict(set)
    for command in COMMANDS:
        for each in options(command):
            for name in each.opts:
                kinds[name].add((type(each.type).__name__, each.multiple, each.is_flag))
    assert {name for name, found in kinds.items() if len(found) > 1} == set(OF_MANY)


def test_help_answers_at_once_and_without_torch() -> None:
    code = (
        "import sys, time; t = time.perf_counter();"
        "sys.argv = ['advkit', '--help'];"
        "import advkit.cli;\n"
        "try: advkit.cli.main()\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules;"
        "assert time.perf_counter() - t < 0.5\n"
        "from advkit.cli import COMMANDS, cli\n"
        "for each in COMMANDS:\n"
        "    assert cli.get_command(None, each) and 'torch' not in sys.modules, each"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_stands_in_the_readme(
    cli: Cli, command: str
) -> None:
    result = cli(command, "--help")
    assert result.code == 0
    assert "Examples:" in result.out
    assert f"advkit {command}" in (ROOT / "README.md").read_text()


def test_an_unknown_command_is_answered_with_the_nearest(cli: Cli) -> None:
    result = cli("audti")
    assert result.code == 2
    assert "audit" in result.err


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    line = f"{sys.executable} -m advkit --help | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
