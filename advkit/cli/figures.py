"""`advkit figures`: the figures of a finished run for a paper."""

from pathlib import Path

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  advkit figures runs/a                        PDFs into runs/a/figures
  advkit figures runs/a --format png --out paper/img
"""


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["pdf", "png", "svg"]),
    default="pdf",
    show_default=True,
    help="File format; PNG has 300 dots per inch.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Output directory.  [default: figures in the run]",
)
def figures(run: Path, form: str, out: Path | None) -> None:
    """Export the figures of a run of `advkit audit` for print: curve, attacks, examples."""
    from advkit.evaluate.finished_audit import read_run
    from advkit.pages.audits import audit_of
    from advkit.pages.exhibits import shown_of
    from advkit.reports.paper import write_figures

    content = read_run(run)
    cards = shown_of(run, content["model"]["classes"]).cards
    folder = out or run / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for file in write_figures(audit_of(content), cards, folder, form):
        say(str(file))
