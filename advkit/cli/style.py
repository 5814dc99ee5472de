"""`advkit style`: one image in the textures of others."""

from typing import Any

import click

from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, setting_of, told, with_common

EPILOG = (
    """
\b
Examples:
  advkit style --model efficientnet-lite:0
      scikit-learn's china in the textures of its flower
  advkit style --model efficientnet-lite:0 --content photo.jpg --style painting.jpg --longest 512
  advkit style --model torchvision:vgg19?weights=DEFAULT --content-layer features.22 \\
      --style-layer features.1 --style-layer features.6 --style-layer features.11
  advkit style --style a.jpg --share 1 --style b.jpg --share 3 --keep-colours
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option("--content", default="china", show_default=True, metavar="FILE",
              help="The content image, or china or flower.")  # fmt: skip
@click.option(
    "--style",
    "styles",
    multiple=True,
    metavar="FILE",
    help="A style image, or china or flower; repeatable.  [default: flower]",
)
@click.option("--share", "shares", multiple=True, type=click.FloatRange(min=0, min_open=True),
              help="Weight of each style, in order.  [default: equal]")  # fmt: skip
@click.option("--longest", "--size", type=click.IntRange(min=16), default=256, show_default=True,
              help="Longer side in pixels; from 256 on, smaller sizes come first.")  # fmt: skip
@click.option("--optimiser", type=click.Choice(["lbfgs", "adam"]), default="lbfgs",
              show_default=True, help="Optimiser of the image.")  # fmt: skip
@click.option("--steps", "passes", type=click.IntRange(min=1), default=100, show_default=True,
              help="Passes through the net, most of them at small sizes.")  # fmt: skip
@click.option("--start", type=click.Choice(["content", "noise", "zero"]), default="content",
              show_default=True, help="What the image starts from.")  # fmt: skip
@click.option("--content-layer", "content_layers", multiple=True, callback=each,
              metavar="NAME,...",
              help="Layer for the content.  [default: the third resolution]")  # fmt: skip
@click.option("--style-layer", "--layer", "style_layers", multiple=True, callback=each,
              metavar="NAME,...",
              help="Layers for the style.  [default: one per resolution]")  # fmt: skip
@click.option(
    "--content-weight",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Weight of the content.",
)
@click.option(
    "--style-weight",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Weight of the style.",
)
@click.option(
    "--variation-weight",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Weight of total variation, for smoothness.",
)
@click.option("--recolour/--no-recolour", default=True, show_default=True,
              help="Start with the content in the styles' colours.")  # fmt: skip
@click.option(
    "--keep-colours", is_flag=True, help="Keep the content's hues, with the style's brightness."
)
@click.option("--average-pools", is_flag=True, help="Replace every max pooling by average pooling.")
@with_common
def style(styles: tuple[str, ...], longest: int, as_json: bool, **given: Any) -> None:
    """Paint one image in the style of others: neural style transfer.

    L-BFGS from coarse to fine. Layer losses are calibrated to start equal, in any net; the page and
    the table below say how.
    """
    from advkit.api.picturing import style as run

    asked = {"styles": styles} if styles else {}
    with setting_of("style", given) as setting:
        record = run(setting._replace(limit=1), size=longest, **asked, **given)
    told(record, as_json)
