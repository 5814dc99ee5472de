"""The core: compute the input gradient of an objective, take a step, repeat."""

from advkit.engine.ascend import Rule, ascend, best, best_of, climb, last, nearest, take
from advkit.engine.detours import detours, straight_through
from advkit.engine.gradient import Objective, Point, evaluate
from advkit.engine.inner_logits import inner_logits
from advkit.engine.meter import Meter, metered
from advkit.engine.norms import NORMS, Norm, rows
from advkit.engine.substitute_gradients import backwards_turned, before_softmax, rescaled, smoothed

__all__ = [
    "NORMS",
    "Meter",
    "Norm",
    "Objective",
    "Point",
    "Rule",
    "ascend",
    "backwards_turned",
    "before_softmax",
    "best",
    "best_of",
    "climb",
    "detours",
    "evaluate",
    "inner_logits",
    "last",
    "metered",
    "nearest",
    "rescaled",
    "rows",
    "smoothed",
    "straight_through",
    "take",
]
