"""`advkit explain`: where a net looks, by several methods, and whether to trust them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.parameters import Norm, Radius
from advkit.cli.run_options import (
    ARCH,
    DATA,
    DEVICE,
    FRESH,
    JSON,
    MODEL,
    NO_PROGRESS,
    OUT,
    SEED,
    framed,
)
from advkit.cli.unused_options import refuse_typed
from advkit.numbers import check_eps

EPILOG = """
\b
Examples:
  advkit explain
      a bundled net on bundled images, by six methods
  advkit explain --method gradient,grad_cam,rise:masks=2000 --images 12 --faithfulness
  advkit explain --model torchvision:resnet18?weights=DEFAULT --data imagefolder:photos \\
      --method smooth_grad,grad_cam --segment
  advkit explain --target margin --method integrated_gradients
  advkit explain --target 'features.10[42,3,3]' --method guided_backprop --model ./net.py:make
      what one neuron of an inner layer responds to
  advkit explain --eps 8/255 --attack apgd
      the same maps before and after an attack
  advkit inspect MODEL --layers
      the names for --layer

\b
Methods:
  gradient, gradient_times_input, smooth_grad, var_grad, integrated_gradients, deconvnet,
  guided_backprop, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam, score_cam,
  eigen_cam, guided_grad_cam, attention_rollout, occlusion, rise

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, or no method applies, 4 refused (could run code), 5 no images,
  7 out of memory or disk, 70 a bug, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@MODEL
@ARCH
@DATA
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME[:KEY=VALUE],...",
    help="Methods, separated by commas or repeated.  [default: gradient, smooth_grad, "
    "integrated_gradients, guided_backprop, grad_cam, occlusion]",
)
@click.option(
    "--target",
    default="predicted",
    show_default=True,
    help="What to explain: predicted, second, label, margin, a class, CLASS-CLASS, or a neuron "
    "LAYER[channel,y,x].",
)
@click.option(
    "--layer",
    default="",
    metavar="NAME",
    help="Layer for CAMs.  [default: the last whose output is a map]",
)
@click.option(
    "--images", "limit", type=click.IntRange(min=1), default=8, show_default=True,
    help="Number of images.",
)  # fmt: skip
@click.option("--segment", is_flag=True, help="Segment the objects, using the first method's maps.")
@click.option(
    "--faithfulness", is_flag=True,
    help="Test whether the maps can be believed: deletion, insertion, randomised weights.",
)  # fmt: skip
@click.option(
    "--truth", metavar="FILE.npz",
    help="True masks of the objects, an array 'masks' (n, height, width), for overlap and the "
         "pointing game.",
)  # fmt: skip
@click.option(
    "--eps",
    type=Radius(),
    help="Attack within this radius, and map again.",
)
@click.option("--attack", default="pgd", show_default=True, metavar="NAME[:KEY=VALUE,...]",
              help="Attack to use with --eps.")  # fmt: skip
@click.option(
    "--norm",
    type=Norm(),
    default="Linf",
    show_default=True,
    help="Norm of the attack.",
)
@SEED
@DEVICE
@OUT
@FRESH
@JSON
@NO_PROGRESS
def explain(
    model: str | None, data: str | None, methods: tuple[str, ...], eps: float | None, norm: str,
    out: Path | None, as_json: bool, no_progress: bool, **options: Any,
) -> None:  # fmt: skip
    """Show where a net looks: maps of some images by several methods, on one page.

    The raw arrays are saved beside the page, unscaled. A method that does not apply to this net is
    refused with a reason, and the others continue.
    """
    check_eps(() if eps is None else (eps,), norm)
    if eps is None:
        refuse_typed("attack", "norm", why="without --eps", hint="add --eps 8/255")
    from advkit.api.explaining import explain as run
    from advkit.api.request import model_for
    from advkit.evaluate.explain_plan import USUAL as METHODS

    asked, whose = listed(methods), model_for(model, data)
    about = (str(whose), data or "", *asked)
    with framed(out, *about, kind="explain", no_progress=no_progress) as frame:
        summary = run(whose, data, methods=asked or METHODS, eps=eps, norm=norm,
                      out=frame.folder, progress=frame.progress, command=frame.command,
                      **options)  # fmt: skip
    say(json.dumps(summary) if as_json else table(summary))


def listed(texts: Sequence[str]) -> list[str]:
    """Split ``a,b:key=value,key=value,c`` into methods: a part with '=' but no ':' is an option."""
    found: list[str] = []
    for part in (part.strip() for text in texts for part in text.split(",")):
        if found and "=" in part and ":" not in part:
            found[-1] += f",{part}"
        elif part:
            found.append(part)
    return found


def _made(row: dict[str, Any], images: int) -> str:
    """Return the size of a method's maps, and the number of maps that are zero."""
    flat = f", 0 everywhere on {row['flat']} of {images} images" if row["flat"] else ""
    return f"maps of {row['size'][0]} x {row['size'][1]}{flat}"


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    from advkit.cli.layout import columns, paragraph
    from advkit.pages.explanations import beliefs_of
    from advkit.reports.map_checks import verdict

    beliefs = {b.label: verdict(b) for b in beliefs_of(summary["faithfulness"])}
    rows = [
        (row["label"], f"{row['seconds']:.2f}", row["layer"] or "",
         f"does not apply: {row['refused']}" if row["refused"]
         else beliefs.get(row["label"], _made(row, len(summary["samples"]))))
        for row in summary["methods"]
    ]  # fmt: skip
    lines = [paragraph(summary["verdict"]), "",
             columns(("method", "seconds", "layer", "result"), rows, right=(1,)), ""]  # fmt: skip
    lines += [paragraph(note, "note:   ") for note in summary["notes"]]
    attack = summary["attack"]
    if attack:
        lines.append(f"attack: {attack['attack']} fooled {attack['fooled']} of {attack['n']}")
    return "\n".join([*lines, f"target: {summary['target']}", f"maps:   {summary['maps']}",
                      f"report: {summary['report']}"])  # fmt: skip
