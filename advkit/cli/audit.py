"""`advkit audit`: attack a model on data and write a report."""

import json
from pathlib import Path
from typing import Any

import click

from advkit.bounds.proof_methods import WAYS
from advkit.cli.audit_page import table
from advkit.cli.failures import UntrustedError, say
from advkit.cli.outputs import (
    better_than_chance,
    check_outputs,
    check_share,
    gate,
    share_gate,
    write_outputs,
)
from advkit.cli.parameters import EpsList, Norm, union
from advkit.cli.run_options import (
    ARCH,
    DATA,
    DEVICE,
    FRESH,
    JSON,
    MODEL,
    NO_PROGRESS,
    OUT,
    PROCESSES,
    RAY,
    SEED,
    SHARD,
    UNIT_SECONDS,
    framed,
)
from advkit.cli.shard_options import named, portion_in, shard_done
from advkit.cli.unused_options import refuse_typed
from advkit.errors import EmptyError
from advkit.evaluate.requirements import check_asked, judge, required
from advkit.evaluate.suites import SUITES
from advkit.numbers import check_eps

EPILOG = """
\b
Examples:
  advkit audit
      a bundled robust net on bundled images, in about two minutes
  advkit audit --model model.safetensors --data imagefolder:photos --eps 8/255
  advkit audit --model ./net.py:make?depth=18 --data npz:test.npz --norm L2 --eps 0.25,0.5
  advkit audit --model torchvision:resnet18?weights=DEFAULT --data imagefolder:photos
  advkit audit --attacks pgd:steps=100,restarts=5 --attacks square --eps 0.1
  advkit audit --model bundled:spoken-digits-cnn --norm L2 --eps 50dB,40dB,30dB
  advkit audit --suite quick --strict --surrogate bundled:fashion-mnist-cnn
      exit 6 if the number cannot be trusted
  advkit audit --jobs 8 --unit-seconds 600 --out runs/a
      worker processes: one that is killed or hangs costs one batch
  advkit audit --shard 1/8 --out runs/a
      an eighth of the work; advkit merge runs/a when all are done
  advkit audit --ray auto --out runs/a
  advkit audit --out runs/a --require 'linf@0.1 >= 0.6' -o audit.md -o audit.xml

\b
Exit codes:
  0 ok, 1 below --fail-under or --require, 2 usage, 3 bad input, 4 refused (could run code),
  5 nothing to evaluate, 6 cannot be trusted (with --strict), 7 out of memory or disk, 70 a bug,
  129 SIGHUP, 130 Ctrl-C, 143 SIGTERM
"""


@click.command(epilog=EPILOG)
@MODEL
@ARCH
@DATA
@click.option(
    "--norm",
    type=Norm("Linf", "L2", "L1"),
    default="Linf",
    show_default=True,
    help="Norm of the perturbation.",
)
@click.option(
    "--eps",
    type=EpsList(),
    multiple=True,
    callback=union,
    help="Largest size of the perturbation, or several separated by commas: 8/255,0.05. Pixels "
    "are in [0, 1], waveforms in [-1, 1]; 40dB means 40 dB below each clip.",
)
@click.option(
    "--suite",
    type=click.Choice(list(SUITES)),
    default="standard",
    show_default=True,
    help="How hard to try: quick costs about 250 passes per image, standard 1,000, thorough 4,000.",
)
@click.option(
    "--attacks",
    "--attack",
    "attacks",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="Run these instead of a suite; repeatable.",
)
@click.option(
    "--surrogate",
    "surrogates",
    multiple=True,
    metavar="MODEL",
    help="Another model: examples made for it are tried on this one as a check; repeatable.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help="Use only this many samples, with the class proportions of the data.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Most samples attacked together; results do not depend on it.  [default: 256, 32 for "
    "large images]",
)
@click.option(
    "--fold/--no-fold",
    default=True,
    show_default=True,
    help="Attack a copy with batch norms folded into convolutions; the model itself confirms "
    "every example.",
)
@click.option(
    "--bfloat16",
    is_flag=True,
    help="Attack in bfloat16, except in the last attacks; the model itself confirms in float32.",
)
@PROCESSES
@UNIT_SECONDS
@RAY
@SHARD
@SEED
@DEVICE
@OUT
@FRESH
@click.option(
    "-o",
    "--output",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write this file, in the format of its suffix: .html, .md, .xml (JUnit), .json "
    "(the summary), .csv (a row per image, attack and eps); repeatable.",
)
@JSON
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 1),
    help="Exit 1 if the lower end of the interval of robust accuracy at the largest eps is below "
    "this.",
)
@click.option(
    "--require",
    multiple=True,
    metavar="'NORM@EPS >= SHARE'",
    help="Exit 1 unless the lower end of the 95% interval is at least this: 'linf@8/255 >= "
    "0.40', 'clean >= 0.9'; repeatable.",
)
@click.option(
    "--bounds",
    type=click.Choice(WAYS),
    default="auto",
    show_default=True,
    help="Prove before the attacks which images cannot be fooled. auto: where that is cheaper "
    "than attacking; off: never; else always, up to interval bounds, CROWN, optimised "
    "slopes, or branch and bound (10 seconds per image).",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit 6 if the checks say that the number cannot be trusted, 5 if clean accuracy may be "
    "guessing.",
)
@NO_PROGRESS
def audit(
    model: str | None, data: str | None, norm: str, eps: tuple[float, ...] | None, out: Path | None,
    output: tuple[Path, ...], as_json: bool, fail_under: float | None, require: tuple[str, ...],
    strict: bool, no_progress: bool, shard: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Measure how easily a classifier is fooled, and write a report.

    Each image is attacked by every attack of the suite until one succeeds; robust accuracy is the
    share of images that withstand all of them. Whatever an attack returns is checked again as
    saved. The audit then checks whether the number can be trusted: a model can mask its gradient.
    """
    check_eps(eps or (), norm)
    check_outputs(output)
    check_share(fail_under)
    if options["attacks"]:
        refuse_typed("suite", why="with --attacks", hint="leave one of the two out")
    wanted = [required(text) for text in require]
    from advkit.api.auditing import audit as run
    from advkit.api.request import model_for, pick_eps

    asked = model_for(model, data)
    portion, out = portion_in(shard, out)
    check_asked(wanted, norm, pick_eps(eps, norm, asked, data))
    with framed(out, str(asked), data or "", kind="audit", no_progress=no_progress) as frame:
        summary = run(asked, data, norm=norm, eps=eps, out=frame.folder,
                      progress=frame.progress, announce=frame.announce,
                      command=named(frame.command, portion), shard=portion, **options)  # fmt: skip
    if portion:
        say(json.dumps(summary) if as_json else shard_done(portion, frame.folder))
        return
    outcomes = judge(summary, wanted)
    write_outputs(output, frame.folder, outcomes)
    say(json.dumps(summary) if as_json else table(summary))
    if summary["clean"]["count"] == 0:
        raise EmptyError(summary["verdict"], "check preprocessing and class order of the model")
    if strict:
        better_than_chance(summary)
    if fail_under is not None:
        share_gate(summary, fail_under)
    gate(outcomes)
    if strict and summary["trust"]["overall"] == "doubtful":
        raise UntrustedError(f"--strict: {summary['trust']['headline']}")
