"""`advkit certify`: bounds without attacks, certified images and eps."""

import json
from pathlib import Path
from typing import Any

import click

from advkit.bounds.proof_methods import RUNGS
from advkit.cli.failures import GateError, say
from advkit.cli.outputs import check_share
from advkit.cli.parameters import EpsList, Norm, union
from advkit.cli.run_options import ARCH, DATA, FRESH, JOBS, JSON, MODEL, NO_PROGRESS, OUT, framed
from advkit.errors import EmptyError, UsageError
from advkit.numbers import check_eps

EPILOG = """
\b
Examples:
  advkit certify
      a bundled robust net on bundled images
  advkit certify --model ./net.py:make --data npz:test.npz --eps 1/255,2/255
  advkit certify --norm L2 --eps 0.25 --method crown
  advkit certify --method split --seconds 30 --limit 50
      branch and bound on what stays open, half a minute per image
  advkit certify --smooth 0.25 --draws 10000
      the smoothed classifier, not the model itself
  advkit certify --eps 0.1 --fail-under 0.5

\b
Exit codes:
  0 ok, 1 below --fail-under, 2 usage, 3 bad input (an operator without a bound is named),
  4 refused (could run code), 5 nothing to evaluate, 7 out of memory or disk, 70 a bug,
  129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@MODEL
@ARCH
@DATA
@click.option(
    "--norm",
    type=Norm("Linf", "L2", "L1"),
    help="Norm of the perturbation.  [default: Linf; L2 with --smooth]",
)
@click.option(
    "--eps",
    type=EpsList(),
    multiple=True,
    callback=union,
    help="Largest size of the perturbation, or several separated by commas: 8/255,0.05. Pixels "
    "are in [0, 1].",
)
@click.option(
    "--method",
    type=click.Choice(RUNGS),
    help="How far to go: interval bounds, CROWN, optimised slopes, branch and bound. Each is "
    "tried on what the one before left open.  [default: alpha]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds per image with --method split.  [default: 10]",
)
@click.option(
    "--smooth",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SIGMA",
    help="Certify the smoothed classifier instead, which predicts the class that the model gives "
    "most often under normal noise of this standard deviation.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    help="With --smooth: noise samples per image.  [default: 1000]",
)
@click.option(
    "--doubt",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="With --smooth: probability, per image, that its radius is wrong.  [default: 0.001]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help="Use only this many samples, with the class proportions of the data.",
)
@JOBS
@OUT
@FRESH
@JSON
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 1),
    help="Exit 1 if the lower end of the interval of certified accuracy at the largest eps is "
    "below this.",
)
@NO_PROGRESS
def certify(
    model: str | None, data: str | None, norm: str | None, eps: tuple[float, ...] | None,
    out: Path | None, as_json: bool, fail_under: float | None, no_progress: bool,
    smooth: float | None, **options: Any,
) -> None:  # fmt: skip
    """Prove for which images no perturbation within eps makes a classifier err.

    This is a lower bound on robust accuracy, where an audit gives an upper bound. The proof is a
    backward pass through the net in which lines enclose every activation.
    """
    check_eps(eps or (), norm or "")
    given = chosen(smooth, options)
    check_share(fail_under)
    from advkit.api.certifying import certify as run
    from advkit.api.request import model_for

    asked = model_for(model, data)
    with framed(out, str(asked), data or "", kind="certify", no_progress=no_progress) as frame:
        if smooth is None:
            given["announce"] = frame.announce
        summary = run(asked, data, norm=norm, eps=eps, out=frame.folder,
                      progress=frame.progress, command=frame.command, smooth=smooth,
                      **given)  # fmt: skip
    say(json.dumps(summary) if as_json else table(summary))
    if summary["clean"]["count"] == 0:
        raise EmptyError(summary["verdict"], "check preprocessing and class order of the model")
    worst = summary["certified"][-1]
    if fail_under is not None and worst["low"] < fail_under:
        raise GateError(
            f"--fail-under {fail_under:g}: certified accuracy at {summary['norm']} "
            f"{worst['eps']:g} is {worst['value']:.3f}, and its 95% interval begins at "
            f"{worst['low']:.3f}"
        )


def chosen(smooth: float | None, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options given; raises UsageError for those of the other kind of certificate."""
    given = {name: value for name, value in options.items() if value is not None}
    wrong = ("method", "seconds") if smooth is not None else ("draws", "doubt")
    for name in wrong:
        if name in given:
            why = "belongs to bounds" if smooth is not None else "belongs to --smooth"
            raise UsageError(f"--{name} {why}", "leave one of the two out", code="E207")
    return given


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    from advkit.cli.layout import columns
    from advkit.numbers import shown

    names = list(summary["certified"][0]["rungs"])
    header = ["", "certified", "95% interval", "images", *names, "open", "seconds"]
    rows = [_row("clean", summary["clean"], [""] * (len(names) + 2))]
    for at in summary["certified"]:
        rungs = [f"{at['rungs'][name]['certified']:,}" for name in names]
        left = f"{summary['clean']['count'] - at['count']:,}"
        name = f"{summary['norm']} {shown(at['eps'])}"
        rows.append(_row(name, at, [*rungs, left, f"{at['seconds']:.1f}"]))
    text = columns(header, rows, right=range(1, len(header)))
    return "\n".join([summary["verdict"], "", text, "", f"report: {summary['report']}"])


def _row(name: str, at: dict[str, Any], rest: list[str]) -> list[str]:
    interval = f"{at['low']:.3f} to {at['high']:.3f}"
    return [name, f"{at['value']:.3f}", interval, f"{at['count']:,}", *rest]
