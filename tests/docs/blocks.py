"""Fenced blocks of a page, and the commands of a block line by line."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(\w*)(?: title=\"(.+?)\")?\n(.*?)^\1```$", re.S | re.M)
SNIPPET = re.compile(r'^--8<-- "([^":]+)"$', re.M)
SHELL = {"|", ">", ">>", "<", "&&", "&", ";", "(", ")", "()"}


class Block(NamedTuple):
    """A fenced block: its first line, its language, its file name, if any, and its text."""

    line: int
    language: str
    title: str
    text: str


def documents() -> list[str]:
    """Return the names of all documents."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(file.relative_to(ROOT)) for file in files)


def pages() -> list[str]:
    """Return the names of the documents with blocks."""
    return [name for name in documents() if "```" in (ROOT / name).read_text("utf-8")]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order, with included files inserted."""
    text = (ROOT / page).read_text("utf-8")
    found = [
        Block(text.count("\n", 0, at.start()) + 1, at[2], at[3] or "", _flush(at[4], len(at[1])))
        for at in FENCE.finditer(text)
    ]
    assert 2 * len(found) == len(re.findall(r"^ *```", text, re.M)), f"{page}: an odd fence"
    return found


def _flush(text: str, indent: int) -> str:
    text = re.sub(rf"^ {{{indent}}}", "", text, flags=re.M) if indent else text
    return SNIPPET.sub(lambda at: (ROOT / at[1]).read_text("utf-8"), text)


def lines(text: str) -> list[str]:
    """Return the commands of a block, with continued lines joined and comments removed."""
    joined = re.sub(r" *\\\n *", " ", text)
    return [line for line in map(str.strip, joined.splitlines()) if line and line[0] != "#"]


def words(line: str) -> list[str]:
    """Return the words of a command as a shell parses them, without its comment."""
    return shlex.split(line, comments=True)


def needs_a_shell(line: str) -> bool:
    """Whether a command has shell syntax beyond words: a pipe, a redirection, a substitution."""
    parts = shlex.shlex(line, posix=True, punctuation_chars=True)
    parts.whitespace_split = True
    return "$(" in line or not SHELL.isdisjoint(parts)


def in_yaml(value: object) -> list[str]:
    """Return the advkit commands in parsed YAML."""
    if isinstance(value, dict):
        return [line for one in value.values() for line in in_yaml(one)]
    if isinstance(value, list):
        return [line for one in value for line in in_yaml(one)]
    return [str(value)] if str(value).startswith("advkit ") else []
