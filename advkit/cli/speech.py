"""`advkit speech`: the study of adversarial speech, with sounds to play."""

import json
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.model_options import model_option
from advkit.cli.run_options import JSON, NO_PROGRESS, SEED, data_option, framed

EPILOG = """
\b
Examples:
  advkit speech
  advkit speech --clips 100 --out runs/speech
  advkit speech --model words.safetensors --data audio:recordings
"""


@click.command(epilog=EPILOG)
@model_option("A speech classifier.  [default: bundled:spoken-digits-cnn]", of_pixels=False)
@data_option("audio:DIR or bundled:NAME.  [default: bundled:spoken-digits]")
@click.option(
    "--surrogate",
    "surrogates",
    multiple=True,
    metavar="MODEL",
    help="An independently trained classifier, on which the examples are tried; repeatable.",
)
@click.option(
    "--clips",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Number of correctly classified clips to attack.",
)
@click.option(
    "--strings",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Number of digit strings to attack; 0 for none. Bundled model only.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=8),
    default=200,
    show_default=True,
    help="Steps of each attack.",
)
@SEED
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Output directory for numbers, sounds and the page.  [default: a new one under runs/]",
)
@JSON
@NO_PROGRESS
def speech(
    model: str | None, data: str | None, out: Path | None, as_json: bool, no_progress: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Make a speech classifier mishear words, with ever quieter perturbations.

    Targeted and untargeted, below the masking threshold, within a telephone's band, in rooms, by
    one universal sound, on a second classifier; and on strings of digits, recognised by a net with
    CTC. The page has players for the results.
    """
    from advkit.api.request import model_for
    from advkit.api.speech import MODEL
    from advkit.api.speech import speech as run

    asked = str(model_for(model, data, MODEL))
    with framed(
        out, asked, data or "", kind="speech", no_progress=no_progress, resumes=False
    ) as frame:
        summary = run(asked, data, out=frame.folder, command=frame.command,
                      progress=frame.progress, **options)  # fmt: skip
    say(json.dumps(summary) if as_json else table(summary))


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    from advkit.cli.layout import paragraph
    from advkit.pages.speech import outcomes

    lines = [paragraph(summary["verdict"]), "", f"{'dB below the speech':<22}{'chosen word':>12}"
             f"{'95% interval':>18}{'any other':>11}{'robust':>11}"]  # fmt: skip
    for row in summary["curve"]:
        share = row["targeted"]
        interval = f"{share['low']:.3f} to {share['high']:.3f}"
        lines.append(
            f"{row['snr']:<22.0f}{share['value']:>12.3f}{interval:>18}"
            f"{row['untargeted']['value']:>11.3f}{row['robust']['value']:>11.3f}"
        )
    lines.append("")
    for what, snr, share, note in outcomes(summary):
        told = f"{share.value:.1%} of {share.n}; " if share else ""
        lines.append(paragraph(f"{what} ({snr}): {told}{note}", rest="  "))
    for row in summary.get("strings", {}).get("rows", ()):
        level = "not reached" if row["snr"] is None else f"{row['snr']:.0f} dB"
        told = f"string: {row['said']} -> {row['heard']} (wanted {row['wanted']}; {level})"
        lines.append(paragraph(told, rest="  "))
    return "\n".join([*lines, "", f"report: {summary['report']}"])
