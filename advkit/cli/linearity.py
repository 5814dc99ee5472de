"""`advkit linearity`: why linear models are fooled, and how linear nets are."""

import json
from pathlib import Path

import click

from advkit.cli.failures import say
from advkit.cli.model_options import ALLOW_UNSAFE
from advkit.cli.parameters import NameList, Names, Number, each
from advkit.cli.run_options import DATA, JSON, NO_PROGRESS, SEED, framed
from advkit.numbers import check_eps

PARTS = ("numbers", "dimension", "images", "decay", "nets", "manifold")

EPILOG = """
\b
Examples:
  advkit linearity
      bundled images and nets, in under a minute
  advkit linearity --data bundled:digits --classes 3,8 --out runs/digits
  advkit linearity --data 'torchvision:FashionMNIST?root=DIR&split=test' --limit 4000
  advkit linearity --data imagefolder:photos --model ./net.py:make --model net.safetensors
  advkit linearity --part numbers,dimension --out runs/demo

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 refused (could run code), 5 nothing to evaluate, 7 out of memory or
  disk, 70 a bug, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@DATA
@click.option(
    "--classes",
    type=NameList(),
    multiple=True,
    callback=each,
    metavar="A,B",
    help="The two classes of the two-class model, by name.  [default: Sneaker,Bag, or the first "
    "two]",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A net to study, as for audit; repeatable.  [default: the bundled ones for these images]",
)
@ALLOW_UNSAFE
@click.option(
    "--decay",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Weight decay of the models on real images: half of it times the squared norm of the "
    "weights is added to the mean loss.",
)
@click.option(
    "--eps",
    type=Number(),
    help="Linf radius around images within which nets are studied: 8/255, 0.05.  [default: 0.1, "
    "for colour images 8/255]",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=Names(PARTS),
    callback=each,
    help="Only these parts of the page, separated by commas or repeated.  [default: all]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Use only this many images, with the class proportions of the data.",
)
@SEED
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Output directory; files of an earlier study in it are replaced.  [default: a new one "
    "under runs/]",
)
@JSON
@NO_PROGRESS
def linearity(
    data: str | None, classes: tuple[str, ...], models: tuple[str, ...], decay: float,
    eps: float | None, parts: tuple[str, ...], limit: int | None, seed: int, out: Path | None,
    as_json: bool, no_progress: bool,
) -> None:  # fmt: skip
    """Show why linear models are fooled, and how far this holds for nets; write a page.

    Ten numbers to add up by hand; the dimension; real images with the exact smallest perturbation
    that fools, compared with what attacks find; weight decay; how linear nets are around images;
    and how far adversarial examples lie from the data. Half of the images of each class are used
    for fitting, the other half for testing. Every number is also in a CSV file.
    """
    check_eps(() if eps is None else (eps,), "Linf")
    from advkit.api.linear_study import linearity as run
    from advkit.benchmarks.linearity import DATA as USUAL
    from advkit.evaluate.workers import one_thread_each

    spec = data or USUAL
    with framed(
        out, spec, kind="linearity", no_progress=no_progress, unit="part", resumes=False
    ) as frame, one_thread_each():  # fmt: skip
        summary = run(
            spec, limit=limit, out=frame.folder, command=frame.command, progress=frame.progress,
            classes=classes, models=models, parts=parts, decay=decay, eps=eps, seed=seed,
        )  # fmt: skip
    if as_json:
        say(json.dumps(summary))
        return
    notes = [f"note: {note}" for note in summary["notes"]]
    say("\n".join([summary["headline"], *notes, f"report: {summary['report']}"]))
