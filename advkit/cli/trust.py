"""`advkit trust`: which files that can run code may be loaded nevertheless."""

import click

from advkit.cli.failures import say
from advkit.cli.layout import columns

EPILOG = """
\b
Examples:
  advkit trust add model.pt      from now on these very bytes are loaded, wherever they lie
  advkit trust list
  advkit trust remove model.pt   or the beginning of its sha256

\b
Exit codes:
  0 ok, 2 usage, 3 the file or the list cannot be read
"""


@click.group(epilog=EPILOG)
def trust() -> None:
    """Say which files that can run code may be loaded.

    Pickles, joblib files, TorchScript and .pt2 run whatever their maker wrote when they are loaded.
    A file is known by the sha256 of its content: one changed byte, and it is refused again.
    """


@trust.command(epilog=EPILOG)
@click.argument("file")
def add(file: str) -> None:
    """Let FILE, as it is now, be loaded."""
    from advkit.models.load_policy import trust as trusting

    digest, needed = trusting(file)
    say(f"trusted: {file}, sha256 {digest}")
    if not needed:
        click.echo("note: it holds no code, and would have been loaded anyway", err=True)


@trust.command("list", epilog=EPILOG)
def listed() -> None:
    """List the files that are trusted, and where that is written down."""
    from advkit.models.load_policy import trusted, trusted_file

    rows = [(digest[:16], about["added"], about["name"]) for digest, about in trusted().items()]
    say(columns(("sha256", "added", "file"), rows) if rows else "no file is trusted")
    click.echo(f"in {trusted_file()}", err=True)


@trust.command(epilog=EPILOG)
@click.argument("file")
def remove(file: str) -> None:
    """Refuse FILE again: a path, a name, or the beginning of a sha256."""
    from advkit.models.load_policy import distrust

    say(f"no longer trusted: sha256 {distrust(file)}")
