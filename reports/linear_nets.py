"""How linear nets are around images, and how far off the data adversarial images lie."""

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole, words
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.points import Group, scatter
from advkit.reports.words import count, decimal, percent, short, slug

Floats = NDArray[np.floating[Any]]


def way_figures(study: Linearity) -> list[Figure]:
    """Draw for each net the logits of one image on the way along the sign of its gradient."""
    lines = study.tables["lines"]
    return [_way(study, str(net), part) for net, part in lines.groupby("net", sort=False)]


def _way(study: Linearity, net: str, frame: pd.DataFrame) -> Figure:
    t, own, rival = (frame[name].to_numpy() for name in ("t", "own", "rival"))
    fits = [_fitted(t, y) for y in (own, rival)]
    gap = rival - own
    crossed = next((x for x, g in zip(t, gap, strict=True) if x >= 0 and g > 0), None)
    where = f"they cross at {crossed:.3g}" if crossed is not None else "they do not cross"
    named, high, sample = short(_bare(net), 40), float(t.max()), short(frame["id"].iloc[0])
    r2 = " and ".join(f"{one:.4f}" for _, one in fits)
    some = slice(None, None, max(len(frame) // 10, 1))
    return lines_figure(
        [Line("true", _pairs(t, own)), Line("other", _pairs(t, rival)),
         *(Line("fit", _pairs(t, line)) for line, _ in fits)],
        name=f"way-{slug(net)}", title=f"Logits along the sign of the gradient, {named}",
        desc=f"image {sample}; R squared of the straight lines {r2}; {where}",
        caption=f"{named}: the logits of the true class and of the likeliest other at x + t"
        f" sign(gradient of their difference), t from \u2212{high:g} to {high:g}, for the image of"
        f" middling straightness ({sample}); straight lines by least squares, R\u00b2 = {r2}.",
        across="t, of every pixel", up="logits",
        data=table_of(frame.assign(gap=gap)[some], f"Logits on the way, {named}", [
            Of("t", "t"), Of("own", "true class"), Of("rival", "other class"),
            Of("gap", "other less true"),
        ]),
        reading="At t = 0 is the image itself; where the lines cross it is misread. A linear model"
        " would draw its straight lines exactly, and cross where the gradient says.",
        limits="One image and one direction; the table below is about all of them. The way may"
        " leave the box [0, 1].",
        command=study.command,
    )  # fmt: skip


def _pairs(x: Floats, y: Floats) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _fitted(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Return the straight line through (x, y) by least squares, and its R squared."""
    line = np.polyval(np.polyfit(x, y, 1), x)
    total = float(np.square(y - y.mean()).sum())
    return line, 1 - float(np.square(y - line).sum()) / total if total > 0 else 1.0


def _bare(net: str) -> str:
    return net.removeprefix("bundled:")


def nets_table(study: Linearity) -> Table:
    """Return how linear each net is, in medians over its images."""
    frame = _named(study.tables["nets"])
    return table_of(frame, "How linear each net is, medians over images that it reads right", [
        Of("net", "net", words, False), Of("images", "images", whole), Of("r2", "R\u00b2", _four),
        Of("r2_low", "R\u00b2, lowest tenth", _four),
        Of("kept", "change by FGSM / foretold"), Of("share", "foretold / nearest distance"),
        Of("cosine", "cosine of gradients"), Of("flips", "fooled within eps", whole),
        Of("flips_foretold", "of these foretold", whole), Of("false_alarms", "false alarms", whole),
        Of("fgsm", "fooled by FGSM", whole), Of("eps", "eps"),
    ])  # fmt: skip


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(net=frame["net"].map(_bare))


def _four(value: float) -> str:
    return f"{value:.4f}"


def result(study: Linearity) -> str:
    """Say how straight the nets are, and what their tangents foretell."""
    told = [
        f"{_bare(row['net'])}: median R\u00b2 {row['r2']:.3f}, the tangent foretells"
        f" {count(int(row['flips_foretold']))} of {count(int(row['flips']))} flips within"
        f" {row['eps']:g}"
        for row in study.tables["nets"].to_dict("records")
    ]
    return f"How straight nets are around images: {'; '.join(told)}."


def manifold_result(study: Linearity) -> str:
    """Say where adversarial images lie, by the first net."""
    frame = study.tables["manifold"]
    mine = frame[frame["net"] == frame["net"].iloc[0]].groupby("group")[["residual", "codes"]]
    middle = mine.median()
    times = {name: middle.loc["adversarial", name] / max(middle.loc["clean", name], 1e-12)
             for name in ("residual", "codes")}  # fmt: skip
    return (
        f"Adversarial images lie {decimal(times['residual'])} times as far off the plane of the"
        f" data as clean ones, their codes {decimal(times['codes'])} times as far from known ones."
    )


def manifold_figure(study: Linearity) -> Figure:
    """Draw how far each image is from the plane of the data and from its codes, first net."""
    frame = study.tables["manifold"]
    net = frame["net"].iloc[0]
    groups = [
        Group(str(name), list(zip(part["residual"], part["codes"], strict=True)))
        for name, part in frame[frame["net"] == net].groupby("group", sort=False)
    ]
    title = f"Distance to the data, {short(_bare(net), 40)}"

    def draw(width: int) -> Markup:
        return scatter(
            groups, name=f"manifold-{width}", title=title, width=width, across="PCA residual (L2)",
            up="nearest codes (L2)",
            desc="; ".join(f"{group.name}: {count(len(group.points))}" for group in groups),
        )  # fmt: skip

    return Figure(
        "manifold", draw(WIDE), draw(NARROW),
        f"{title}: across, how far an image lies from the subspace that holds 95% of the variance"
        " of the training images; upwards, how far its codes (what the last layer reads) are from"
        " those of the nearest training image.",
        manifold_table(study),
        reading="Adversarial images stay by the clean ones on the way across: they lie hardly off"
        " the data's plane. Upwards they part: the net sees them far from all it was shown."
        " Random and fooling images are far off in both.",
        limits="A plane is a poor picture of a manifold, and nearest neighbours among few images"
        " overstate distances; the groups are measured alike, so compare them, not the numbers.",
        command=study.command,
    )  # fmt: skip


def manifold_table(study: Linearity) -> Table:
    """Return by net and kind of image the medians of each distance and of the confidence."""
    frame = study.tables["manifold"]
    columns = ["residual", "pixels", "codes", "confidence"]
    told = frame.groupby(["net", "group"], sort=False)[columns].median().reset_index()
    sizes = frame.groupby(["net", "group"], sort=False).size().to_list()
    told = _named(told.assign(images=sizes))
    return table_of(told, "Distance to the training images, medians", [
        Of("net", "net", words, False), Of("group", "images", words, False),
        Of("residual", "PCA residual"), Of("pixels", "nearest, pixels"),
        Of("codes", "nearest, codes"), Of("confidence", "confidence", percent),
        Of("images", "n", whole),
    ])  # fmt: skip


def probe_figure(study: Linearity) -> Figure:
    """Draw how well a plane parts the classes, from raw pixels to the last layer."""
    frame = study.tables["probes"].assign(
        right=lambda f: f["test"] / f["n_test"], place=lambda f: f.groupby("net").cumcount()
    )
    lines = [
        Line(
            short(_bare(str(net)), 26),
            list(zip(part["place"].astype(float), 100 * part["right"], strict=True)),
        )
        for net, part in frame.groupby("net", sort=False)
    ]
    title, n = "Linear separability, layer by layer", int(frame["n_test"].iloc[0])
    ends = frame.iloc[0], frame.iloc[-1]
    return lines_figure(
        lines, name="probes", title=title,
        desc="; ".join(f"{row['layer']}: {percent(row['right'])}" for row in ends),
        caption=f"Share of {count(n)} test images that a linear probe (ridge regression on one"
        " layer's codes, fitted on the training half) reads right. 0: raw pixels; then each"
        " activation of the net, and its logits.",
        across="layer", up="% right",
        data=table_of(_named(frame), title, [
            Of("net", "net", words, False), Of("layer", "layer", words, False),
            Of("features", "features", whole), Of("right", "test", percent),
            Of("n_test", "images", whole),
        ]),
        reading="Classes that lie tangled in pixels are pulled apart layer by layer, until a plane"
        " parts them; what moves an image across that plane moves little in pixels.",
        limits=f"Probes see few images ({count(int(frame['n_train'].iloc[0]))}), wide layers more"
        f" features than that. The 95% interval of a share of {count(n)} images is up to"
        f" {100 * 0.98 / np.sqrt(n):.0f} points to either side.",
        command=study.command,
    )  # fmt: skip
