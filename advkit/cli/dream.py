"""`advkit dream`: what a layer sees in an image, made stronger."""

from typing import Any

import click

from advkit.cli.no_use import refuse_typed
from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, setting_of, told, with_common

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
    help="advkit inspect MODEL --layers names them.  [default: the last of every resolution]",
)  # fmt: skip
@click.option("--picture", default="china", show_default=True, metavar="FILE",
              help="A file, china or flower.")  # fmt: skip
@click.option("--guide", metavar="FILE", help="An image whose features it is drawn to.")
@click.option("--longest", "--size", type=click.IntRange(min=16), default=320, show_default=True,
              help="Pixels of the longer side.")  # fmt: skip
@click.option(
    "--octaves", type=click.IntRange(min=1), default=4, show_default=True, help="Sizes to dream at."
)
@click.option("--scale", type=click.FloatRange(min=1, min_open=True), default=1.4,
              show_default=True, help="From one octave to the next.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=0), default=20, show_default=True,
              help="In each octave.")  # fmt: skip
@click.option("--step", type=click.FloatRange(min=0, min_open=True), default=1.5,
              show_default=True, help="Mean change of a pixel in one, of 255.")  # fmt: skip
@click.option(
    "--jitter",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Largest shift between steps, in pixels.",
)
@click.option("--smooth", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Blur of the gradient in pixels, against grids.")  # fmt: skip
@click.option("--tile", type=click.IntRange(min=32), default=512, show_default=True,
              help="Larger images are worked on in parts.")  # fmt: skip
@click.option("--frames", type=click.IntRange(min=0), default=0, help="Of a film of the loop.")
@click.option("--zoom", type=click.FloatRange(0, 0.5, max_open=True), default=0.05,
              show_default=True, help="From one frame to the next.")  # fmt: skip
@click.option(
    "--film",
    type=click.Choice(["webp", "gif"]),
    default="webp",
    show_default=True,
    help="Format of the frames, with --frames.",
)
@with_common
def dream(layers: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Make what a layer sees in an image stronger: DeepDream.

    In octaves, with jitter, in tiles where the image is large; guided by another image, or as a
    film of the feedback loop.
    """
    from advkit.api.picturing import dream as run

    if not given["frames"]:
        refuse_typed("film", "zoom", why="without --frames", hint="add --frames 40")
    with setting_of("dream", given) as setting:
        record = run(setting._replace(limit=1), layers=layers, **given)
    told(record, as_json)
