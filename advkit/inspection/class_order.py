"""Check for permuted classes: a model that seems bad may be good in another order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from advkit.evaluate.class_names import REMEDY
from advkit.evaluate.intervals import wilson
from advkit.inspection.findings import Finding, finding

ORDERS = "The classes are in another order"
ENOUGH = 3
"""Images per class below which nothing can be said."""


def class_order(
    predicted: NDArray[np.int64], y: NDArray[np.int64], n_classes: int, names: Sequence[str],
    *, named: str = "",
) -> tuple[Finding, float]:  # fmt: skip
    """Find the order of classes in which most predictions (n,) are right, and their share.

    The order is the best assignment on every other image (Kuhn 1955) and is evaluated on the rest,
    so that it is not overfitted. ``named`` is what the names of the classes say against the order;
    it needs no images.
    """
    if named:
        return Finding("class_order", "fail", named, f"{ORDERS}: {REMEDY}."), 1.0
    if len(y) < ENOUGH * len(np.unique(y)) or len(np.unique(y)) < 2:
        seen = f"{len(y)} images are too few for {n_classes} classes"
        return Finding("class_order", "not applicable", seen), 0.0
    halves = [np.arange(len(y)) % 2 == half for half in (0, 1)]
    orders = [_assigned(predicted[half], y[half], n_classes) for half in halves]
    count = sum(
        int((order[predicted[~half]] == y[~half]).sum())
        for order, half in zip(orders, halves, strict=True)
    )
    plain, other = (wilson(c, len(y)) for c in (int((predicted == y).sum()), count))
    moved = _assigned(predicted, y, n_classes)
    told = [f"{_name(names, i)} for {_name(names, int(moved[i]))}" for i in np.unique(predicted)
            if moved[i] != i]  # fmt: skip
    found = finding(
        "class_order", other["low"] > plain["high"],
        f"in the best other order {other['value']:.3f} would be right, as it is "
        f"{plain['value']:.3f}" if count > plain["count"] else "no other order does better",
        f"{ORDERS}: the model says {', '.join(told[:5])}"
        f"{', ...' * (len(told) > 5)}. Number the labels as in training: "
        "--class-map FILE says how; of data by a function of yours, in it.",
    )  # fmt: skip
    return found, other["value"]


def _assigned(
    predicted: NDArray[np.int64], y: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(table, (predicted, y), 1)
    table = 2 * table + np.eye(n_classes, dtype=np.int64)  # prefer the present order among equals
    return np.asarray(linear_sum_assignment(table, maximize=True)[1])


def _name(names: Sequence[str], index: int) -> str:
    return f"{names[index]!r}" if index < len(names) else str(index)
