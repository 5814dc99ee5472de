"""`advkit show`: describe an attack, or the progress of a run."""

import json
from pathlib import Path
from typing import Any

import click

from advkit.cli.failures import say
from advkit.errors import UnknownNameError, UsageError, did_you_mean

EPILOG = """
\b
Examples:
  advkit show attack pgd
  advkit show attack my_package.my_module:my_attack
  advkit show attack ./mine.py:my_attack
  advkit show attack ddn --json
  advkit show runs/a            its progress, and the time left

\b
Exit codes:
  0 ok, 2 usage, 3 not a run, or damaged
"""


@click.command(epilog=EPILOG)
@click.argument("what", metavar="attack|RUN")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def show(what: str, name: str | None, as_json: bool) -> None:
    """Describe an attack, or show the progress of a run.

    For an attack: how it works, its options, its cost, when to use it. NAME is one that
    `advkit ls attacks` lists, package.module:function or ./file.py:function. For a run directory:
    whether it is running, stopped or done, every stage so far, and about how much time is left;
    it may be running in another terminal.
    """
    if what != "attack":
        show_run(what, name, as_json)
        return
    if name is None:
        raise UsageError("show attack needs a NAME", "see them all: advkit ls attacks")
    from advkit.attacks import HIGHER_ORDER

    if name in HIGHER_ORDER:
        found = wrapper(name)
        say(json.dumps(found, indent=2) if as_json else wrapper_page(found))
        return
    found = facts(name)
    say(json.dumps(found, indent=2) if as_json else page(found))


def show_run(what: str, name: str | None, as_json: bool) -> None:
    """Print the progress of the run in the directory ``what``; raises UsageError, InputError."""
    from advkit.cli.run_state import run_page
    from advkit.evaluate.run_progress import state_of

    if name is not None:
        raise UnknownNameError(
            f"show {what} {name}: what is {what}?", did_you_mean(what, ["attack"])
        )
    if not Path(what).exists():
        check_attack(what)
    state = state_of(Path(what))
    say(json.dumps(state, indent=2) if as_json else run_page(Path(what), state))


def check_attack(what: str) -> None:
    """Raise UnknownNameError, with the right command, if ``what`` is the name of an attack."""
    from advkit.attacks import ATTACKS, HIGHER_ORDER

    if what in (*ATTACKS, *HIGHER_ORDER):
        raise UnknownNameError(
            f"show {what}: that is an attack, not a run", f"advkit show attack {what}"
        )


def facts(name: str) -> dict[str, Any]:
    """Return the card of an attack as plain data, with the types of its options and an example."""
    from advkit.attacks import ATTACKS, attack_card, parse
    from advkit.attacks.options import options_of
    from advkit.cli.ls import described

    member = parse(name, ATTACKS)
    row = described(attack_card(name, member.attack))
    del row["options"]
    row["options"] = [option._asdict() for option in options_of(member.attack)]
    return row | {"example": example(row)}


def example(row: dict[str, Any]) -> str:
    """Return a command that runs the attack."""
    norm = "" if row["norms"][0] == "Linf" else f" --norm {row['norms'][0]}"
    eps = {"Linf": "8/255", "L2": "0.5", "L1": "10", "L0": "20"}[row["norms"][0]]
    return f"advkit attack {row['name']}{norm}" + ("" if row["minimum_norm"] else f" --eps {eps}")


def page(row: dict[str, Any]) -> str:
    """Return the description of an attack for a terminal."""
    from advkit.cli.layout import columns, paragraph

    about = [plain(row["summary"])] + ([plain(row["formula"])] if row["formula"] else [])
    fields = {
        "norms": ", ".join(row["norms"]),
        "knows": row["knows"],
        "eps": "none: the nearest example; or a number: the first within it"
        if row["minimum_norm"]
        else "a number; without one, advkit attack seeks the least by bisection",
        "cost": cost(row),
        "use": row["use"],
        "fails": row["fails"],
        "paper": row["paper"],
    }
    told = [paragraph(plain(text), f"{name:<8}") for name, text in fields.items() if text]
    options = [(o["name"], o["kind"], str(o["default"]), o["allowed"]) for o in row["options"]]
    table = columns(("option", "type", "default", "allowed"), options) if options else "no options"
    parts = [row["name"], *(paragraph(text) for text in about), "\n".join(told), table]
    return "\n\n".join([*parts, f"example\n  {row['example']}"])


def cost(row: dict[str, Any]) -> str:
    """Return the cost in passes, as an expression and at the defaults."""
    if not row["passes"]:
        return ""
    forward, backward = row["passes"].values()
    return (
        f"{row['cost']}; at the defaults and with 10 classes {forward:,} + {backward:,} passes per "
        "image that is never fooled"
    )


def plain(text: str) -> str:
    """Return the text of a docstring without its quotes for code."""
    return text.replace("``", "").replace("`", "")


WRAPPERS = {
    "restarted": "advkit attack NAME --restarts 5",
    "targeted": "advkit attack NAME --targets least_likely",
    "strongest": "advkit audit --attacks NAME --attacks NAME",
    "on_average": "advkit attack NAME --average 16 --transform shift --eps 8/255",
    "minimised": "advkit attack NAME --eps none",
    "in_bfloat16": "advkit attack NAME --bfloat16",
    "through": "advkit audit --attacks NAME",
    "in_band": "advkit attack NAME --band 300-3400",
}


def wrapper(name: str) -> dict[str, Any]:
    """Return the docstring of a higher-order attack as plain data."""
    from inspect import getdoc

    from advkit.attacks import HIGHER_ORDER

    summary, _, text = (getdoc(HIGHER_ORDER[name]) or "").partition("\n\n")
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part]
    return {"name": name, "summary": " ".join(summary.split()), "formula": paragraphs,
            "example": WRAPPERS[name]}  # fmt: skip


def wrapper_page(found: dict[str, Any]) -> str:
    """Return its description for a terminal."""
    from advkit.cli.layout import paragraph

    texts = [plain(text) for text in (found["summary"], *found["formula"])]
    parts = [f"{found['name']} (a wrapper around attacks)", *(paragraph(text) for text in texts)]
    return "\n\n".join([*parts, f"example\n  {found['example']}"])
