"""`advkit explain-error`: what a code in an error line means, and what to do."""

import json

import click

from advkit.cli.failures import say
from advkit.error_codes import CODES, About
from advkit.errors import UnknownNameError, did_you_mean

EPILOG = """
\b
Examples:
  advkit explain-error E203
  advkit explain-error
      all of them
  advkit explain-error E203 --json

The first digit is the exit code: 1 a gate, 2 usage, 3 input, 4 refused, 5 nothing to evaluate, 6
cannot be trusted, 7 out of memory or disk. E070, E129, E130 and E143 stand for exit codes
70, 129, 130 and 143.
"""


@click.command("explain-error", epilog=EPILOG)
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def explain_error(code: str | None, as_json: bool) -> None:
    """Explain what an error code means, its usual cause, and what to do."""
    known = {code.upper(): _one(code.upper())} if code else CODES
    if as_json:
        say(json.dumps([{"code": name} | about._asdict() for name, about in known.items()]))
    elif code:
        say(told(*known.popitem()))
    else:
        say("\n".join(f"{name}  {about.title}" for name, about in known.items()))


def _one(code: str) -> About:
    if code not in CODES:
        raise UnknownNameError(f"there is no error code {code!r}", did_you_mean(code, CODES))
    return CODES[code]


def told(code: str, about: About) -> str:
    """Return the text of a code for a terminal."""
    from advkit.cli.layout import paragraph

    usual, remedy = f"Usual cause: {about.cause}", f"What to do: {about.remedy}"
    return "\n".join(map(paragraph, (f"{code}: {about.title}.", usual, remedy)))


def page() -> str:
    """Return docs/errors.md, made of the same text."""
    head = [
        "# Error codes",
        "",
        "Every error is one line, `error[E203]: what was asked, and why it cannot be`, and a hint.",
        "`advkit explain-error E203` prints what is below. The first digit is the exit code; E070,",
        "E129, E130 and E143 are exit codes as they stand. This page is written by",
        "`python -m advkit.cli.explain_error > docs/errors.md`.",
        "",
    ]
    parts = [
        f"## {code}: {about.title}\n\nUsual cause: {about.cause}\n\nWhat to do: {about.remedy}\n"
        for code, about in CODES.items()
    ]
    return "\n".join([*head, *parts])


if __name__ == "__main__":
    click.echo(page(), nl=False)
