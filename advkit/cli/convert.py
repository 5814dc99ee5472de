"""`advkit convert`: turn a file that can run code into one that cannot."""

from pathlib import Path

import click

from advkit.cli.failures import say
from advkit.cli.run_options import ARCH

EPILOG = """
\b
Examples:
  advkit convert model.pt -o model.safetensors
  advkit convert model.pt --arch 'cnn?shape=1,28,28&n_classes=10' -o model.safetensors
      checks that the weights fit, and stores the architecture in the file
  advkit convert module.pt --arch ./net.py:make -o model.safetensors
  advkit convert forest.joblib -o forest.skops

\b
Exit codes:
  0 ok, 2 usage, 3 bad input, 4 no sandbox on this machine, 7 out of time or disk
"""


@click.command(epilog=EPILOG)
@click.argument("file")
@ARCH
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Output file: .safetensors for weights, .skops for a scikit-learn estimator.",
)  # fmt: skip
def convert(file: str, arch: str | None, output: Path) -> None:
    """Convert FILE, which can run code when it is loaded, into one that cannot.

    A state dict is read as tensors. Anything else is unpickled in a sandboxed child process without
    network, writing, other programs, or files other than Python's own; Linux only. Only numbers
    come out, and they are checked.
    """
    from advkit.models.conversion import convert as run

    done = run(file, output, arch=arch)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    how = "unpickled in a sandbox" if done.sandboxed else "read as tensors, nothing was executed"
    say(f"{done.out}: {how}")
