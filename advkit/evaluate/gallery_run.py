"""Everything for one model on one page, out of the runs that lie in its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advkit.evaluate.album import Studio, finished

LIMITS = (
    "A page of pictures shows what a net sees, not how easily it is fooled: advkit audit measures "
    "that.",
    "Each part was made with few images and steps, so that the whole takes minutes; the commands "
    "by themselves do more.",
)
TITLES = {"visualize": "Classes", "invert": "Inversion", "fool": "Fooling", "embed": "Embedding",
          "dream": "Dreams", "style": "Style"}  # fmt: skip


def gallery(at: Studio, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the record of a page of ``parts``: records of runs by the folder they lie in.

    Of each part its first sections of pictures and its tables are taken.
    """
    groups = [
        _moved(folder, record, each)
        for folder, record in parts.items()
        for each in record["groups"]
        if each.get("strips") or each.get("table")
    ]
    missed = [kind for kind in TITLES if kind not in parts]
    verdict = f"All that {at.model.name} sees: " + ", ".join(
        TITLES[kind].lower() for kind in parts) + "."  # fmt: skip
    notes = [
        f"{TITLES[kind].lower()}: does not apply to this net and these data" for kind in missed
    ]
    lead = " ".join(record["verdict"] for record in parts.values())
    limits = list(dict.fromkeys([*LIMITS, *(
        text for record in parts.values() for text in record["limits"][:1])]))  # fmt: skip
    return finished(at, verdict, lead, groups, limits, notes)


def _moved(folder: str, record: Mapping[str, Any], each: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with its files named from the folder above."""
    strips = [
        {**strip, "pictures": [{**one, "file": str(Path(folder) / one["file"])}
                               for one in _some(strip["pictures"])]}
        for strip in each.get("strips", ())
    ]  # fmt: skip
    first, rest = each["title"][0], each["title"][1:]
    text = f"{record['lead']} {each['text']}" if each is record["groups"][0] else each["text"]
    return {**each, "name": f"{folder}-{each['name']}", "strips": strips, "text": text,
            "title": f"{TITLES[folder]}: {first.lower()}{rest}"}  # fmt: skip


def _some(pictures: Sequence[Mapping[str, str]], most: int = 9) -> Sequence[Mapping[str, str]]:
    return pictures[:most]
