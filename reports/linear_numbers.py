"""The example of ten numbers at every eps, and the growth of the shift with dimension."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from advkit.reports.axes import NARROW
from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole
from advkit.reports.lines import Line, line_chart
from advkit.reports.parts import Figure, Table
from advkit.reports.words import count, decimal

SHOWN_AT = 0.5
FLIP = 0.3


class State(NamedTuple):
    """The ten numbers at one eps: a table of the sum, a sentence, and the position on the line."""

    eps: str
    table: Table
    sum: str
    chart: Markup
    shown: bool


def states(study: Linearity) -> list[State]:
    """Return the state at every eps of the slider, one of them shown without a script."""
    scores = study.tables["scores"]
    return [_state(study, row) for row in scores.to_dict("records")]


def _state(study: Linearity, row: Mapping[Any, Any]) -> State:
    eps, score, p = row["eps"], round(row["score"], 9) + 0.0, row["probability"]
    numbers = study.tables["numbers"]
    part = numbers[numbers["eps"] == eps]
    table = table_of(part, f"The ten numbers at eps {eps:g}", [
        Of("input", "input", whole), Of("x", "x", _plain), Of("w", "w", _plain),
        Of("move", "eps sign(w)", _plain), Of("moved", "x + eps sign(w)", _plain),
        Of("product", "times w", _plain),
    ])  # fmt: skip
    products = " ".join(f"{'+' if v >= 0 else MINUS} {abs(v):.4g}" for v in part["product"])
    read = "on the boundary" if score == 0 else "class 1" if score > 0 else "class 0"
    total = f"{products} = {_plain(score)}, so P(class 1) = {p:.4f}: {read}."
    name = f"ten-{round(eps * 100)}"
    chart = _line(study.tables["scores"], eps, score, name)
    return State(f"{eps:.2f}", table, total, chart, math.isclose(eps, SHOWN_AT))


MINUS = "\u2212"


def _plain(value: float) -> str:
    return f"{round(value, 9) + 0.0:.4g}".replace("-", MINUS)


def _line(scores: pd.DataFrame, eps: float, score: float, name: str) -> Markup:
    points = list(zip(scores["eps"], scores["score"], strict=True))
    return line_chart(
        [Line("score", points), Line(f"eps {eps:g}", [(eps, score)])],
        name=name, title="The score over eps", width=NARROW, across="eps (Linf)", up="score w . x",
        desc=f"A straight line from -3 at 0 through 0 at {FLIP} to 7 at 1; here {score:g}",
        zero="class 1 above",
    )  # fmt: skip


def flips(study: Linearity) -> Table:
    """Return by norm the exact distance to the boundary, with its formula."""
    formula = {"Linf": "3 / |w|_1 = 3/10", "L2": "3 / |w|_2 = 3/sqrt(10)",
               "L1": "3 / |w|_inf = 3/1", "L0": "one input, moved by 3"}  # fmt: skip
    frame = study.tables["flips"].assign(formula=study.tables["flips"]["norm"].map(formula))
    return table_of(frame, "The smallest change that flips the ten numbers, in each norm", [
        Of("norm", "norm", str, False), Of("formula", "formula", str, False),
        Of("distance", "distance", lambda v: f"{v:.6g}"),
    ])  # fmt: skip


def dimension_figure(study: Linearity) -> Figure:
    """Draw the change of the score by one eps, measured and predicted, over the dimension."""
    frame = study.tables["dimension"]
    names = {"measured": "measured", "noise": "noise", "spread": "clean spread"}
    lines = [Line(text, _logs(frame, column)) for column, text in names.items()]
    first, last = frame.iloc[0], frame.iloc[-1]
    off = float((frame["measured"] / frame["predicted"] - 1).abs().max())
    said = f"{'below 0.01%' if off < 1e-4 else f'{off:.2%}'}"
    return lines_figure(
        lines, name="dimension", title="The shift of the score over the number of inputs",
        desc=f"from {decimal(first['measured'])} at {first['inputs']:,.0f} inputs to"
        f" {decimal(last['measured'])} at {last['inputs']:,.0f}; noise {decimal(last['noise'])}",
        caption="How a change of 2/255 at every input moves a score whose weights are all 1 in"
        f" size: measured by FGSM on {count(int(last['images']))} random images each. It agrees"
        f" with the prediction eps |w|_1 (largest difference: {said}). Random signs of the same eps"
        " move it by eps |w|_2. Clean spread: the standard deviation of the score over images.",
        across="inputs", up="change of the score", powers="xy",
        data=table_of(frame, "The shift of the score over the number of inputs", [
            Of("inputs", "inputs", whole), Of("predicted", "predicted"), Of("measured", "measured"),
            Of("low", "least"), Of("high", "largest"), Of("noise", "noise"),
            Of("spread", "clean spread"),
        ]),
        reading="Both axes are logarithmic. The shift grows in proportion to the number of inputs,"
        " the spread of clean scores and the effect of noise only with its square root. For large"
        " inputs a change that is too small for the eye at every input still changes the score a"
        " lot.",
        limits="The weights here all have one size and are not trained on images. Trained weights"
        " shrink as inputs are added, and neighbouring pixels are similar; the next parts measure"
        " these.",
        command=study.command,
    )  # fmt: skip


def _logs(frame: pd.DataFrame, column: str) -> list[tuple[float, float]]:
    return [(math.log10(x), math.log10(y))
            for x, y in zip(frame["inputs"], frame[column], strict=True)]  # fmt: skip


def result(study: Linearity) -> str:
    """Return the result in words: the effect of changing ten numbers."""
    scores = study.tables["scores"]
    first = scores.iloc[0]
    then = scores[scores["eps"] == SHOWN_AT].iloc[0]
    return (
        f"Ten inputs, none moved by more than {SHOWN_AT:g}: the score goes from"
        f" {_plain(first['score'])} to {_plain(then['score'])}, the probability from"
        f" {first['probability']:.4f} to {then['probability']:.4f}. It flips at exactly {FLIP:g}."
    )


def dimension_result(study: Linearity) -> str:
    """Return the result in words: the effect of a small eps on the largest input."""
    last = study.tables["dimension"].iloc[-1]
    return (
        f"With {count(int(last['inputs']))} inputs, 2/255 of each moves a score by"
        f" {decimal(last['measured'])}, {decimal(last['measured'] / last['spread'])} times its"
        f" spread; noise of the same size by {decimal(last['noise'])}."
    )
