"""`advkit invert`: images reconstructed from the codes of inner layers."""

from typing import Any

import click

from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common
from advkit.cli.unused_options import refuse_typed

EPILOG = (
    """
\b
Examples:
  advkit invert
      four images and all resolutions of a bundled net
  advkit invert --layer 1 --layer 9 --images 12 --steps 400
  advkit invert --model efficientnet-lite:0 --picture photo.jpg
  advkit invert --model bundled:fashion-mnist-cnn --optimiser momentum
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option(
    "--layer", "layers", multiple=True, callback=each, metavar="NAME,...",
    help="Layers, as listed by advkit inspect MODEL --layers.  [default: the last of every "
         "resolution]",
)  # fmt: skip
@click.option(
    "--picture", "pictures", multiple=True, metavar="FILE",
    help="An image file, or china or flower, instead of images from the data.",
)  # fmt: skip
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Number of images from --data.",
)
@click.option(
    "--optimiser", type=click.Choice(["adam", "lbfgs", "momentum"]), default="lbfgs",
    show_default=True,
    help="Optimiser of the image.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=200, show_default=True,
              help="Steps of the optimiser.")  # fmt: skip
@click.option(
    "--variation", type=click.FloatRange(min=0),
    help="Weight of total variation.  [default: more for smaller maps]",
)  # fmt: skip
@SIZE
@with_common
def invert(layers: tuple[str, ...], pictures: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Reconstruct images from the codes of inner layers.

    Shows reconstructions layer by layer; how often the original can be identified among all images
    of the data, and whether the net still predicts the same class.
    """
    from advkit.api.picturing import invert as run

    if pictures:
        refuse_typed("images", why="with --picture", hint="leave one of the two out")
    with setting_of("invert", given) as setting:
        record = run(setting, layers=layers, pictures=pictures, **given)
    told(record, as_json)
