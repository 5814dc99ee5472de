"""Options and output shared by the picture commands."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advkit.cli.failures import say
from advkit.cli.run_options import (
    ARCH,
    DATA,
    DEVICE,
    FRESH,
    JSON,
    MODEL,
    NO_PROGRESS,
    OUT,
    SEED,
    framed,
)

if TYPE_CHECKING:
    from advkit.api.picture_setting import Setting

CODES = """
\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 refused (could run code), 5 no images, 7 out of memory or disk,
  70 a bug, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""
SIZE = click.option(
    "--size", type=click.IntRange(min=8), help="Side of the pictures in pixels.  [default: the "
                                               "net's input size]",
)  # fmt: skip
COMMON = (MODEL, ARCH, DATA, SEED, DEVICE, OUT, FRESH, JSON, NO_PROGRESS)
NAMES = ("model", "arch", "data", "size", "seed", "device", "out", "fresh")


def with_common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command, after its own."""
    for option in reversed(COMMON):
        command = option(command)
    return command


@contextmanager
def setting_of(kind: str, given: dict[str, Any]) -> Iterator["Setting"]:
    """Take the shared options out of ``given``; yield them as a setting, with the frame."""
    from advkit.api.picture_setting import Setting
    from advkit.api.request import model_for

    common = {name: given.pop(name) for name in NAMES if name in given}
    out: Path | None = common.pop("out")
    model = model_for(common.pop("model"), common["data"])
    with framed(
        out, str(model), kind=kind, no_progress=given.pop("no_progress"), unit="step"
    ) as frame:
        yield Setting(model=model, out=frame.folder, command=frame.command,
                      progress=frame.progress, **common)  # fmt: skip


def told(record: dict[str, Any], as_json: bool) -> None:
    """Print the result of a run: its verdict, its tables, the path of the page."""
    if as_json:
        kept = ("kind", "verdict", "lead", "found", "options", "notes", "out", "report", "groups")
        say(json.dumps({name: record[name] for name in kept if name in record}))
        return
    from advkit.cli.layout import columns, paragraph

    found = [paragraph(text, f"{entry}: ") for entry, text in record.get("found", ())]
    lines = [paragraph(record["verdict"]), *(found or [paragraph(record["lead"])]), ""]
    for each in record["groups"]:
        if each.get("table"):
            heads = [name for name, _ in each["table"]["columns"]]
            right = tuple(i for i, (_, numeric) in enumerate(each["table"]["columns"]) if numeric)
            rows = [[_text(value) for value in row] for row in each["table"]["rows"]]
            lines += [each["title"], columns(heads, rows, right=right), ""]
    lines += [paragraph(note, "note:     ") for note in record["notes"]]
    files = record.get("files", "pictures/").removesuffix("/")
    lines += [f"pictures: {record['out']}/{files}", f"report:   {record['report']}"]
    say("\n".join(lines))


def _text(value: str | float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{round(value):,}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}"
