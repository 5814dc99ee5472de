"""The page of an audit: verdict, evidence, limits, and the command that repeats it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from advkit.reports.bracket import bracket_table
from advkit.reports.breakdown import class_table, confusion, distances, extremes
from advkit.reports.cards import Card
from advkit.reports.cascade import TRIED, attack_names, broken, by_eps, effort
from advkit.reports.clips import clips
from advkit.reports.gallery import gallery
from advkit.reports.images import SMALL
from advkit.reports.over_eps import curve_figure
from advkit.reports.parts import Fact, Section
from advkit.reports.robustness_curve import interval_bar
from advkit.reports.saliency_strips import looks
from advkit.reports.shell import render
from advkit.reports.speech_tables import Played
from advkit.reports.tables import Audit, Interval
from advkit.reports.threat_taxonomies import VERSION
from advkit.reports.trust_panel import climb, panel
from advkit.reports.words import bare, count, eps_both, eps_text, percent, seconds, short, spread

THREATS = {
    "Linf": "Every value of the image may change by at most eps, where 0 is black and 1 is white.",
    "L2": "The Euclidean length of the perturbation of the image may be at most eps.",
    "L1": "The absolute changes of all values of the image may add up to at most eps.",
    "L0": "At most eps values of the image may change, each by any amount.",
}
SOUND = {
    "Linf": "Every value of the waveform may change by at most eps, in a range from -1 to 1.",
    "L2": "The Euclidean length of the perturbation of the waveform may be at most eps.",
    "L1": "The absolute changes of all values of the waveform may add up to at most eps.",
    "L0": "At most eps values of the waveform may change, each by any amount.",
}
RELATIVE = " Eps is relative to the clip's own size: 0.1 is 20 dB below it, 0.01 is 40 dB."
MAX_TILES = 5
WHO = "Which images are fooled, and at what distance"


class Tile(NamedTuple):
    """A large number with its interval: clean accuracy, or robust accuracy at one eps."""

    head: str
    share: str
    spread: str
    counts: str
    bar: Markup
    clean: bool


def audit_page(
    audit: Audit, cards: Sequence[Card], played: Sequence[Played] = (), rate: int = 0
) -> str:
    """Return the page of one audit as a self-contained HTML file.

    The page queries no model. At most 24 cards are shown (fewer large ones); the page states how
    many of how many. Raises ValueError if ``audit`` is inconsistent (see `cascade.divide`).
    ``played`` are clips of sound with ``rate`` samples per second.
    """
    heard, unheard = clips(played, rate)
    shown = gallery(cards, audit.norm)
    maps = looks(cards)
    figures = [broken(audit), *([by_eps(audit)] if len(audit.robust) > 1 else [])]
    name = str(audit.model.get("name", audit.model.get("spec", "a classifier")))
    return render(
        "audit.html",
        title=f"Audit of {short(name)}",
        kind="audit",
        sections=_sections(audit, shown or heard, maps),
        audit=audit,
        model_name=name,
        tiles=_tiles(audit),
        trust=panel(audit.trust) if audit.trust else None,
        climb=climb(audit),
        threat=_threat(audit),
        setting=_setting(audit, name),
        curve=curve_figure(audit),
        figures=figures,
        effort=effort(audit),
        tried=TRIED,
        bracket=bracket_table(audit) if audit.bracket else None,
        behind=_behind(audit),
        invalid=sum(row.invalid for row in audit.attacks),
        total_seconds=seconds(sum(row.seconds for row in audit.attacks)),
        cards=shown,
        clips=[clip for _, clip in heard],
        unheard=unheard,
        looks=maps,
        large=any(picture.width > SMALL for card in shown for picture in card.pictures),
        given=len(cards),
        model=facts_of(audit.model),
        data=facts_of(audit.data),
        run=_run(audit),
        environment=facts_of(audit.environment),
        maps_to=facts_of(audit.maps_to),
        vocabulary=VERSION,
    )


def _sections(audit: Audit, shown: Sequence[object], maps: Sequence[object]) -> list[Section]:
    return [
        Section("result", "Result", "Result"),
        Section("attacks", "What each attack contributed and cost", "Attacks"),
        *(
            [Section("bracket", "What is proved, and what remains open", "Proved")]
            if audit.bracket
            else []
        ),
        *([Section("trust", "Can these numbers be trusted?", "Trust")] if audit.trust else []),
        *(
            [Section("behind", "Which images are fooled, and at what distance", "Distances")]
            if audit.breakdown
            else []
        ),
        *([Section("gallery", "Before and after", "Gallery")] if shown else []),
        *([Section("looks", "Where it looks, before and after", "Where it looks")] if maps else []),
        Section("reading", "How to read this", "Reading"),
        Section("limits", "What this does not show", "Limits"),
        *([Section("notes", "Notes on this run", "Notes")] if audit.notes else []),
        Section("reproduce", "Run it again", "Run again"),
    ]


def _behind(audit: Audit) -> dict[str, Any] | None:
    """Return the figures and tables of the breakdown, None if the run has none."""
    parts = audit.breakdown
    if not parts:
        return None
    drawn = [distances(audit, parts), confusion(audit, parts)]
    return {
        "figures": [figure for figure in drawn if figure],
        "classes": class_table(audit, parts),
        "extremes": extremes(parts),
    }


def _tiles(audit: Audit) -> list[Tile]:
    """Return clean accuracy and up to five robust ones, the first and last eps among them."""
    robust = list(audit.robust)
    if len(robust) > MAX_TILES:
        last = len(robust) - 1
        robust = [robust[round(i * last / (MAX_TILES - 1))] for i in range(MAX_TILES)]
    return [
        tile("Clean accuracy", audit.clean, True),
        *(tile(f"Robust, eps {eps_text(eps, audit.norm)}", at, False) for eps, at in robust),
    ]


def tile(head: str, at: Interval, clean: bool) -> Tile:
    """Return a share as a large number with its interval."""
    counts = f"{count(at.count)} of {count(at.n)}"
    return Tile(head, percent(at.value), spread(at), counts, interval_bar(at), clean)


def _threat(audit: Audit) -> str:
    if "rate" not in audit.data:
        return THREATS.get(audit.norm, "")
    return SOUND.get(audit.norm, "") + (RELATIVE if audit.data.get("relative") else "")


def _setting(audit: Audit, name: str) -> list[Fact]:
    return [
        Fact("norm", audit.norm),
        Fact("eps", ", ".join(eps_both(eps, audit.norm) for eps, _ in audit.robust)),
        Fact("images", f"{count(audit.clean.n)} of {short(audit.data.get('name', 'the data'))}"),
        Fact("model", short(name)),
        Fact(
            "attacks", ", ".join(dict.fromkeys(short(bare(name)) for name in attack_names(audit)))
        ),
        Fact("suite", f"{audit.suite}, seed {audit.seed}"),
    ]


def facts_of(values: Mapping[str, Any]) -> list[Fact]:
    """Return the entries of a mapping as facts; long words without a space are set as code."""
    return [
        Fact(short(key), text, code=len(text) > 24 and " " not in text)
        for key, value in values.items()
        for text in [short(_listed(value), 400)]
    ]


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _run(audit: Audit) -> list[Fact]:
    return [
        Fact("suite", audit.suite),
        Fact("seed", str(audit.seed)),
        Fact("norm", audit.norm),
        Fact("eps", ", ".join(eps_both(eps, audit.norm) for eps, _ in audit.robust)),
        Fact("started", audit.started),
        Fact("finished", audit.finished),
    ]
