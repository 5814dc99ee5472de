"""Workers without a model, which add, fail, hang and die according to their recipe."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from advkit.errors import UnsafeError
from advkit.evaluate.units import Do, Outcome, Shard, Unit


def adder(recipe: Mapping[str, Any]) -> Do:
    """Return a function that returns the positions of a unit, and fails at those in the recipe."""

    def do(unit: Unit) -> list[Outcome]:
        time.sleep(recipe.get("takes", 0.0))
        _trouble(recipe, unit.at)
        sys.stdout.write("a model that talks\n")  # not part of a message
        rows = pd.DataFrame({"id": [str(i) for i in unit.at], "margin": [i / 3 for i in unit.at]})
        return [Shard(str(unit.at[0]), rows, np.array(unit.at, dtype=np.float32), {"tried": 1})]

    return do


def _trouble(recipe: Mapping[str, Any], at: list[int]) -> None:
    if recipe.get("hangs_at") in at:
        time.sleep(1000)
    if recipe.get("dies_at") in at:
        os.kill(os.getpid(), signal.SIGKILL)
    if recipe.get("dies_once_at") in at and not Path(recipe["mark"]).exists():
        Path(recipe["mark"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def refusing(_recipe: Mapping[str, Any]) -> Do:
    raise UnsafeError("the file could run code", "convert it")


def broken(_recipe: Mapping[str, Any]) -> Do:
    raise ZeroDivisionError("no net")
