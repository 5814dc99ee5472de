"""`advkit doctor`: check the installation and the machine."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import UntrustedError, say
from advkit.cli.run_options import JSON, NO_PROGRESS

EPILOG = """
\b
Examples:
  advkit doctor
  advkit doctor --no-test --json
      paste this into bug reports
  advkit doctor --out /data/runs --strict
      exit 6 if anything is wrong, for CI
"""


@click.command(epilog=EPILOG)
@click.option("--test/--no-test", default=True, show_default=True,
              help="Test a gradient and run two small audits.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
              help="Directory for runs, checked for space.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Exit 6 if anything is wrong.")
@JSON
@NO_PROGRESS
def doctor(test: bool, out: Path, strict: bool, as_json: bool, no_progress: bool) -> None:
    """Check that this machine can run audits: versions, cores, memory, disk, GPU, kernels, extras.

    Then compare a gradient with finite differences, and audit a net twice with other batch sizes.
    """
    from advkit.api.doctoring import examine
    from advkit.cli.progress import bars

    with bars(no_progress, "step") as progress:
        found = examine(test=test, folder=out, progress=progress)
    say(json.dumps(found, indent=2) if as_json else page(found))
    wrong = [row["name"] for part in ("packages", "machine", "tests") for row in found[part]
             if row["state"] == "fail"]  # fmt: skip
    wrong += [row["name"] for row in found["extras"] if row["broken"]]
    if strict and wrong:
        raise UntrustedError(f"--strict: {', '.join(wrong)}")


def page(found: dict[str, Any]) -> str:
    """Return all findings, for a terminal; advice comes last."""
    from advkit.cli.layout import paragraph

    about = found["environment"]
    lines = [f"advkit {about['advkit']}, Python {about['python']}, {about['platform']}"]
    lines += _part("Packages", found["packages"]) + _part("Machine", found["machine"])
    lines += _part("Self-test", found["tests"])
    lines += [*_part("Extras", [_extra(row) for row in found["extras"]]), ""]
    advice = [paragraph(text, "- ") for text in found["advice"]]
    return "\n".join([*lines, *(["What to do:", *advice] if advice else ["Nothing is wrong."])])


def _extra(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an optional package in the form of a finding."""
    state = "fail" if row["broken"] else "pass" if row["version"] else "not applicable"
    seen = f"{row['version'] or 'not installed'}, for {row['use']}"
    more = f"cannot be imported: {row['broken']}" if row["broken"] else row["get"]
    return {"name": row["name"], "state": state,
            "seen": seen if state == "pass" else f"{seen}; {more}"}  # fmt: skip


def _part(title: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    from advkit.cli.inspect_page import listing

    return ["", title, listing([(row["state"], row["name"], row["seen"]) for row in rows])] \
        if rows else []  # fmt: skip
