"""Digests and versions that identify what a run depends on."""

import platform
import re
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

import advkit
from advkit.errors import InputError
from advkit.evaluate.randomised import seeded
from advkit.models.classifier import LEAST, Classifier

PACKAGES = ("torch", "torchvision", "numpy")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
CONTENTS = {
    "model": "another net, or other weights",
    "answers": "the net reads the same images otherwise",
    "data": "other images or labels, or not as many",
    "surrogates": "other models",
}
"""What differs, in words, if digests do."""


def environment(device: torch.device) -> dict[str, str]:
    """Return versions and hardware, as printed in the report."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found |= {"advkit": advkit.__version__} | {name: version(name) for name in PACKAGES}
    return found | {"device": str(device), "threads": str(torch.get_num_threads())}


def now() -> str:
    """Return the time in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@torch.no_grad()
def answers(model: Classifier, x: Tensor) -> str:
    """Return the sha256 of the logits of the first of ``x``: weights alone do not define a net."""
    with seeded("answers"):
        logits = model(x[:LEAST])
    return sha256(logits.cpu().numpy().tobytes()).hexdigest()


def check_same(before: Mapping[str, Any], after: Mapping[str, Any], where: str) -> None:
    """Raise InputError that lists the fields in which a resumed run differs."""
    names = sorted(before.keys() | after.keys())
    differ = [name for name in names if before.get(name) != after.get(name)]
    if {"model", "data"} & {*differ}:  # different outputs follow from these
        differ = [name for name in differ if name != "answers"]
    if differ:
        listed = "; ".join(_unlike(name, before.get(name), after.get(name)) for name in differ)
        raise InputError(
            f"{where} holds a run with other {', '.join(differ)} ({listed})",
            "give another --out, or --fresh to discard it",
            code="E312",
        )


def _unlike(name: str, then: Any, now: Any) -> str:
    """Return in words how ``then`` differs from ``now``; digests are not shown."""
    if isinstance(then, dict) and isinstance(now, dict):
        if then.keys() != now.keys():
            return f"{name}: {', '.join(then)} then, {', '.join(now)} now"
        return f"{name}: " + ", ".join(
            _unlike(key, then[key], now[key]) for key in then if then[key] != now[key]
        )
    if DIGEST.search(f"{then} {now}"):
        return f"{name}: {CONTENTS.get(name, 'of other content')}"
    return f"{name}: {then!r} then, {now!r} now"


def command_line() -> str:
    """Return the command line as typed, for users to repeat."""
    return shlex.join(["advkit", *sys.argv[1:]])
