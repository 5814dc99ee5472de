"""How linear nets are around images, and how far off the data adversarial images lie."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.linear_parts import Linearity, Of, lines_figure, share, table_of, whole, words
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.points import Group, scatter
from advkit.reports.words import count, short, slug


def way_figures(study: Linearity) -> list[Figure]:
    """Draw for each net the logits of one image on the way along the sign of its gradient."""
    lines = study.tables["lines"]
    return [_way(study, str(net), part) for net, part in lines.groupby("net", sort=False)]


def _way(study: Linearity, net: str, frame: pd.DataFrame) -> Figure:
    t, gap = frame["t"].to_numpy(), (frame["rival"] - frame["own"]).to_numpy()
    slope, level = np.polyfit(t, gap, 1)
    left = gap - (slope * t + level)
    total = float(np.square(gap - gap.mean()).sum())
    r2 = 1 - float(np.square(left).sum()) / total if total > 0 else 1.0
    fitted = [(float(x), float(slope * x + level)) for x in t]
    crossed = next((x for x, g in zip(t, gap, strict=True) if x >= 0 and g > 0), None)
    where = f"above 0 from {crossed:.3g} on" if crossed is not None else "never above 0"
    named, high = short(net.removeprefix("bundled:"), 40), float(t.max())
    data = frame.iloc[:: max(len(frame) // 10, 1)].assign(gap=gap[:: max(len(frame) // 10, 1)])
    return lines_figure(
        [Line("rival less own", list(zip(t.tolist(), gap.tolist(), strict=True))),
         Line("straight line", fitted)],
        name=f"way-{slug(net)}", title=f"The logits along the sign of the gradient, {named}",
        desc=f"image {frame['id'].iloc[0]}; R squared of the line {r2:.4f}; {where}",
        caption=f"{named}: the likeliest other class's logit less that of the true one at x + t"
        f" sign(gradient), t from {-high:g} to {high:g}, for the image of middling straightness"
        f" ({short(frame['id'].iloc[0])}); straight line by least squares, R\u00b2 = {r2:.4f}.",
        across="t, of every pixel", up="logits", zero="misread above",
        data=table_of(data, f"Logits on the way, {named}", [
            Of("t", "t"), Of("own", "true class"), Of("rival", "other class"), Of("gap", "gap"),
        ]),
        reading="At t = 0 is the image itself. A linear model would draw the dashed line exactly;"
        " it would cross 0 where the gradient says.",
        limits="One image and one direction; the table below is about all of them. The way may"
        " leave the box [0, 1].",
        command=study.command,
    )  # fmt: skip


def nets_table(study: Linearity) -> Table:
    """Return how linear each net is, in medians over its images."""
    frame = study.tables["nets"].assign(net=_bare)
    return table_of(frame, "How linear each net is, medians over images that it reads right", [
        Of("net", "net", words, False), Of("images", "images", whole), Of("r2", "R\u00b2", _four),
        Of("r2_low", "R\u00b2, lowest tenth", _four),
        Of("kept", "change by FGSM / foretold"), Of("share", "foretold / nearest distance"),
        Of("cosine", "cosine of gradients"), Of("flips", "fooled within eps", whole),
        Of("flips_foretold", "of these foretold", whole), Of("false_alarms", "false alarms", whole),
        Of("fgsm", "fooled by FGSM", whole), Of("eps", "eps"),
    ])  # fmt: skip


def _four(value: float) -> str:
    return f"{value:.4f}"


def _bare(frame: pd.DataFrame) -> pd.Series:
    return frame["net"].str.removeprefix("bundled:")


def manifold_figure(study: Linearity) -> Figure:
    """Draw how far each image is from the plane of the data and from its codes, first net."""
    frame = study.tables["manifold"]
    net = frame["net"].iloc[0]
    groups = [
        Group(str(name), list(zip(part["residual"], part["codes"], strict=True)))
        for name, part in frame[frame["net"] == net].groupby("group", sort=False)
    ]
    title = f"Distance to the data, {short(net.removeprefix('bundled:'), 40)}"

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
    told = told.assign(net=_bare, images=sizes)
    return table_of(told, "Distance to the training images, medians", [
        Of("net", "net", words, False), Of("group", "images", words, False),
        Of("residual", "PCA residual"), Of("pixels", "nearest, pixels"),
        Of("codes", "nearest, codes"), Of("confidence", "confidence", share),
        Of("images", "n", whole),
    ])  # fmt: skip


def probe_figure(study: Linearity) -> Figure:
    """Draw how well a plane parts the classes, from raw pixels to the last layer."""
    frame = study.tables["probes"].assign(
        right=lambda f: f["test"] / f["n_test"], place=lambda f: f.groupby("net").cumcount()
    )
    lines = [
        Line(
            short(str(net).rpartition(":")[2], 26),
            list(zip(part["place"].astype(float), 100 * part["right"], strict=True)),
        )
        for net, part in frame.groupby("net", sort=False)
    ]
    title, n = "Linear separability, layer by layer", int(frame["n_test"].iloc[0])
    ends = frame.iloc[0], frame.iloc[-1]
    return lines_figure(
        lines, name="probes", title=title,
        desc="; ".join(f"{row['layer']}: {share(row['right'])}" for row in ends),
        caption=f"Share of {count(n)} test images that a linear probe (ridge regression on one"
        " layer's codes, fitted on the training half) reads right. 0: raw pixels; then each"
        " activation of the net, and its logits.",
        across="layer", up="% right",
        data=table_of(frame.assign(net=_bare), title, [
            Of("net", "net", words, False), Of("layer", "layer", words, False),
            Of("features", "features", whole), Of("right", "test", share),
            Of("n_test", "images", whole),
        ]),
        reading="Classes that lie tangled in pixels are pulled apart layer by layer, until a plane"
        " parts them; what moves an image across that plane moves little in pixels.",
        limits=f"Probes see few images ({count(int(frame['n_train'].iloc[0]))}), wide layers more"
        f" features than that. The 95% interval of a share of {count(n)} images is up to"
        f" {100 * 0.98 / np.sqrt(n):.0f} points to either side.",
        command=study.command,
    )  # fmt: skip
