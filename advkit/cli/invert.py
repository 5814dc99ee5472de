"""`advkit invert`: images found again from the codes of inner layers."""

from typing import Any

import click

from advkit.cli.no_use import refuse_typed
from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common

EPILOG = (
    """
\b
Examples:
  advkit invert
      four images of a bundled net, a ladder over its layers
  advkit invert --layer 1 --layer 9 --images 12 --steps 400
  advkit invert --model efficientnet-lite:0 --picture photo.jpg
  advkit invert --model bundled:fashion-mnist-cnn --optimiser momentum
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option(
    "--layer", "layers", multiple=True, callback=each, metavar="NAME,...",
    help="advkit inspect MODEL --layers names them.  [default: the last of every resolution]",
)  # fmt: skip
@click.option(
    "--picture", "pictures", multiple=True, metavar="FILE",
    help="A file, china or flower, in place of images of the data.",
)  # fmt: skip
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many, of --data.",
)
@click.option(
    "--optimiser", type=click.Choice(["adam", "lbfgs", "momentum"]), default="lbfgs",
    show_default=True,
    help="What the image is optimised by.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=200, show_default=True,
              help="Of the optimiser.")  # fmt: skip
@click.option(
    "--variation", type=click.FloatRange(min=0),
    help="Weight of total variation.  [default: more for smaller maps]",
)  # fmt: skip
@SIZE
@with_common
def invert(layers: tuple[str, ...], pictures: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Find images again from what inner layers make of them.

    A ladder of reconstructions over the layers; how often each can be told from all others of the
    data, and whether the net still calls it the same.
    """
    from advkit.api.picturing import invert as run

    if pictures:
        refuse_typed("images", why="with --picture", hint="leave one of the two out")
    with setting_of("invert", given) as setting:
        record = run(setting, layers=layers, pictures=pictures, **given)
    told(record, as_json)
