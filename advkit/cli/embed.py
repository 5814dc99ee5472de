"""`advkit embed`: images arranged by the codes that a net gives them."""

from typing import Any

import click

from advkit.cli.parameters import Norm, Radius, each
from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common
from advkit.cli.unused_options import refuse_typed
from advkit.numbers import check_eps

EPILOG = (
    """
\b
Examples:
  advkit embed
      300 images of a bundled net, from pixels to logits
  advkit embed --layer 8 --images 1000 --perplexity 50
  advkit embed --eps 0.1 --attack pgd
      with lines from images to their adversarial examples
  advkit embed --model efficientnet-lite:0 --data imagefolder:photos
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
    "--images",
    "limit",
    type=click.IntRange(min=5),
    default=300,
    show_default=True,
    help="Number of images to embed.",
)
@click.option(
    "--perplexity",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="Perplexity of t-SNE: roughly the number of neighbours that count.",
)
@click.option(
    "--eps",
    type=Radius(),
    help="Attack within this radius, and draw where the codes move.",
)
@click.option("--attack", default="pgd", show_default=True, metavar="NAME[:KEY=VALUE,...]",
              help="Attack to use with --eps.")  # fmt: skip
@click.option("--norm", type=Norm(), default="Linf",
              show_default=True, help="Norm of the attack.")  # fmt: skip
@click.option("--arrows", type=click.IntRange(min=1), default=20, show_default=True,
              help="Number of images to attack.")  # fmt: skip
@SIZE
@with_common
def embed(
    layers: tuple[str, ...], limit: int, eps: float | None, attack: str, norm: str, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Arrange images by their codes, layer by layer.

    t-SNE plots of thumbnails; and the purity of neighbourhoods and the accuracy of a linear probe,
    which do not depend on the plot.
    """
    check_eps(() if eps is None else (eps,), norm)
    if eps is None:
        refuse_typed("attack", "norm", "arrows", why="without --eps", hint="add --eps 8/255")
    from advkit.api.picturing import embed as run

    asked = {"attack": attack, "eps": eps, "norm": norm} if eps is not None else {}
    with setting_of("embed", given) as setting:
        record = run(setting._replace(limit=limit), layers=layers, **asked, **given)
    told(record, as_json)
