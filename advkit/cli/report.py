"""`advkit report`: write a finished run again, as a page or for other programs."""

from pathlib import Path

import click

from advkit.cli.failures import say

EPILOG = """
\b
Examples:
  advkit report runs/a                        write runs/a/report.html again
  advkit report runs/a -o audit.md -o audit.xml
  advkit report runs/a --format md            print Markdown, for a CI job summary
  advkit report runs/a --require 'linf@8/255 >= 0.40' -o audit.xml

\b
Formats, by file suffix:
  .html the page   .md Markdown   .xml JUnit   .json the summary (schema advkit/audit/1)
  .csv a row per image, attack and eps   card: a section for a Hugging Face model card

\b
Exit codes:
  0 ok, 1 a --require is not met, 2 usage, 3 not a run
"""


def rendered(run: Path) -> bool:
    """Rewrite the page of a transfer study, if ``run`` is one; return whether it is."""
    from advkit.evaluate.run_folder import read_json
    from advkit.pages.transfers import PAGES

    found = read_json(run, "run.json")
    write = PAGES.get(str(found.get("schema"))) if isinstance(found, dict) else None
    if write:
        say(f"report: {write(run)}")
    return write is not None


@click.command(epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file, in the format of its suffix; repeatable.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "xml", "json", "csv", "card"]),
    help="Print this format instead.",
)
@click.option(
    "--require",
    multiple=True,
    metavar="'NORM@EPS >= SHARE'",
    help="Exit 1 unless the lower end of the 95% interval is at least this; repeatable.",
)
def report(run: Path, output: tuple[Path, ...], form: str | None, require: tuple[str, ...]) -> None:
    """Export a finished run directory; no model and no data are needed.

    Without options, writes report.html into the run directory.
    """
    from advkit.cli.outputs import check_outputs, gate, write_outputs, written
    from advkit.evaluate.finished_audit import read_run
    from advkit.evaluate.requirements import judge, required
    from advkit.pages.audits import write_report

    if not (output or form or require) and rendered(run):
        return
    check_outputs(output)
    outcomes = judge(read_run(run), [required(text) for text in require])
    if form:
        say(written(run, form, outcomes))
    write_outputs(output, run, outcomes)
    for file in output:
        say(f"written: {file}")
    if not (form or output):
        say(f"report: {write_report(run)}")
    gate(outcomes)
