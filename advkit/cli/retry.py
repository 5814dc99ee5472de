"""`advkit retry --errors`: try again the units of a run that were given up."""

from pathlib import Path

import click

EPILOG = """
\b
Examples:
  advkit retry --errors runs/a
  advkit retry --errors runs/a --unit-seconds 600     with more time for each

A worker that is killed, or takes too long, is replaced, and its unit is tried up to three times; if
the model fails on a sample, only that sample fails. Then the unit is given up, and the run ends
with exit code 7 and without a number. `advkit show runs/a` says how many there are.

\b
Exit codes:
  those of the command that started the run; 5 no unit was given up
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.option("--errors", is_flag=True, required=True, help="Retry the units that were given up.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF THE COMMAND]")
def retry(run: Path, more: tuple[str, ...], errors: bool) -> None:  # noqa: ARG001
    """Retry the units of a run that were given up, and resume it."""
    from advkit.cli.rerun import go_on
    from advkit.errors import EmptyError
    from advkit.evaluate.run_progress import state_of
    from advkit.evaluate.store import open_store

    if not state_of(run)["failed"]:
        raise EmptyError(f"no unit of {run} was given up", f"to resume: advkit resume {run}")
    with open_store(run) as store:
        store.forget_failures()
    go_on(run, more)
