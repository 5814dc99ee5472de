"""`advkit trust`: manage trusted files that can run code."""

import click

from advkit.cli.failures import say
from advkit.cli.layout import columns

EPILOG = """
\b
Examples:
  advkit trust add model.pt      allow exactly these bytes from now on, in any place
  advkit trust list
  advkit trust remove model.pt   or the start of its sha256

\b
Exit codes:
  0 ok, 2 usage, 3 the file or the list cannot be read
"""


@click.group(epilog=EPILOG)
def trust() -> None:
    """Manage which files that can run code may be loaded.

    Pickles, joblib files, TorchScript and .pt2 files run their author's code when they are loaded.
    A file is identified by the sha256 of its content: if one byte changes, it is refused again.
    """


@trust.command(epilog=EPILOG)
@click.argument("file")
def add(file: str) -> None:
    """Allow FILE, as it is now, to be loaded."""
    from advkit.models.load_policy import trust as trusting

    digest, needed = trusting(file)
    say(f"trusted: {file}, sha256 {digest}")
    if not needed:
        click.echo("note: it holds no code, and would have been loaded anyway", err=True)


@trust.command("list", epilog=EPILOG)
def listed() -> None:
    """List the trusted files, and where the list is stored."""
    from advkit.models.load_policy import trusted, trusted_file

    rows = [(digest[:16], about["added"], about["name"]) for digest, about in trusted().items()]
    say(columns(("sha256", "added", "file"), rows) if rows else "no file is trusted")
    click.echo(f"in {trusted_file()}", err=True)


@trust.command(epilog=EPILOG)
@click.argument("file")
def remove(file: str) -> None:
    """Refuse FILE again: a path, a name, or the start of a sha256."""
    from advkit.models.load_policy import distrust

    say(f"no longer trusted: sha256 {distrust(file)}")
