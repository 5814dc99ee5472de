"""The combined page of `advkit gallery`, from the runs in its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advkit.evaluate.album import Studio, finished

LIMITS = (
    "A page of pictures shows what a net sees, not how easily it is fooled: advkit audit measures "
    "that.",
    "Each part was made with few images and steps, so that the whole takes minutes; the "
    "individual commands do more.",
)
TITLES = {"visualize": "Classes", "invert": "Inversion", "fool": "Fooling", "embed": "Embedding",
          "dream": "Dreams", "style": "Style"}  # fmt: skip


def gallery(at: Studio, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the record of a page of ``parts``: records of runs by folder name.

    Takes the first picture sections and the tables of each part.
    """
    groups = [
        _moved(folder, record, each)
        for folder, record in parts.items()
        for each in record["groups"]
        if each.get("strips") or each.get("table")
    ]
    verdict = f"All that {at.model.name} sees: " + ", ".join(
        TITLES[kind].lower() for kind in parts) + "."  # fmt: skip
    found = [[TITLES[kind], record["verdict"]] for kind, record in parts.items()]
    limits = list(dict.fromkeys([*LIMITS, *(
        text for record in parts.values() for text in record["limits"][:1])]))  # fmt: skip
    lead = "The result of each part is here; each has a page with more in its own folder."
    more = {"found": found, "files": "*/pictures/"}
    return finished(at, verdict, lead, groups, limits, more=more)


def _moved(folder: str, record: Mapping[str, Any], each: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with file names relative to the parent folder, with small pictures only.

    Of a row of large pictures the first and the last are kept.
    """
    begins = each is record["groups"][0]
    given = list(each.get("strips", ()))
    if each.get("wide") and len(given) > 2:
        given = [given[0], given[-1]] if folder == "embed" else [_joined(given)]
    strips = [{**strip, "pictures": [_below(folder, one) for one in strip["pictures"]]}
              for strip in given]  # fmt: skip
    first, rest = each["title"][0], each["title"][1:]
    return {**each, "name": f"{folder}-{each['name']}", "strips": strips,
            "text": f"{record['lead']} {each['text']}" if begins else each["text"],
            "title": f"{TITLES[folder]}: {first.lower()}{rest}",
            "entry": TITLES[folder] if begins else "",
            "wide": folder in ("embed", "style") and each.get("wide", False)}  # fmt: skip


def _below(folder: str, one: Mapping[str, str]) -> dict[str, str]:
    return {**one, "file": str(Path(folder) / one["file"])}


def _joined(strips: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one strip with the pictures of several."""
    return {"name": "all", "caption": "all",
            "pictures": [one for strip in strips for one in strip["pictures"]]}  # fmt: skip
