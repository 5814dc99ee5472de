"""`advkit transfer`: does what fools one net fool another?"""

import json
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.model_options import ALLOW_UNSAFE
from advkit.cli.parameters import EpsList, NameList, Norm, Number, joined, union
from advkit.cli.run_options import DATA, DEVICE, FRESH, JOBS, JSON, NO_PROGRESS, OUT, SEED, framed
from advkit.cli.transfer_page import labels_table, table
from advkit.cli.unused_options import refuse_typed
from advkit.errors import UsageError

ARCHITECTURES = "logistic,mlp,cnn,resnet,vit"
OF_TRAINING = ("seeds", "split", "robust", "robust_eps", "classical")
EPILOG = """
\b
Examples:
  advkit transfer
      trains twelve nets on halves of the digits, and tries all pairs
  advkit transfer --attack bim --attack mifgsm --attack mifgsm+dim+tim --eps 0.05,0.1,0.2
  advkit transfer --model torchvision:resnet18?weights=DEFAULT \\
      --model torchvision:mobilenet_v3_small?weights=DEFAULT --data imagefolder:photos
  advkit transfer --architectures cnn,resnet --seeds 3 --split shared
  advkit transfer --train-data 'torchvision:FashionMNIST?root=data&split=train' \\
      --data 'torchvision:FashionMNIST?root=data&split=test' --limit 500

\b
  advkit transfer --target bundled:fashion-mnist-cnn --query-labels --queries 2000
      an attacker without the weights, who may query labels

The run directory holds report.html, transfer.csv (a row per source, attack,
eps and target), run.json, and the examples in sources/.

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 refused (could run code), 5 nothing to attack,
  7 out of memory or disk, 70 a bug, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="SPEC",
    help="A net; give two or more, each with its own options: NAME?preprocess=imagenet&KEY=VALUE. "
    "Without this option, nets are trained for the study.",
)
@ALLOW_UNSAFE
@DATA
@click.option(
    "--attacks",
    "--attack",
    "attacks",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Attack; repeatable. Names joined by + form one attack: mifgsm+dim+tim.",
)
@click.option("--norm", type=Norm("Linf", "L2"), default="Linf", show_default=True,
              help="Norm of the perturbation.")  # fmt: skip
@click.option(
    "--eps",
    type=EpsList(),
    multiple=True,
    callback=union,
    help="Radii, separated by commas; the matrix uses the middle one.",
)
@click.option("--steps", type=click.IntRange(min=1), default=10, show_default=True,
              help="Steps of every attack that has steps, unless its own options say "
              "otherwise.")  # fmt: skip
@click.option(
    "--targets",
    default="random",
    show_default=True,
    metavar="random|least_likely|second|none",
    help="Target class of targeted attacks, at the middle eps.",
)
@click.option("--every", is_flag=True, help="Run all attacks at every eps and towards targets, "
                                            "not only the best one and the noise.")  # fmt: skip
@click.option("--architectures", type=NameList(), multiple=True, callback=joined,
              default=[ARCHITECTURES], show_default=True,
              help="Architectures of the nets to train; for surrogates mlp,cnn.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True,
              help="Nets of each architecture.")  # fmt: skip
@click.option(
    "--split",
    type=click.Choice(["disjoint", "shared"]),
    default="disjoint",
    show_default=True,
    help="Whether nets of different seeds see different images.",
)
@click.option("--robust", type=NameList(), multiple=True, callback=joined, default=["cnn"],
              show_default=True, metavar="ARCH,...|none",
              help="Architectures also trained adversarially at the middle eps.")  # fmt: skip
@click.option("--classical/--no-classical", default=True, show_default=True,
              help="Use scikit-learn classifiers as targets too.")  # fmt: skip
@click.option("--robust-eps", type=Number(), help="Use this eps for adversarial training instead.")
@click.option(
    "--train-data",
    help="Data to train nets on, or the attacker's own images.  [default: "
    "bundled:digits?split=train; the images of --data that are not attacked]",
)
@click.option("--target", metavar="SPEC", help="A net whose weights the attacker does not have.")
@click.option(
    "--query-labels",
    is_flag=True,
    help="Train surrogates on the labels that --target gives, and attack it by transfer.",
)
@click.option(
    "--queries",
    type=click.IntRange(min=2),
    default=2048,
    show_default=True,
    help="Number of labels that the attacker may query.",
)
@click.option("--first", type=click.IntRange(min=2), default=128, show_default=True,
              help="Number of the attacker's own images at the start.")  # fmt: skip
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Epochs of each training.  [default: 5 to 40, for about 30,000 images]",
)
@click.option(
    "--nets",
    type=click.Path(path_type=Path),
    default=Path("runs/nets"),
    show_default=True,
    help="Where trained nets are kept for the next study.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Use only this many images, with the class proportions of the data.",
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), help="Batch size; results do not depend on it."
)
@JOBS
@SEED
@DEVICE
@OUT
@FRESH
@JSON
@NO_PROGRESS
def transfer(
    models: tuple[str, ...], target: str | None, query_labels: bool, out: Path | None,
    as_json: bool, no_progress: bool, **options: Any,
) -> None:  # fmt: skip
    """Make adversarial examples on each net and try them on every other; write a report.

    Only images that both nets classify correctly count. Every share is compared with that of noise
    of the same size. With --target and --query-labels: an attacker who only sees labels.
    """
    _check(models, target, query_labels)
    with framed(out, *models, target or "", kind="transfer", no_progress=no_progress) as frame:
        options |= {"out": frame.folder, "progress": frame.progress, "command": frame.command}
        summary = _ask(target, **options) if target else _study(models, **options)
    told = labels_table if target else table
    say(json.dumps(summary) if as_json else told(summary))


def _check(models: tuple[str, ...], target: str | None, query_labels: bool) -> None:
    if bool(target) != query_labels:
        raise UsageError(
            "--target and --query-labels go together", "give both, or --model twice", code="E207"
        )
    if target and models:
        raise UsageError(
            "--target with --model", "its surrogates are trained: leave --model out", code="E207"
        )
    if models:
        refuse_typed(*OF_TRAINING, "epochs", "train_data", "architectures", why="with --model",
                     hint="nets are trained where no --model is given")  # fmt: skip
    if target:
        refuse_typed(*OF_TRAINING, "targets", "every", "batch_size", why="with --query-labels",
                     hint="leave it out")  # fmt: skip
    else:
        refuse_typed("queries", "first", why="without --query-labels",
                     hint="give it and --target, or leave both out")  # fmt: skip


def _study(
    models: tuple[str, ...], data: str | None, attacks: tuple[str, ...], targets: str,
    architectures: str, robust: str, train_data: str | None, nets: Path, epochs: int | None,
    **options: Any,
) -> dict[str, Any]:  # fmt: skip
    from advkit.api.transfer_nets import TRAIN, Training
    from advkit.api.transferring import transfer as run

    options = {key: value for key, value in options.items() if key not in ("queries", "first")}
    of_nets = {name: options.pop(name) for name in ("seeds", "split", "robust_eps", "classical")}
    training = Training(_names(architectures), _names(robust), data=train_data or TRAIN,
                        epochs=epochs, folder=nets, **of_nets)  # fmt: skip
    return run(models, data, training=training, attacks=attacks,
                 targets=None if targets == "none" else targets, **options)  # fmt: skip


def _ask(
    target: str, data: str | None, attacks: tuple[str, ...], train_data: str | None,
    architectures: str, epochs: int | None, queries: int, first: int,
    eps: tuple[float, ...] | None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    from advkit.api.transferring import by_labels
    from advkit.benchmarks.query_surrogates import Budget

    if len(attacks) > 1 or (eps and len(eps) > 1):
        raise UsageError(
            "--query-labels takes one --attack and one --eps", "leave the others out", code="E207"
        )
    usual = Budget()
    chosen = usual.architectures if architectures == ARCHITECTURES else _names(architectures)
    budget = Budget(queries, first, usual.step, chosen, epochs, (*attacks, usual.attack)[0])
    kept = ("norm", "limit", "device", "jobs", "seed", "steps", "fresh", "out", "progress",
            "command")  # fmt: skip
    return by_labels(target, data, own=train_data, budget=budget, eps=eps[0] if eps else None,
                     **{name: options[name] for name in kept})  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(filter(None, text.split(",")))
