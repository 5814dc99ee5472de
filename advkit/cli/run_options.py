"""Options of all commands with a run directory, and their common frame."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from advkit.cli.model_options import model_option
from advkit.cli.stopping import resumable
from advkit.spec_text import with_query

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

MODEL = model_option(
    "bundled:NAME, FILE (safetensors, a state dict, ONNX, skops), "
    "package.module:callable, ./file.py:callable, torchvision:NAME?weights=..., timm:NAME, "
    "hf:FOLDER, predict:./file.py:function, https://HOST/PREDICT.  "
    "[default: bundled:fashion-mnist-cnn-robust]"
)
ARCH = click.option(
    "--arch", help="Architecture for a file of weights, if the file does not name it."
)


def _with_ways(ctx: click.Context, _option: click.Parameter, spec: str | None) -> str | None:
    """Add --class-map and --skip-bad to the data spec, so that the record contains them."""
    ways = ctx.meta.pop("advkit.data", {})
    if spec is None and ways:
        name = next(iter(ways)).replace("_", "-")
        raise click.UsageError(f"--{name} has no effect without --data", ctx)
    return None if spec is None else with_query(spec, ways)


def _kept(ctx: click.Context, option: click.Parameter, value: str | bool | None) -> None:
    if value:
        words = value if isinstance(value, str) else "true"
        ctx.meta.setdefault("advkit.data", {})[str(option.name)] = words


def data_option(text: str, **usual: Any) -> Callable[[Decorated], Decorated]:
    """Add --data, and --class-map and --skip-bad, which become part of the spec.

    ``text`` is the help of --data, ``usual`` are further arguments for click.
    """
    data = click.option("--data", callback=_with_ways, help=text, **usual)

    def decorated(command: Decorated) -> Decorated:
        for option in reversed((data, CLASS_MAP, SKIP_BAD)):
            command = option(command)
        return command

    return decorated


CLASS_MAP = click.option(
    "--class-map", metavar="FILE", is_eager=True, expose_value=False, callback=_kept,
    help="The model's index for each class of --data: one name per line, in order; or JSON; or "
         "CSV.",
)  # fmt: skip
SKIP_BAD = click.option(
    "--skip-bad", is_flag=True, is_eager=True, expose_value=False, callback=_kept,
    help="Skip files that cannot be read, and count them in the report.",
)  # fmt: skip
DATA = data_option(
    "bundled:NAME, imagefolder:DIR, csv:FILE, npz:FILE, parquet:FILE, hf:DIR, "
    "hf:owner/name@revision, audio:DIR, torchvision:NAME?root=DIR&split=test, "
    "package.module:callable or ./file.py:callable.  [default: the images of a bundled model]"
)
JOBS = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 4 * (os.cpu_count() or 1)),
    help="Batches processed in parallel.  [default: one per core]",
)
PROCESSES = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Worker processes; if one is killed, its batch is done again. 1 is this process. On a "
    "cluster: how many at once.  [default: threads of this process, one per core]",
)
UNIT_SECONDS = click.option(
    "--unit-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Give up a batch that takes a worker process longer than this, after three attempts.",
)
RAY = click.option(
    "--ray",
    metavar="ADDRESS",
    help="Use a Ray cluster: its address, or auto (pip install 'advkit[ray]').",
)
SHARD = click.option(
    "--shard",
    metavar="I/N",
    help="Attack only every N-th image, and write to shard-I-of-N in --out; then advkit merge. "
    "auto: from torchrun (RANK, WORLD_SIZE) or Slurm.",
)
SEED = click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of all random numbers."
)
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; the same command resumes an interrupted run.  [default: a new one under "
    "runs/]",
)
FRESH = click.option("--fresh", is_flag=True, help="Discard an earlier run in --out.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print only the summary, as JSON.")
NO_PROGRESS = click.option("--no-progress", is_flag=True, help="No progress bar.")


class Frame(NamedTuple):
    """What a run gets: the command as typed, its directory, and progress callbacks."""

    command: str
    folder: Path
    progress: Callable[..., None]
    announce: Callable[[str], None] | None
    """Called with the announced cost; None with --no-progress."""


@contextmanager
def framed(
    out: Path | None, *about: str, kind: str, no_progress: bool, unit: str = "image",
    resumes: bool = True,
) -> Iterator[Frame]:  # fmt: skip
    """Yield the frame of a run; ``out`` is its directory, or a new one is named after ``about``.

    If it is interrupted, the command that resumes it is printed, or that begins it again if it does
    not resume.
    """
    from advkit.api.request import new_run
    from advkit.cli.progress import bars
    from advkit.evaluate.fingerprint import command_line
    from advkit.evaluate.workers import keep_memory

    command, folder = command_line(), out or new_run(*about, kind=kind)
    again = command.replace(" --fresh", "") + ("" if out else f" --out {folder}")
    keep_memory()
    announce = None if no_progress else partial(click.echo, err=True)
    with resumable(again, resumes), bars(no_progress, unit) as progress:
        yield Frame(command, folder, progress, announce)
