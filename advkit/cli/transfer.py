"""`advkit transfer`: does what fools one net fool another?"""

import json
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.parameters import EpsList, Number
from advkit.cli.run_options import DATA, DEVICE, FRESH, JOBS, JSON, NO_PROGRESS, OUT, SEED, framed

EPILOG = """
\b
Examples:
  advkit transfer
      trains twelve nets on halves of the digits, and tries each on each
  advkit transfer --attack bim --attack mifgsm --attack mifgsm+dim+tim --eps 0.05,0.1,0.2
  advkit transfer --model torchvision:resnet18?weights=DEFAULT \\
      --model torchvision:mobilenet_v3_small?weights=DEFAULT --data imagefolder:photos
  advkit transfer --architectures cnn,resnet --seeds 3 --split shared
  advkit transfer --train-data 'torchvision:FashionMNIST?root=data&split=train' \\
      --data 'torchvision:FashionMNIST?root=data&split=test' --limit 500

The run directory holds report.html, transfer.csv (a row per source, attack,
eps and target), run.json, and the examples in sources/.

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 refused (could run code), 5 nothing to attack,
  7 out of memory or disk, 70 a bug, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@click.option("--model", "models", multiple=True, metavar="SPEC", help="A net; give two or more. "
              "Without any, nets are trained for the study.")  # fmt: skip
@DATA
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Repeatable; names with + between are put together: mifgsm+dim+tim.",
)
@click.option("--norm", type=click.Choice(["Linf", "L2", "L1"]), default="Linf", show_default=True)
@click.option(
    "--eps", type=EpsList(), help="Radii with commas between; the middle one is that of the matrix."
)
@click.option("--steps", type=click.IntRange(min=1), default=10, show_default=True,
              help="Of every attack that has steps and does not say otherwise.")  # fmt: skip
@click.option(
    "--targets",
    default="random",
    show_default=True,
    metavar="random|least_likely|second|none",
    help="The class that targeted attacks seek, at the middle eps.",
)
@click.option("--every", is_flag=True, help="All attacks at every eps and towards targets, not "
              "only the best one and the noise.")  # fmt: skip
@click.option("--architectures", default="logistic,mlp,cnn,resnet,vit", show_default=True,
              help="Of the nets that are trained.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True,
              help="Nets of each architecture.")  # fmt: skip
@click.option(
    "--split",
    type=click.Choice(["disjoint", "shared"]),
    default="disjoint",
    show_default=True,
    help="Whether nets of different seeds see different images.",
)
@click.option("--robust", default="cnn", show_default=True, metavar="ARCH,...|none",
              help="Trained against perturbations of the middle eps as well.")  # fmt: skip
@click.option("--robust-eps", type=Number(), help="The size of these perturbations instead.")
@click.option("--train-data", default="bundled:digits?split=train", show_default=True,
              help="What nets are trained on.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1),
              help="Of each training.  [default: 5 to 40, for about 30,000 images]")  # fmt: skip
@click.option(
    "--nets",
    type=click.Path(path_type=Path),
    default=Path("runs/nets"),
    show_default=True,
    help="Where trained nets are kept for the next study.",
)
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True,
              help="Only so many images, of every class in its share.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), help="No result depends on it.")
@JOBS
@SEED
@DEVICE
@OUT
@FRESH
@JSON
@NO_PROGRESS
def transfer(
    models: tuple[str, ...], data: str | None, attacks: tuple[str, ...], norm: str,
    targets: str, architectures: str, seeds: int, split: str, robust: str,
    robust_eps: float | None, train_data: str, epochs: int | None, nets: Path, out: Path | None,
    as_json: bool, no_progress: bool, **options: Any,
) -> None:  # fmt: skip
    """Make examples on each net and show them to every other; write a report.

    Only images that both nets read right count. Every share stands beside that of noise of the
    same size.
    """
    from advkit.transferring import Training, study

    training = Training(_names(architectures), _names(robust), robust_eps, seeds, split, train_data,
                        epochs, folder=nets)  # fmt: skip
    with framed(out, *models, data or "", kind="transfer", no_progress=no_progress) as frame:
        summary = study(models, data, training=training, norm=norm, attacks=attacks,
                        targets=None if targets == "none" else targets, out=frame.folder,
                        progress=frame.progress, command=frame.command, **options)  # fmt: skip
    say(json.dumps(summary) if as_json else table(summary))


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(filter(None, text.split(",")))


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    from advkit.cli.layout import columns, paragraph

    rows = []
    for row in sorted(summary["ranked"], key=lambda row: -row["success"]["value"]):
        share, own = row["success"], row["white_box"]
        interval = f"{share['low']:.3f} to {share['high']:.3f}"
        itself = f"{own['value']:.3f}" if own else "-"
        passes = f"{row['forwards'] + row['backwards']:,.0f}"
        rows.append((row["attack"], f"{share['value']:.3f}", interval, itself, passes))
    head = ("attack", "transfer", "95% interval", "itself", "passes")
    lines = [paragraph(summary["verdict"]), "", columns(head, rows, right=(1, 2, 3, 4)), ""]
    lines += [paragraph(text, "finding:  ") for text in summary["findings"]]
    lines += [paragraph(note, "note:     ") for note in summary["notes"]]
    files = f"{summary['out']}/transfer.csv"
    return "\n".join([*lines, f"table:    {files}", f"report:   {summary['report']}"])
