"""`advkit attack`: one attack on all images; writes the examples, a table and a summary."""

import json
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.parameters import Band, Norm, Radius
from advkit.cli.run_options import (
    ARCH,
    DATA,
    DEVICE,
    FRESH,
    JSON,
    MODEL,
    NO_PROGRESS,
    OUT,
    PROCESSES,
    RAY,
    SEED,
    UNIT_SECONDS,
    framed,
)
from advkit.errors import EmptyError, UsageError
from advkit.numbers import check_eps

EPILOG = """
\b
Examples:
  advkit attack ddn
      the nearest adversarial example in L2 for every bundled image
  advkit attack pgd --eps 8/255 --model ./net.py:make --data npz:x.npz
  advkit attack apgd --norm L2
      no --eps: the smallest perturbation is sought
  advkit attack pgd --eps 8/255 --targets least_likely --restarts 5
  advkit attack ddn --targets Bag
      the name of a class, or its number
  advkit attack pgd --eps 0.1 --average 16 --transform shift
  advkit attack apgd --model bundled:spoken-digits-cnn --norm L2 --eps 30dB
      sound, 30 dB below each clip; --targets three, --band 300-3400
  advkit audit --data npz:runs/a/examples.npz
      the examples as data for another model

Names and options: advkit ls attacks, advkit show attack NAME. The run
directory holds examples.npz (x_adv, y, ids), table.csv (a row per image) and
run.json.

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 refused (could run code), 5 nothing to attack,
  7 out of memory or disk, 70 a bug, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME[:KEY=VALUE,...]")
@MODEL
@ARCH
@DATA
@click.option(
    "--norm",
    type=Norm(),
    help="Norm of the perturbation.  [default: Linf, or the first that the attack supports]",
)
@click.option(
    "--eps",
    type=Radius(),
    help="Largest size of the perturbation, such as 8/255, or for sound 30dB below each clip. "
    "With none, or without it, find the nearest adversarial example; a fixed-eps attack "
    "then runs at several radii (minimised).",
)
@click.option(
    "--targets",
    metavar="random|least_likely|second|all|CLASS",
    help="Target class, chosen per image or a class for all; all tries every class and keeps the "
    "nearest example.",
)
@click.option(
    "--restarts",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs with different seeds on the images not fooled yet (minimum norm: on all).",
)
@click.option(
    "--average",
    type=click.IntRange(min=1),
    metavar="N",
    help="Follow the mean gradient over N random transforms of each image; it is fooled if all N "
    "fool.",
)
@click.option(
    "--transform",
    type=click.Choice(["noise", "shift", "none", "gain", "room"]),
    help="For --average: noise of standard deviation 0.05, shifts by up to 2 pixels, or none "
    "(for randomised models); for sound: gain, or a room's echo, delay, gain and noise.  "
    "[default: noise]",
)
@click.option(
    "--band", type=Band(), help="For sound: perturb only these frequencies, such as 300-3400 Hz."
)
@click.option(
    "--bfloat16", is_flag=True, help="Query the model in bfloat16; confirm and repair in float32."
)
@click.option("--limit", type=click.IntRange(min=0), help="Use only this many images.")
@SEED
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Most images attacked together; results do not depend on it.  [default: 256, 32 for "
    "large images]",
)
@PROCESSES
@UNIT_SECONDS
@RAY
@DEVICE
@OUT
@FRESH
@JSON
@NO_PROGRESS
def attack(
    name: str, model: str | None, data: str | None, norm: str | None, eps: float | None,
    average: int | None, transform: str | None, out: Path | None, as_json: bool, no_progress: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Run one attack on every correctly classified image, and save what it finds.

    Everything that it returns is checked again as saved, with the model itself in float32.
    """
    check_eps(() if eps is None else (eps,), norm or "")
    if transform and not average:
        raise UsageError(
            f"--transform {transform} needs --average", "add --average 16", code="E207"
        )
    from advkit.api.auditing import attack as run
    from advkit.api.request import model_for

    asked = model_for(model, data)
    about = (name, str(asked), data or "")
    with framed(out, *about, kind="attack", no_progress=no_progress) as frame:
        summary = run(name, asked, data, norm=norm, eps=eps, average=average or 0,
                      transform=transform or "noise", out=frame.folder, progress=frame.progress,
                      command=frame.command, announce=frame.announce, **options)  # fmt: skip
    say(json.dumps(summary) if as_json else table(summary))
    if summary["success"]["n"] == 0:
        raise EmptyError(summary["verdict"], "check preprocessing, class order and --targets")


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    from advkit.cli.layout import paragraph

    success = summary["success"]
    shares = [("correct", summary["clean"]), (f"fooled, of {success['n']:,}", success)]
    lines = [
        paragraph(summary["verdict"]),
        "",
        f"{'':<20}{'share':>7}{'95% interval':>18}{'images':>9}",
    ]
    for name, s in shares:
        interval = f"{s['low']:.3f} to {s['high']:.3f}"
        lines.append(f"{name:<20}{s['value']:>7.3f}{interval:>18}{s['count']:>9,}")
    size = summary["size"]
    if size:
        told = ", ".join(f"{name} {value:.4g}" for name, value in size.items())
        lines += ["", f"size in {summary['norm']}: {told}"]
    if "share_of_transforms" in summary:
        lines.append(f"fooled under {summary['share_of_transforms']:.1%} of new transforms")
    if summary["invalid"]:
        lines.append(f"invalid, outside the ball or the box: {summary['invalid']}")
    passes = f"{summary['forwards']:,.1f} forward, {summary['backwards']:,.1f} backward"
    lines += [f"passes per image attacked: {passes}; {summary['seconds']:.1f} s", ""]
    lines += [paragraph(note, "note:     ") for note in summary["notes"]]
    if summary["targets"]:
        lines.append(f"targets:  {summary['targets']}")
    return "\n".join([*lines, f"attack:   {summary['attack']}", f"examples: {summary['examples']}",
                      f"table:    {summary['table']}"])  # fmt: skip
