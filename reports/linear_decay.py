"""Weight decay in linear models: accuracy against robustness, and perturbations that fool."""

from advkit.reports.linear_parts import Linearity, Of, lines_figure, table_of, whole
from advkit.reports.lines import Line
from advkit.reports.parts import Figure, Table
from advkit.reports.words import count, decimal, percent


def path_figure(study: Linearity) -> Figure:
    """Draw test accuracy over the median exact distance, from the least decay to the most."""
    frame = study.tables["decay"].assign(
        train=lambda f: f["train"] / f["n_train"], test=lambda f: f["test"] / f["n_test"]
    )
    test, train = ([(float(row["Linf"]), 100 * row[name]) for row in frame.to_dict("records")]
                   for name in ("test", "train"))  # fmt: skip
    ends = frame.iloc[0], frame.iloc[-1]
    title = "Accuracy versus robustness as weight decay grows"
    n = int(study.tables["decay"]["n_test"].iloc[0])
    return lines_figure(
        [Line("test", test), Line("train", train)], name="path", title=title,
        desc="; ".join(f"decay {row['decay']:g}: test {percent(row['test'])}, median distance"
                       f" {decimal(row['Linf'])}" for row in ends),
        caption=f"From decay {ends[0]['decay']:g} (left) to {ends[1]['decay']:g} (the marks): the"
        f" median image is {decimal(ends[1]['Linf'] / ends[0]['Linf'])} times as far from being"
        f" misclassified, and accuracy on {count(n)} test images goes from"
        f" {percent(ends[0]['test'])} to {percent(ends[1]['test'])}.",
        across="median exact Linf distance", up="% correct",
        data=table_of(frame, title, [
            Of("decay", "decay", lambda v: f"{v:g}"), Of("train", "train", percent),
            Of("test", "test", percent), Of("n_test", "test images", whole),
            Of("Linf", "median Linf"), Of("L2", "median L2"), Of("size", "weights, L2"),
            Of("roughness", "roughness"),
        ]),
        reading="Each corner is one strength of decay, increasing to the right: smaller and"
        " smoother weights, more distant boundaries. A little decay costs nothing and may help;"
        " much decay trades accuracy for distance. Roughness: the step between neighbouring pixels"
        " of a template, over its mean size; about 1.41 for noise, near 0 for a smooth image.",
        limits="One data set, one split. Decay bounds the weights, not the distance: other"
        " penalties give other trade-offs.",
        command=study.command,
    )  # fmt: skip


def foolings(study: Linearity) -> Table:
    """Return the perturbation needed to classify an image as the next class, by decay."""
    return table_of(study.tables["foolings"], "What it takes to fool, by weight decay, medians", [
        Of("decay", "decay", lambda v: f"{v:g}"), Of("before", "own class before", percent),
        Of("target_before", "target before", percent), Of("strength", "e*"),
        Of("L2", "L2 of perturbation"), Of("Linf", "Linf of perturbation"),
        Of("after", "target after", percent),
        Of("same", "target after the first row's L2", percent), Of("images", "images", whole),
    ])  # fmt: skip


def random_images(study: Linearity) -> Table:
    """Return how confidently random images are classified as any requested class, by decay."""
    return table_of(study.tables["random_images"], "Random images moved to every class", [
        Of("decay", "decay", lambda v: f"{v:g}"), Of("mean", "mean probability", percent),
        Of("least", "least", percent), Of("sure", "with 99% or more", whole),
        Of("images", "images", whole), Of("eps", "Linf eps"),
    ])  # fmt: skip


def as_in_2015(study: Linearity) -> str:
    """Return the effect of the same small perturbation with little and with much decay."""
    frame = study.tables["foolings"]
    least, most = frame.iloc[0], frame.iloc[-1]
    return (
        "Karpathy (2015) went from 31.2% for the true class to 99.5% for another with little decay,"
        " and with much decay from 6.6% to 8.5%. Here a perturbation of L2"
        f" {decimal(least['L2'])} takes the median image's target from"
        f" {percent(least['target_before'])} to {percent(least['same'])} with decay"
        f" {least['decay']:g}, and from {percent(most['target_before'])} to"
        f" {percent(most['same'])} with decay {most['decay']:g}."
    )
