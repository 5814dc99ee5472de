"""`advkit visualize`: the pictures that maximise classes and neurons."""

from typing import Any

import click

from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common
from advkit.errors import UsageError

EPILOG = (
    """
\b
Examples:
  advkit visualize
      every class of a bundled net, robust and standard, classified by a third
  advkit visualize --model efficientnet-lite:0 --class goldfish,peacock
  advkit visualize --model efficientnet-lite:0 --class monarch --several 4
  advkit visualize --neuron '4[17]' --neuron '4[3]-4[9]' --negative
      a channel and a direction of layer 4, maximised and minimised
  advkit visualize --recipe simonyan --steps 300

\b
Recipes:
  simonyan, yosinski, clipped, contributing, jittered, spectrum
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option(
    "--class", "classes", multiple=True, metavar="NAME,...", help="Classes, by name or number."
)
@click.option(
    "--neuron", "--layer", "neurons", multiple=True, metavar="LAYER[c,y,x],...",
    help="A channel LAYER[c], a unit LAYER[c,y,x], or several with + and -. Layers: advkit "
         "inspect MODEL --layers.",
)  # fmt: skip
@click.option(
    "--recipe", default="spectrum", show_default=True, help="Regularisation of the picture."
)
@click.option("--steps", type=click.IntRange(min=1), default=128, show_default=True,
              help="Steps of the optimiser.")  # fmt: skip
@click.option(
    "--several", type=click.IntRange(1, 9), default=1, show_default=True,
    help="Make this many different pictures of each.",
)  # fmt: skip
@click.option("--negative", is_flag=True, help="Also show what minimises it.")
@click.option("--beside", metavar="MODEL", help="Another net to make the same pictures with.")
@click.option("--judge", metavar="MODEL", help="A net that classifies the pictures.")
@SIZE
@with_common
def visualize(
    classes: tuple[str, ...], neurons: tuple[str, ...], beside: str | None, judge: str | None,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Show what maximises a class score or a neuron's activation.

    Pictures made by following the gradient of one score, beside the images of the data that
    activate it most.
    """
    for text in neurons:
        if "[" not in text:
            hint = f"a channel is {text}[CHANNEL], a unit {text}[CHANNEL,y,x]"
            raise UsageError(f"{text!r} is not a neuron", hint, code="E203")
    from advkit.api.picture_setting import STANDARD
    from advkit.api.picturing import visualize as run

    if given["model"] is None and beside is None and judge is None:
        beside, judge = STANDARD, "bundled:fashion-mnist-logistic"
    with setting_of("visualize", given) as setting:
        record = run(setting, beside=beside, judge=judge, targets=(*classes, *neurons), **given)
    told(record, as_json)
