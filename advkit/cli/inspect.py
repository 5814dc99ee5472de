"""`advkit inspect`: what a model is, whether it works on the data, and what to do."""

import json
from typing import Any

import click

from advkit.cli.failures import UntrustedError, say
from advkit.cli.model_options import ALLOW_UNSAFE, ARGS, PREPROCESS, spec_with
from advkit.cli.run_options import ARCH, DATA, DEVICE, JSON, NO_PROGRESS

EPILOG = """
\b
Examples:
  advkit inspect ./net.py:make --data imagefolder:photos
      the first thing to run when numbers look wrong
  advkit inspect bundled:fashion-mnist-cnn
  advkit inspect torchvision:resnet18?weights=DEFAULT --data imagefolder:photos --limit 64
  advkit inspect torchvision:resnet18 --layers
      the names for --layer, and nothing else
  advkit inspect ./net.py:make --shape 3,64,64 --json
      no data: only what noise can show
  advkit inspect net.safetensors --data npz:test.npz --strict
      exit 6 if anything is wrong
"""


@click.command(epilog=EPILOG)
@click.argument("model")
@ARGS
@PREPROCESS
@ALLOW_UNSAFE
@DATA
@ARCH
@click.option("--layers", is_flag=True, help="List every layer: its name, output and weights; "
                                             "without --data, check nothing else.")  # fmt: skip
@click.option(
    "--shape",
    metavar="C,H,W",
    help="Shape of an image, if the model does not specify it: 3,224,224.",
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=256, show_default=True,
    help="Most samples to check, with the class proportions of the data.",
)  # fmt: skip
@DEVICE
@click.option("--strict", is_flag=True, help="Exit 6 if any check fails.")
@JSON
@NO_PROGRESS
def inspect(
    model: str, model_arg: tuple[str, ...], preprocess: str | None, data: str | None, layers: bool,
    as_json: bool, strict: bool, no_progress: bool, **options: Any,
) -> None:  # fmt: skip
    """Check what MODEL is, whether it works on the data as it should, and what to do if not.

    Accuracy under every common preprocessing; whether outputs are repeatable, and the same in any
    batch; whether there is a gradient and it is correct; times, memory, and the cost of an audit.

    Without --data, a bundled model is checked on its own images, any other on noise, which shows
    less.

    A layer that is called several times in a pass is NAME#0, NAME#1, ...
    """
    from advkit.api.inspecting import inspect as run
    from advkit.cli.inspect_page import page
    from advkit.cli.progress import bars
    from advkit.models.load_policy import allows_unsafe_loads

    with bars(no_progress, "step") as progress:
        spec = spec_with(model, model_arg, preprocess) or model
        found = run(spec, data, layers=layers, checks=not layers or data is not None,
                    progress=progress, **options)  # fmt: skip
    words = [spec, *(("--arch", options["arch"]) if options["arch"] else ())]
    words += ["--allow-unsafe-load"] if allows_unsafe_loads() else []
    say(json.dumps(found, indent=2) if as_json else page(found, words))
    wrong = [row["name"] for row in found.get("findings", ()) if row["state"] == "fail"]
    if strict and wrong:
        raise UntrustedError(f"--strict: {', '.join(wrong)}")
