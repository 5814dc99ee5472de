"""`advkit fool`: meaningless images that a net classifies with certainty."""

from typing import Any

import click

from advkit.cli.parameters import each
from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common

EPILOG = (
    """
\b
Examples:
  advkit fool
      every class of a bundled net, robust and standard, in five ways
  advkit fool --model efficientnet-lite:0 --class peacock --way noise,photograph
  advkit fool --confidence 0.9 --steps 1000 --way evolution

\b
Ways:
  noise, zero, photograph   along the gradient, starting there
  shapes                    from noise, with decay and blur
  evolution                 by mutation and selection, without gradients
"""
    + CODES
)


@click.command(epilog=EPILOG)
@click.option(
    "--class", "classes", multiple=True, metavar="NAME,...", help="Classes, by name or number."
)
@click.option("--way", "ways", multiple=True, callback=each, metavar="NAME,...",
              help="[default: all]")  # fmt: skip
@click.option(
    "--confidence", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.999,
    show_default=True,
    help="Probability to reach.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=300, show_default=True,
              help="Steps of the optimiser, or generations.")  # fmt: skip
@click.option("--picture", default="china", show_default=True, metavar="FILE",
              help="Photograph to start from if there is no data.")  # fmt: skip
@click.option("--beside", metavar="MODEL", help="Another net to fool in the same ways.")
@SIZE
@with_common
def fool(
    classes: tuple[str, ...], ways: tuple[str, ...], beside: str | None, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Make meaningless images that a net classifies with near certainty.

    Says how many steps it took from every start, and whether the image could be detected by its
    distance from real images.
    """
    from advkit.api.picture_setting import STANDARD
    from advkit.api.picturing import fool as run

    if given["model"] is None and beside is None:
        beside = STANDARD
    asked: dict[str, Any] = {"ways": ways} if ways else {}
    with setting_of("fool", given) as setting:
        record = run(setting, beside=beside, targets=classes, **asked, **given)
    told(record, as_json)
