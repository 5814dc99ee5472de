"""The heart: ask an objective for its gradient at the input, move, repeat."""

from advkit.engine.ascend import Rule, ascend, best, last, nearest, take
from advkit.engine.gradient import Objective, Point, evaluate
from advkit.engine.meter import Meter, metered
from advkit.engine.norms import NORMS, Norm, rows

__all__ = [
    "NORMS",
    "Meter",
    "Norm",
    "Objective",
    "Point",
    "Rule",
    "ascend",
    "best",
    "evaluate",
    "last",
    "metered",
    "nearest",
    "rows",
    "take",
]
