"""`advkit merge`: merge the shards of a run into one run with its report."""

from pathlib import Path

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  advkit audit --shard 1/2 --out runs/a        on one machine
  advkit audit --shard 2/2 --out runs/a        on another, or later
  advkit merge runs/a                          all shard-*-of-* in runs/a

\b
  sbatch --array=1-8 --wrap 'advkit audit --shard auto --out runs/a ...'
  torchrun --nproc-per-node 4 --no-python advkit audit --shard auto --out runs/a ...
  advkit merge node1/shard-1-of-2 node2/shard-2-of-2 --out runs/a

Rows and examples are merged; then the command that started the shards, without --shard, does the
checks of the whole run, the line search and the report.

\b
Exit codes:
  0 ok, 3 a shard that is not a run, unfinished, missing or of another run, 7 out of disk; and
  those of the command that started the shards
"""


@click.command(epilog=EPILOG)
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory to write.  [default: the one that holds the shards]",
)
@click.option("--rows-only", is_flag=True, help="Only merge; finish later with advkit resume.")
def merge(shards: tuple[Path, ...], out: Path | None, rows_only: bool) -> None:
    """Merge the shards of a run, and finish it.

    Give the directory that holds them all, or every shard and --out.
    """
    from advkit.cli.rerun import go_on
    from advkit.errors import UsageError
    from advkit.evaluate.merging import merge as put_together
    from advkit.evaluate.merging import shards_in
    from advkit.evaluate.run_folder import check_there

    for shard in shards:
        check_there(shard)
    found = shards_in(shards[0]) if len(shards) == 1 else []
    if not found and out is None:
        raise UsageError("merge needs --out, or the directory that holds the shards")
    folder = out or shards[0]
    put_together(found or shards, folder)
    if rows_only:
        say(f"merged: {folder}; to finish: advkit resume {folder}")
        return
    go_on(folder)
