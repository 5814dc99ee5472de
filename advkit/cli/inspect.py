"""`advkit inspect`: what a model is made of, and what its layers are called."""

import json
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.run_options import ARCH, JSON

EPILOG = """
\b
Examples:
  advkit inspect bundled:fashion-mnist-cnn --layers
  advkit inspect torchvision:resnet18 --layers
  advkit inspect ./net.py:make --layers --shape 3,64,64 --json
"""


@click.command(epilog=EPILOG)
@click.argument("model")
@ARCH
@click.option("--layers", is_flag=True, help="List every layer: its name, output and weights.")
@click.option(
    "--shape", metavar="C,H,W", help="Of an image, where the model does not say: 3,224,224."
)
@JSON
def inspect(model: str, arch: str | None, layers: bool, shape: str | None, as_json: bool) -> None:
    """Tell what MODEL is: inputs, classes, weights; with --layers the names for --layer.

    A layer that is called several times in a pass is NAME#0, NAME#1, ...
    """
    from advkit.api_maps import describe_model

    found = describe_model(model, arch=arch, shape=shape, layers=layers)
    say(json.dumps(found, indent=2) if as_json else page(found))


def page(found: dict[str, Any]) -> str:
    """Return what is known of a model for a terminal."""
    from advkit.cli.layout import columns

    size = " x ".join(map(str, found["shape"]))
    lines = [found["name"], "", f"images   {size}", f"classes  {found['n_classes']}",
             f"weights  {found['parameters']:,}"]  # fmt: skip
    if "layers" in found:
        rows = [
            (row["name"], row["kind"], " x ".join(map(str, row["shape"])) or "1",
             f"{row['parameters']:,}", row["map"])
            for row in found["layers"]
        ]  # fmt: skip
        heads = ("layer", "kind", "output", "weights", "a map of")
        lines += ["", columns(heads, rows, right=(3,))]
    return "\n".join(lines)
