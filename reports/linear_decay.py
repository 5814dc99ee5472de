"""Weight decay: accuracy against robustness, and what it takes to fool with much or little."""

from advkit.reports.linear_parts import Linearity, Of, lines_figure, share, table_of, whole
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.words import count, decimal


def path_figure(study: Linearity) -> Figure:
    """Draw test accuracy over the median exact distance, from the least decay to the most."""
    frame = study.tables["decay"].assign(
        train=lambda f: f["train"] / f["n_train"], test=lambda f: f["test"] / f["n_test"]
    )
    test, train = ([(float(row["Linf"]), 100 * row[name]) for row in frame.to_dict("records")]
                   for name in ("test", "train"))  # fmt: skip
    ends = frame.iloc[0], frame.iloc[-1]
    title = "Accuracy over robustness, along the path of weight decay"
    n = int(study.tables["decay"]["n_test"].iloc[0])
    return lines_figure(
        [Line("test", test), Line("train", train)], name="path", title=title,
        desc="; ".join(f"decay {row['decay']:g}: test {share(row['test'])}, median distance"
                       f" {decimal(row['Linf'])}" for row in ends),
        caption=f"From decay {ends[0]['decay']:g} (left) to {ends[1]['decay']:g} (the marks): the"
        f" median image is {decimal(ends[1]['Linf'] / ends[0]['Linf'])} times as far from being"
        f" misread, and {share(ends[0]['test'])} of {count(n)} test images right become"
        f" {share(ends[1]['test'])}.",
        across="median exact Linf distance", up="% right",
        data=table_of(frame, title, [
            Of("decay", "decay", lambda v: f"{v:g}"), Of("train", "train", share),
            Of("test", "test", share), Of("n_test", "test images", whole),
            Of("Linf", "median Linf"), Of("L2", "median L2"), Of("size", "weights, L2"),
            Of("roughness", "roughness"),
        ]),
        reading="Each corner is one strength of decay, to the right more of it: smaller and"
        " smoother weights, further boundaries. Some decay costs nothing and may help; much trades accuracy"
        " for distance. Roughness: the step between neighbouring pixels of a template, over its"
        " mean size; about 1.13 for noise, near 0 for a smooth picture.",
        limits="One data set, one split. Decay bounds the weights, not the distance: other"
        " penalties reach other trade-offs.",
        command=study.command,
    )  # fmt: skip


def foolings(study: Linearity) -> Table:
    """Return what it takes to read an image as the class after its own, by decay."""
    return table_of(study.tables["foolings"], "What it takes to fool, by weight decay, medians", [
        Of("decay", "decay", lambda v: f"{v:g}"), Of("before", "own class before", share),
        Of("target_before", "target before", share), Of("strength", "e*"), Of("L2", "L2 of change"),
        Of("Linf", "Linf of change"), Of("after", "target after", share),
        Of("same", "target after the first row's L2", share), Of("images", "images", whole),
    ])  # fmt: skip


def random_images(study: Linearity) -> Table:
    """Return how surely random images are read as any class that is asked for, by decay."""
    return table_of(study.tables["random_images"], "Random images brought to every class", [
        Of("decay", "decay", lambda v: f"{v:g}"), Of("mean", "mean probability", share),
        Of("least", "least", share), Of("sure", "with 99% or more", whole),
        Of("images", "images", whole), Of("eps", "Linf eps"),
    ])  # fmt: skip
