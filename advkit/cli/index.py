"""`advkit index`: one page of all audits in a directory, the most robust first."""

from pathlib import Path

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  advkit index                      every audit in runs/, into runs/index.html
  advkit index experiments --out leaderboard.html

\b
Exit codes:
  0 ok, 2 usage, 3 no such directory, 5 no finished audit in it
"""


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="[DIR]", default=Path("runs"), type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page to write.  [default: index.html in DIR]",
)
def index(folder: Path, out: Path | None) -> None:
    """Write an overview page of all audits in and below DIR.

    Audits of the same images in the same norm with the same largest eps are ranked together.
    """
    from advkit.cli.outputs import check_folder
    from advkit.errors import naming
    from advkit.numbers import several
    from advkit.pages.overview import entries_below
    from advkit.reports import overview_page

    page = out or folder / "index.html"
    entries, passed_over = entries_below(folder, page)
    check_folder(page, "--out")
    with naming(page):
        page.write_text(overview_page(entries, str(folder), passed_over), encoding="utf-8")
    for text in passed_over:
        click.echo(f"passed over: {text}", err=True)
    say(f"{several(len(entries), 'audit')}: {page}")
