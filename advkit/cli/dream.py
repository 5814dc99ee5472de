"""`advkit dream`: amplify the features that a layer detects in an image."""

from typing import Any

import click

from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, setting_of, told, with_common
from advkit.cli.unused_options import refuse_typed

EPILOG = (
    """
\b
Examples:
  advkit dream
      one photograph, one layer per resolution, a bundled net
  advkit dream --model efficientnet-lite:0
  advkit dream --model efficientnet-lite:0 --layer _blocks.10 --picture photo.jpg --longest 1200
  advkit dream --model efficientnet-lite:0 --layer _blocks.8 --guide flower
  advkit dream --model efficientnet-lite:0 --layer _blocks.10 --frames 40 --film gif
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option(
    "--layer", "layers", multiple=True, callback=each, metavar="NAME,...",
    help="Layers, as listed by advkit inspect MODEL --layers.  [default: the last of every "
         "resolution]",
)  # fmt: skip
@click.option("--picture", default="china", show_default=True, metavar="FILE",
              help="An image file, or china or flower.")  # fmt: skip
@click.option("--guide", metavar="FILE", help="An image towards whose features to dream.")
@click.option("--longest", "--size", type=click.IntRange(min=16), default=320, show_default=True,
              help="Longer side in pixels.")  # fmt: skip
@click.option(
    "--octaves",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Number of sizes to dream at.",
)
@click.option("--scale", type=click.FloatRange(min=1, min_open=True), default=1.4,
              show_default=True, help="Scale factor from one octave to the next.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=0), default=20, show_default=True,
              help="Steps in each octave.")  # fmt: skip
@click.option("--step", type=click.FloatRange(min=0, min_open=True), default=1.5,
              show_default=True, help="Mean change of a pixel per step, of 255.")  # fmt: skip
@click.option(
    "--jitter",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Largest shift between steps, in pixels.",
)
@click.option("--smooth", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Blur of the gradient in pixels, to prevent grid patterns.")  # fmt: skip
@click.option("--tile", type=click.IntRange(min=32), default=512, show_default=True,
              help="Larger images are processed in tiles of this size.")  # fmt: skip
@click.option(
    "--frames",
    type=click.IntRange(min=0),
    default=0,
    help="Number of frames of a film of the feedback loop.",
)
@click.option("--zoom", type=click.FloatRange(0, 0.5, max_open=True), default=0.05,
              show_default=True, help="Zoom from one frame to the next.")  # fmt: skip
@click.option(
    "--film",
    type=click.Choice(["webp", "gif"]),
    default="webp",
    show_default=True,
    help="Format of the frames, with --frames.",
)
@with_common
def dream(layers: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Amplify what a layer sees in an image: DeepDream.

    Works in octaves, with jitter, and in tiles for large images; can be guided by another image, or
    make a film of the feedback loop.
    """
    from advkit.api.picturing import dream as run

    if not given["frames"]:
        refuse_typed("film", "zoom", why="without --frames", hint="add --frames 40")
    with setting_of("dream", given) as setting:
        record = run(setting._replace(limit=1), layers=layers, **given)
    told(record, as_json)
