"""The page of the linearity study, from ten numbers to deep nets."""

from typing import Any

from advkit.reports import (
    linear_decay,
    linear_images,
    linear_manifold,
    linear_nets,
    linear_numbers,
)
from advkit.reports.gallery import gallery
from advkit.reports.linear_parts import Linearity, pictures
from advkit.reports.page import facts_of
from advkit.reports.parts import Fact, Section
from advkit.reports.shell import render
from advkit.reports.words import count, eps_text, short

SECTIONS = {
    "numbers": Section("numbers", "Ten numbers", "Ten numbers"),
    "dimension": Section("dimensions", "The more inputs, the larger the shift", "Dimension"),
    "images": Section("images", "Real images", "Real images"),
    "decay": Section("decay", "Weight decay", "Weight decay"),
    "nets": Section("nets", "And deep nets?", "Deep nets"),
    "manifold": Section("data", "The other explanation: off the data manifold", "Off the data"),
}
TABLES = {"numbers": "numbers", "dimension": "dimension", "images": "curves_two", "decay": "decay",
          "nets": "nets", "manifold": "manifold"}  # fmt: skip


def linearity_page(study: Linearity) -> str:
    """Return the page as a self-contained HTML file; parts without tables are left out."""
    there = [name for name, table in TABLES.items() if table in study.tables]
    parts = {name: BUILD[name](study) for name in there}
    return render(
        "linearity.html",
        title=f"Linearity, {short(study.about['data'])}",
        kind="linearity",
        sections=[
            *(SECTIONS[name] for name in there),
            Section("limits", "What this does not show", "Limits"),
            Section("reproduce", "Run it again", "Run again"),
        ],
        study=study,
        headline=headline(study),
        results=results(study),
        pair=[short(name, 30) for name in study.about["pair"]],
        setting=_setting(study),
        eps=eps_text(study.about["eps"], "Linf"),
        environment=facts_of(study.environment),
        parts_of={name: parts.get(name) for name in TABLES},
        named=SECTIONS,
    )


def headline(study: Linearity) -> str:
    """Return the main result in one sentence."""
    if "missed_two" not in study.tables:
        return "A linear model is fooled by small changes that add up."
    two, n = _missed(study, "two")
    found = "is the best attack there is: it misses none" if not two else f"misses {count(two)}"
    text = (
        f"One step along the sign of the gradient of a linear model {found} of {count(n)} images"
        " for two classes"
    )
    if "missed_all" not in study.tables:
        return f"{text}."
    rest, n = _missed(study, "all")
    return f"{text}, and at most {count(rest)} of {count(n)} for {len(study.about['classes'])}."


def _missed(study: Linearity, which: str) -> tuple[int, int]:
    frame = study.tables[f"missed_{which}"]
    row = frame[(frame["norm"] == "Linf") & (frame["attack"] == "fgsm")].iloc[0]
    return int(row["missed"]), int(row["n"])


def results(study: Linearity) -> list[str]:
    """Return the result of each part, one sentence each."""
    told = {
        "numbers": linear_numbers.result, "dimension": linear_numbers.dimension_result,
        "images": linear_images.result, "decay": linear_decay.as_in_2015,
        "nets": linear_nets.result, "manifold": linear_manifold.result,
    }  # fmt: skip
    return [told[name](study) for name, table in TABLES.items() if table in study.tables]


def _setting(study: Linearity) -> list[Fact]:
    about = study.about
    return [
        Fact("data", short(about["data"])),
        Fact("pair", " against ".join(short(name, 24) for name in about["pair"])),
        Fact("fitted on", f"{count(about['n_train'])} images, the pair on {about['pair_train']}"),
        Fact("tested on", f"{count(about['n_test'])} others, the pair on {about['pair_test']}"),
        Fact("decay", f"{about['decay']:g}"),
        Fact("eps", f"{eps_text(about['eps'], 'Linf')} around images, for nets"),
        Fact("nets", ", ".join(map(short, about["models"])) or "none"),
        Fact("seed", str(about["seed"])),
    ]


def _numbers(study: Linearity) -> dict[str, Any]:
    return {"states": linear_numbers.states(study), "flips": linear_numbers.flips(study)}


def _dimension(study: Linearity) -> dict[str, Any]:
    return {"figure": linear_numbers.dimension_figure(study)}


def _images(study: Linearity) -> dict[str, Any]:
    def of(which: str) -> dict[str, Any]:
        figures = [linear_images.curve_figure(study, which, norm) for norm in ("Linf", "L2")]
        spread = linear_images.distance_figure(study, which)
        return {
            "figures": [*figures, *([spread] if spread else [])],
            "quantiles": linear_images.quantiles(study, which),
            "templates": pictures(study.shots, f"templates_{which}"),
            "cards": _cards(study, which),
            "right": study.about[f"right_{which}"],
        }

    return {which: of(which) for which in linear_images.models_of(study)}


def _cards(study: Linearity, which: str) -> list[Any]:
    """Return the gallery; ids contain the name of the model."""
    return [
        card._replace(name=f"{which}-{card.name}")
        for card in gallery(study.cards.get(which, ()), "Linf")
    ]


def _decay(study: Linearity) -> dict[str, Any]:
    return {
        "figure": linear_decay.path_figure(study),
        "foolings": linear_decay.foolings(study),
        "known": linear_decay.as_in_2015(study),
        "random": linear_decay.random_images(study),
        "low": pictures(study.shots, "templates_low", 5),
        "high": pictures(study.shots, "templates_high", 5),
        "pictures": pictures(study.shots, "foolings"),
    }


def _nets(study: Linearity) -> dict[str, Any]:
    return {
        "figures": linear_nets.way_figures(study),
        "table": linear_nets.nets_table(study),
    }


def _manifold(study: Linearity) -> dict[str, Any]:
    return {
        "figures": [linear_manifold.manifold_figure(study), linear_manifold.probe_figure(study)],
        "table": linear_manifold.manifold_table(study),
    }


BUILD = {"numbers": _numbers, "dimension": _dimension, "images": _images, "decay": _decay,
         "nets": _nets, "manifold": _manifold}  # fmt: skip
