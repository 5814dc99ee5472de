"""Every block of the documents is executed, in order, page by page."""

import functools
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from advkit.cli import cli as commands
from advkit.models.endpoint_spec import endpoint_of
from advkit.spec_text import parse_spec
from tests.docs.blocks import ROOT, Block, blocks, documents, in_yaml, lines, pages, words
from tests.docs.left_out import LEFT_OUT, reason
from tests.docs.running import Page, parsed
from tests.docs.small import LESS

BUILT = "docs/samples.md"  # in test_built_manual.py
TREES = {"docs/design.md"}  # pages whose plain block is a tree of files


@pytest.mark.parametrize("name", sorted({*pages()} - {BUILT}))
def test_every_block_of_a_page_is_executed(
    name: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for block in blocks(name):
        for problem in problems(steps(name, block, page, monkeypatch)):
            wrong.append(f"{name}:{block.line}: {problem}")
    assert not wrong, "\n\n".join(wrong)


def problems(todo: Iterator[Any]) -> Iterator[str]:
    """Do what there is to do; yield what went wrong."""
    for step in todo:
        try:
            step()
        except AssertionError as error:
            yield str(error)
        except Exception as error:
            yield f"{type(error).__name__}: {error}"


def steps(name: str, block: Block, page: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield what there is to do for a block."""
    if block.title:
        yield lambda: page.write(block.title, block.text)
        if block.language == "toml":
            yield lambda: endpoint_of(parse_spec(f"endpoint:{block.title}"))
    elif block.language == "python":
        yield lambda: page.python(block.text)
    elif block.language == "text":
        yield lambda: page.shown(block.text)
    elif block.language == "toml":
        yield lambda: settings(block.text, page, monkeypatch)
    elif name in TREES:
        yield lambda: tree(block.text)
    else:
        yaml_block = block.language == "yaml"
        assert yaml_block or block.language == "", f"{name}:{block.line}: {block.language}"
        found = in_yaml(yaml.safe_load(block.text)) if yaml_block else lines(block.text)
        assert found, f"{name}:{block.line}: nothing to execute"
        for line in found:
            yield functools.partial(parse if reason(line) else page.command, line)


def settings(text: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands of a config file say what they make of it."""
    page.write("ours.toml", text)
    for name in LESS:
        monkeypatch.delenv(name)  # which would win
    for command, table in tomllib.loads(text).items():
        before = len(page.printed)
        page.command(f"advkit {command} --config ours.toml --print-config")
        told = page.printed[before:]
        for key in table:
            assert re.search(rf"^{key} = .*# ours.toml", told, re.M), key


def tree(text: str) -> None:
    names = {path.name for path in ROOT.rglob("*") if ".git" not in path.parts}
    named = re.findall(r"^ *(\w+\.py|\w+(?=/))|(\w+\.py)(?=[:,; ]|$)", text, re.M)
    missing = {one or other for one, other in named} - names
    assert not missing, f"no such files: {missing}"


def parse(line: str) -> None:
    """Hold a command that is not executed to the options that there are."""
    for said in asked(words(line)):
        parsed(said)
    for target in re.findall(r"^make (\w+)", line):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()
    for extras in re.findall(r"advkit\[([\w,]+)\]", line):
        held = ConfigParser()
        held.read(ROOT / "setup.cfg")
        assert set(extras.split(",")) <= set(held["options.extras_require"])
    for module in re.findall(r"-m (advkit\.benchmarks\.\w+)", line):
        spec = importlib.util.find_spec(module)
        assert spec, module
        known_options(line, Path(str(spec.origin)))
    for file in re.findall(r"python (benchmarks/peers/\w+\.py)", line):
        known_options(line, ROOT / file)


def asked(said: list[str]) -> Iterator[list[str]]:
    """Yield the words after each `advkit` in a command, also of one that is an argument."""
    if said[0] in ("advkit", "torchrun"):
        yield said[said.index("advkit") + 1 :]
    for word in said:
        if word.startswith("advkit "):
            yield shlex.split(word)[1:]


def known_options(line: str, file: Path) -> None:
    text = "".join(each.read_text("utf-8") for each in [file, *file.parent.glob("*arguments*.py")])
    unknown = [word for word in words(line) if word.startswith("--") and f'"{word}"' not in text]
    assert not unknown, f"{file.name} knows no {unknown}"


def test_what_is_left_out_is_there() -> None:
    said = [line for name in pages() for block in blocks(name) for line in lines(block.text)]
    for part in LEFT_OUT:
        assert any(part in line for line in said), f"nothing is left out by {part!r}"


@pytest.mark.parametrize("name", documents())
def test_commands_in_the_text_have_the_options_that_they_name(name: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text("utf-8"), flags=re.S)
    for line in re.findall(r"`advkit ([a-z][^`]*)`", text):
        said = line.replace("\n", " ").split()
        known = commands.get_command(click.Context(commands), said[0])
        assert known is not None, line
        options = {
            option for param in known.params for option in (*param.opts, *param.secondary_opts)
        }
        unknown = [
            word for word in said if re.match(r"--\w", word) and word.split("=")[0] not in options
        ]
        assert not unknown, f"{name}: advkit {line}"
