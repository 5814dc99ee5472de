"""Local linearity of nets: logits along the gradient sign, and statistics."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole, words
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.words import count, short, slug

Floats = NDArray[np.floating[Any]]


def way_figures(study: Linearity) -> list[Figure]:
    """Draw for each net the logits of one image along the sign of its gradient."""
    lines = study.tables["lines"]
    return [_way(study, str(net), part) for net, part in lines.groupby("net", sort=False)]


def _way(study: Linearity, net: str, frame: pd.DataFrame) -> Figure:
    t, own, rival = (frame[name].to_numpy() for name in ("t", "own", "rival"))
    fits = [_fitted(t, y) for y in (own, rival)]
    gap = rival - own
    crossed = next((x for x, g in zip(t, gap, strict=True) if x >= 0 and g > 0), None)
    where = f"they cross at {crossed:.3g}" if crossed is not None else "they do not cross"
    called, high, sample = short(bare(net), 40), float(t.max()), short(frame["id"].iloc[0])
    r2 = " and ".join(f"{one:.4f}" for _, one in fits)
    some = slice(None, None, max(len(frame) // 10, 1))
    return lines_figure(
        [Line("true", _pairs(t, own)), Line("other", _pairs(t, rival)),
         *(Line("fit", _pairs(t, line)) for line, _ in fits)],
        name=f"way-{slug(net)}", title=f"Logits along the sign of the gradient, {called}",
        desc=f"image {sample}; R squared of the linear fits {r2}; {where}",
        caption=f"{called}: the logits of the true class and of the likeliest other at x + t"
        f" sign(gradient of their difference), t from \u2212{high:g} to {high:g}, for the image of"
        f" median straightness ({sample}); linear fits by least squares, R\u00b2 = {r2}.",
        across="t, of every pixel", up="logits",
        data=table_of(frame.assign(gap=gap)[some], f"Logits on the way, {called}", [
            Of("t", "t"), Of("own", "true class"), Of("rival", "other class"),
            Of("gap", "other minus true"),
        ]),
        reading="At t = 0 is the image itself; beyond the crossing it is misclassified. A linear"
        " model would follow the linear fits exactly, and cross where the gradient predicts.",
        limits="One image and one direction; the table below covers all images. The line may leave"
        " the box [0, 1].",
        command=study.command,
    )  # fmt: skip


def _pairs(x: Floats, y: Floats) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _fitted(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Return the least-squares line through (x, y), and its R squared."""
    line = np.polyval(np.polyfit(x, y, 1), x)
    total = float(np.square(y - y.mean()).sum())
    return line, 1 - float(np.square(y - line).sum()) / total if total > 0 else 1.0


def bare(net: str) -> str:
    """Return the name of a bundled net without its scheme, other names unchanged."""
    return net.removeprefix("bundled:")


def nets_table(study: Linearity) -> Table:
    """Return the linearity of each net, in medians over its images."""
    frame = named(study.tables["nets"])
    return table_of(frame, "How linear each net is, medians over correctly classified images", [
        Of("net", "net", words, False), Of("images", "images", whole), Of("r2", "R\u00b2", _four),
        Of("r2_low", "R\u00b2, 10th percentile", _four),
        Of("kept", "change by FGSM / predicted"), Of("share", "predicted / nearest distance"),
        Of("cosine", "cosine of gradients"), Of("flips", "fooled within eps", whole),
        Of("flips_foretold", "of these predicted", whole),
        Of("false_alarms", "false alarms", whole), Of("fgsm", "fooled by FGSM", whole),
        Of("eps", "eps"),
    ])  # fmt: skip


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the bare names of nets."""
    return frame.assign(net=frame["net"].map(bare))


def _four(value: float) -> str:
    return f"{value:.4f}"


def result(study: Linearity) -> str:
    """Return the result in words: how linear the nets are, and what their gradients predict."""
    told = [
        f"{bare(row['net'])}: median R\u00b2 {row['r2']:.3f}, the tangent predicts"
        f" {count(int(row['flips_foretold']))} of {count(int(row['flips']))} flips within"
        f" {row['eps']:g}"
        for row in study.tables["nets"].to_dict("records")
    ]
    return f"How straight nets are around images: {'; '.join(told)}."
