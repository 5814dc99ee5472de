"""`advkit train`: train on data and write a weights file that describes itself."""

from pathlib import Path
from typing import Any

import click

from advkit.cli.parameters import Norm, Number
from advkit.cli.run_options import data_option
from advkit.cli.unused_options import refuse_typed
from advkit.errors import InputError, UsageError
from advkit.numbers import check_eps

EPILOG = """
\b
Examples:
  advkit train --out digits.safetensors
  advkit train --arch resnet --data imagefolder:photos --epochs 30 --out photos.safetensors
  advkit train --arch cnn?width=16 --data npz:train.npz --eps 8/255 --out robust.safetensors
  advkit train --arch logmel --data audio:recordings --out words.safetensors
  advkit audit --model robust.safetensors --data npz:test.npz

\b
Interrupted training resumes from OUT.checkpoint with the same command, and ends with the same
weights as without the interruption.
"""


@click.command(epilog=EPILOG)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="FILE.safetensors.")
@data_option(
    "bundled:NAME, imagefolder:DIR?size=32, audio:DIR, npz:FILE, or "
    "torchvision:NAME?root=DIR&split=train.",
    default="bundled:digits?split=train",
    show_default=True,
)
@click.option(
    "--arch",
    default="cnn",
    show_default=True,
    help="logistic, mlp?width=256&depth=2, cnn?width=32&hidden=128, resnet?width=16, "
    "vit?width=64&depth=4&heads=4; for sound logmel?width=16&mels=40, logmel_linear.",
)
@click.option(
    "--eps",
    type=Number(),
    default=0.0,
    show_default=True,
    help="Radius of the perturbations for adversarial training; 0 is standard training.",
)
@click.option("--norm", type=Norm("Linf", "L2"), default="Linf", show_default=True,
              help="Norm of the perturbations.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=7, show_default=True,
              help="Steps of the inner attack.")  # fmt: skip
@click.option(
    "--step",
    type=Number(),
    default=0.25,
    show_default=True,
    help="Step size of the inner attack, in units of eps.",
)
@click.option(
    "--inner",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Precision of the inner attack; the rest is float32.",
)
@click.option(
    "--warm-up",
    type=Number(),
    default=1.0,
    show_default=True,
    help="Epochs over which the radius grows to eps.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=10, show_default=True,
              help="Number of passes over the data.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True,
              help="Images per optimiser step.")  # fmt: skip
@click.option(
    "--rate", type=Number(), default=0.002, show_default=True, help="Peak learning rate of Adam."
)
@click.option(
    "--schedule",
    type=click.Choice(["onecycle", "cosine"]),
    default="onecycle",
    show_default=True,
    help="Learning rate schedule.",
)
@click.option(
    "--weight-decay", type=Number(), default=0.0, show_default=True, help="Weight decay of AdamW."
)
@click.option(
    "--held-out",
    type=Number(),
    default=0.05,
    show_default=True,
    help="Share of the images held out to choose the best epoch.",
)
@click.option("--limit", type=click.IntRange(min=0), help="Use only this many images.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed for the weights and the order of images.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
def train(
    out: Path, data: str, arch: str, limit: int | None, overwrite: bool, no_progress: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Train a small classifier, standard or adversarially (PGD-AT, Madry et al. 2018).

    The weights with the best robust accuracy on held-out images are kept (with --eps 0: the best
    clean accuracy). OUT needs no --arch in an audit.
    """
    from advkit.data import fingerprint, load_data
    from advkit.models.checkpoint import checkpoint_of
    from advkit.models.recipe import Recipe
    from advkit.models.train import fit
    from advkit.spec_text import literal, parse_spec

    check_eps((options["eps"],), options["norm"])
    if options["eps"] == 0:
        of_attack = ("norm", "steps", "step", "inner", "warm_up")
        refuse_typed(*of_attack, why="without an --eps above 0", hint="add --eps 8/255")
    _check_place(out, checkpoint_of(out), overwrite)
    net = parse_spec(arch)
    chosen = {key: literal(value) for key, value in net.query.items()}
    recipe = Recipe(arch=f"{net.scheme}:{net.ref}".lstrip(":"), options=chosen, **options)
    samples = load_data(data, limit=limit)
    about = {
        "name": Path(samples.name.partition("?")[0]).name,
        "images": len(samples.x),
        "sha256": fingerprint(samples),
    }
    steps = fit(samples.x, samples.y, out, recipe, classes=samples.classes, data=about)
    best = _watch(steps, no_progress)
    if best is not None:
        click.echo(f"held-out images: {_told(best)}")
    click.echo(f"weights: {out}")


def _check_place(out: Path, checkpoint: Path, overwrite: bool) -> None:
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(
            f"--out {out} cannot be written to", "give a file in an existing directory", code="E311"
        )
    if out.exists() and not checkpoint.exists() and not overwrite:
        raise UsageError(f"--out {out} already exists", "give another name, or --overwrite")


def _watch(steps: Any, no_progress: bool) -> Any:
    """Draw a progress bar for the steps; return the best scores."""
    from tqdm import tqdm

    best = None
    with tqdm(unit="step", disable=True if no_progress else None, dynamic_ncols=True) as bar:
        for step in steps:
            bar.total = step.total
            bar.update(step.number - bar.n)
            best = step.best
            if step.scores:
                bar.set_postfix_str(f"held-out {_told(step.scores)}")
    return best


def _told(scores: Any) -> str:
    robust = "" if scores.robust is None else f", robust {scores.robust:.3f}"
    return f"clean {scores.clean:.3f}{robust}"
