"""Distance of adversarial images from the data, and linear separability by layer."""

import numpy as np
import pandas as pd
from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.linear_nets import bare, named
from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole, words
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.points import Group, scatter
from advkit.reports.words import count, decimal, percent, short


def result(study: Linearity) -> str:
    """Return the result in words: where adversarial images lie, for the first net."""
    frame = study.tables["manifold"]
    mine = frame[frame["net"] == frame["net"].iloc[0]].groupby("group")[["residual", "codes"]]
    middle = mine.median()
    times = {name: middle.loc["adversarial", name] / max(middle.loc["clean", name], 1e-12)
             for name in ("residual", "codes")}  # fmt: skip
    return (
        f"Adversarial examples lie {decimal(times['residual'])} times as far off the plane of the"
        f" data as clean images, their codes {decimal(times['codes'])} times as far from known"
        " ones."
    )


def manifold_figure(study: Linearity) -> Figure:
    """Draw each image's distance from the plane of the data and from its codes, first net."""
    frame = study.tables["manifold"]
    net = frame["net"].iloc[0]
    groups = [
        Group(str(name), list(zip(part["residual"], part["codes"], strict=True)))
        for name, part in frame[frame["net"] == net].groupby("group", sort=False)
    ]
    title = f"Distance to the data, {short(bare(net), 40)}"

    def draw(width: int) -> Markup:
        return scatter(
            groups, name=f"manifold-{width}", title=title, width=width, across="PCA residual (L2)",
            up="nearest codes (L2)",
            desc="; ".join(f"{group.name}: {count(len(group.points))}" for group in groups),
        )  # fmt: skip

    return Figure(
        "manifold", draw(WIDE), draw(NARROW),
        f"{title}: across, how far an image lies from the subspace that holds 95% of the variance"
        " of the training images; upwards, how far its codes (the inputs of the last layer) are"
        " from those of the nearest training image.",
        _quartiles(frame[frame["net"] == net], title),
        reading="If adversarial examples stay close to the clean images horizontally, they are"
        " hardly off the plane of the data; if they separate vertically, the net sees them far from"
        " its training data. Random and fooling images show what far means.",
        limits="A plane is a poor model of a manifold, and nearest neighbours among few images"
        " overstate distances; all groups are measured the same way, so compare the groups, not the"
        " numbers.",
        command=study.command,
    )  # fmt: skip


def _quartiles(frame: pd.DataFrame, title: str) -> Table:
    told = [
        {"group": group, "of": said, **dict(zip(("low", "middle", "high"),
                                                part[name].quantile([0.25, 0.5, 0.75]),
                                                strict=True))}
        for name, said in (("residual", "PCA residual"), ("codes", "nearest codes"))
        for group, part in frame.groupby("group", sort=False)
    ]  # fmt: skip
    return table_of(pd.DataFrame(told), f"{title}, quartiles", [
        Of("group", "images", words, False), Of("of", "distance", words, False),
        Of("low", "25%"), Of("middle", "50%"), Of("high", "75%"),
    ])  # fmt: skip


def manifold_table(study: Linearity) -> Table:
    """Return by net and kind of image the medians of each distance and of the confidence."""
    frame = study.tables["manifold"]
    columns = ["residual", "pixels", "codes", "confidence"]
    told = frame.groupby(["net", "group"], sort=False)[columns].median().reset_index()
    sizes = frame.groupby(["net", "group"], sort=False).size().to_list()
    told = named(told.assign(images=sizes))
    return table_of(told, "Distance to the training images, medians", [
        Of("net", "net", words, False), Of("group", "images", words, False),
        Of("residual", "PCA residual"), Of("pixels", "nearest, pixels"),
        Of("codes", "nearest, codes"), Of("confidence", "confidence", percent),
        Of("images", "n", whole),
    ])  # fmt: skip


def probe_figure(study: Linearity) -> Figure:
    """Draw the accuracy of linear probes, from raw pixels to the last layer."""
    frame = study.tables["probes"].assign(
        right=lambda f: f["test"] / f["n_test"], place=lambda f: f.groupby("net").cumcount()
    )
    lines = [
        Line(
            short(bare(str(net)), 26),
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
        " layer's codes, fitted on the training half) classifies correctly. 0: raw pixels; then"
        " each activation of the net, and its logits.",
        across="layer", up="% correct",
        data=table_of(named(frame), title, [
            Of("net", "net", words, False), Of("layer", "layer", words, False),
            Of("features", "features", whole), Of("right", "test", percent),
            Of("n_test", "images", whole),
        ]),
        reading="Where the line rises, classes that are entangled in pixel space are separated,"
        " until a plane divides them; a small change in pixels may move an image across it.",
        limits=f"Probes see few images ({count(int(frame['n_train'].iloc[0]))}), wide layers more"
        f" features than that. The 95% interval of a share of {count(n)} images is up to"
        f" {100 * 0.98 / np.sqrt(n):.0f} points on either side.",
        command=study.command,
    )  # fmt: skip
