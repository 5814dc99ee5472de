"""`advkit gallery`: one page with all pictures of what a model sees."""

from typing import Any

import click

from advkit.cli.parameters import Names, each
from advkit.cli.picture_options import CODES, SIZE, setting_of, told, with_common

EPILOG = (
    """
\b
Examples:
  advkit gallery
  advkit gallery --model bundled:fashion-mnist-cnn --data bundled:fashion-mnist
  advkit gallery --model efficientnet-lite:0 --only visualize,dream,style
"""
    + CODES
)
PARTS = ("visualize", "invert", "fool", "embed", "dream", "style")


@click.command(epilog=EPILOG)
@click.option("--only", "parts", multiple=True, type=Names(PARTS), callback=each,
              help="Parts, separated by commas or repeated.  [default: all]")  # fmt: skip
@click.option("--quick", is_flag=True, help="Use few steps, as a quick test.")
@SIZE
@with_common
def gallery(parts: tuple[str, ...], quick: bool, as_json: bool, **given: Any) -> None:
    """Make one page of all pictures for a model: the page to open first.

    Runs visualize, invert, fool, embed, dream and style with few images each, every one in its own
    folder; an interrupted gallery resumes.
    """
    from advkit.api.picture_gallery import gallery as run

    with setting_of("gallery", given) as setting:
        record = run(setting, parts=parts or PARTS, quick=quick)
    told(record, as_json)
