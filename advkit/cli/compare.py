"""`advkit compare`: two audits of the same images, pair by pair."""

import json
from pathlib import Path

import click

from advkit.cli.failures import say
from advkit.cli.run_options import JSON

EPILOG = """
\b
Examples:
  advkit compare runs/standard runs/robust
  advkit compare runs/main runs/branch --out branch.html --json
  advkit compare runs/a runs/b --force

\b
Exit codes:
  0 ok, 2 usage, 3 not a run, or different images or threat model
"""


@click.command(epilog=EPILOG)
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("comparison.html"),
    show_default=True,
    help="The page to write.",
)
@click.option(
    "--force", is_flag=True, help="Compare what both have in common, even if images or eps differ."
)
@JSON
def compare(first: Path, second: Path, out: Path, force: bool, as_json: bool) -> None:
    """Compare two run directories of `advkit audit`, image by image.

    Both must be audits of the same images in the same norm at the same eps. Says which images
    survive in which audit, and whether chance can explain the difference (McNemar's exact test).
    """
    from advkit.api.comparing import compare as run
    from advkit.cli.outputs import check_folder
    from advkit.evaluate.fingerprint import command_line

    check_folder(out, "--out")
    found = run(first, second, force=force, command=command_line(), out=out)
    if as_json:
        say(json.dumps(found))
        return
    notes = [f"note: {note}" for note in found["notes"]]
    say("\n".join([found["verdict"], *notes, f"report: {out}"]))
