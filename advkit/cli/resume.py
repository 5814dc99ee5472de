"""`advkit resume`: continue a run that was stopped."""

from pathlib import Path

import click

EPILOG = """
\b
Examples:
  advkit resume                       the newest unfinished run under runs/
  advkit resume runs/a
  advkit resume runs/a --jobs 4       with options added to the recorded ones

The rows are the same as without the interruption. A run whose model, data or options have changed
is refused, and the differences are listed.

\b
Exit codes:
  those of the command that started the run; 3 not a run, or one that differs; 4 the run was
  started with --allow-unsafe-load, which must be given again
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF THE COMMAND]")
def resume(run: Path | None, more: tuple[str, ...]) -> None:
    """Resume a run that was stopped or killed, with the command that started it."""
    from advkit.cli.rerun import go_on, latest

    if run is not None and str(run).startswith("-"):
        run, more = None, (str(run), *more)
    go_on(run or latest(), more)
