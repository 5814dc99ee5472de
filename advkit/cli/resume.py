"""`advkit resume`: go on with a run that was stopped."""

from pathlib import Path

import click

EPILOG = """
\b
Examples:
  advkit resume                       the newest unfinished run under runs/
  advkit resume runs/a
  advkit resume runs/a --jobs 4       with options added to those of then

The rows are those that the run would have had undisturbed. A run whose model, data or options are
others than then is refused, and what differs is listed.

\b
Exit codes:
  those of the command that began the run; 3 a run that is none, or differs; 4 the run was begun
  with --allow-unsafe-load, which must be said again
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF THE COMMAND]")
def resume(run: Path | None, more: tuple[str, ...]) -> None:
    """Go on with a run that was stopped or killed, by the command that began it."""
    from advkit.cli.going_on import go_on, latest

    if run is not None and str(run).startswith("-"):
        run, more = None, (str(run), *more)
    go_on(run or latest(), more)
