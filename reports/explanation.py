"""The page of saliency maps, with their scales and whether they can be trusted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.reports.explained import Explained, Maps, Seen
from advkit.reports.gallery import Picture
from advkit.reports.heat import Scale, colour_bar, heat_uri, outlined, scale_of, seeded
from advkit.reports.images import gain_for, perturbation, to_bytes
from advkit.reports.map_checks import belief_charts, belief_table, cascade_figure
from advkit.reports.page import facts_of
from advkit.reports.parts import Cell, Column, Section, Table
from advkit.reports.shell import render
from advkit.reports.strips import Strip, framed, sized
from advkit.reports.words import decimal, eps_text, percent, short, slug

MAX_ROWS, MAX_AFTER = 20, 6
MAX_BYTES = 9_000_000


def explanation_page(one: Explained) -> str:
    """Return the page of a run of maps as a self-contained HTML file.

    At most 20 images are shown (fewer large ones); the page states how many of how many.
    """
    shown = [each for each in one.methods if each.maps is not None]
    scales = {each.label: _scale(each) for each in shown}
    strips = _within([_strip(one, i, shown, scales) for i in range(min(len(one.seen), MAX_ROWS))])
    cuts = [_cut_strip(one, i, shown, scales) for i in range(len(one.cuts[: len(strips)]))]
    after = [_after_strips(one, i, shown, scales) for i in range(min(len(strips), MAX_AFTER))
             if one.attacked]  # fmt: skip
    return render(
        "explanation.html",
        title=f"Where {short(one.model['name'], 40)} looks",
        kind="maps",
        sections=_sections(one),
        one=one,
        strips=strips,
        scales=_scales(one.methods, scales),
        cuts=cuts,
        overlap=_overlap(one),
        after=after,
        reactions=_reactions(one) if one.attacked else None,
        belief=belief_table(one) if one.beliefs else None,
        charts=belief_charts(one) if one.beliefs else (),
        cascade=cascade_figure(one) if one.beliefs else None,
        model=facts_of(one.model),
        data=facts_of(one.data),
        run=facts_of(one.run),
        environment=facts_of(one.environment),
    )


def _sections(one: Explained) -> list[Section]:
    return [
        Section("maps", "Where it looks", "Maps"),
        Section("scales", "What the colours mean", "Scales"),
        *([Section("objects", "Objects segmented from the maps", "Objects")] if one.cuts else []),
        *([Section("belief", "Can these maps be believed?", "Belief")] if one.beliefs else []),
        *([Section("attack", "Before and after an attack", "Attack")] if one.attacked else []),
        Section("limits", "What this does not show", "Limits"),
        Section("reproduce", "Run it again", "Run again"),
    ]


def _scale(each: Maps) -> Scale:
    assert each.maps is not None  # noqa: S101
    both = each.maps if each.after is None else np.concatenate([each.maps, each.after])
    return scale_of(both, each.signed)


def _within(strips: list[Strip]) -> list[Strip]:
    spent = 0
    kept: list[Strip] = []
    for strip in strips:
        spent += sum(len(picture.uri) for picture in strip.pictures)
        if kept and spent > MAX_BYTES:
            break
        kept.append(strip)
    return kept


def _strip(one: Explained, at: int, shown: Sequence[Maps], scales: dict[str, Scale]) -> Strip:
    seen = one.seen[at]
    maps = [_map(each, each.maps[at], scales[each.label]) for each in shown
            if each.maps is not None]  # fmt: skip
    return Strip(f"image-{at + 1}-{slug(seen.sample)}", short(seen.sample), _caption(seen),
                 [_image(seen), *maps])  # fmt: skip


def _caption(seen: Seen) -> str:
    best = seen.guesses[0]
    of = f"; maps of {short(seen.target)}" if seen.target and seen.target != best.name else ""
    return (
        f"labelled {short(seen.label)}; predicted {short(best.name)} ({best.probability:.2f}){of}"
    )


def _image(seen: Seen, head: str = "image") -> Picture:
    best = seen.guesses[0]
    alt = f"{seen.sample}: predicted {best.name} ({best.probability:.2f})"
    return framed(to_bytes(seen.image), head, short(best.name), f"{best.probability:.2f}", alt)


def _map(each: Maps, values: NDArray[Any], scale: Scale) -> Picture:
    peak = float(values.flat[int(np.abs(values).argmax())])
    text = f"peak {decimal(peak)}".replace("-", "\u2212") if peak else "no evidence: all 0"
    alt = f"{each.label}: {text}, scale {decimal(scale.low)} to {decimal(scale.high)}"
    return sized(heat_uri(values, scale), values.shape, head_of(each.label), text, "", alt)


def head_of(label: str) -> str:
    """Return a method's label as a heading, without underscores."""
    return short(label.replace("_", " "), 40)


def _scales(methods: Sequence[Maps], scales: dict[str, Scale]) -> Table:
    columns = [
        Column(name) for name in ("method", "colours", "layer and size", "what it does not show")
    ]
    rows = [
        [Cell(head_of(each.label)), *_scale_cells(each, scales.get(each.label)),
         Cell(f"does not apply: {each.refused}" if each.refused else each.limits)]
        for each in methods
    ]  # fmt: skip
    return Table("The scale of every method", columns, rows)


def _scale_cells(each: Maps, scale: Scale | None) -> list[Cell]:
    if scale is None:
        return [Cell("none"), Cell("")]
    size = f"{each.size[0]} x {each.size[1]}" if each.size else ""
    where = f"{short(each.layer, 40)}, {size}" if each.layer else size
    images = "image" if each.flat == 1 else "images"
    flat = f"; 0 everywhere on {each.flat} {images}" if each.flat else ""
    note = f"; {each.note}" if each.note else ""
    bar = colour_bar(scale, each.label)
    return [Cell("", drawing=bar), Cell(where + flat + note)]


def _cut_strip(one: Explained, at: int, shown: Sequence[Maps], scales: dict[str, Scale]) -> Strip:
    seen, cut = one.seen[at], one.cuts[at]
    by = next(each for each in shown if each.label == one.cut_by)
    assert by.maps is not None  # noqa: S101
    told = f"{percent(cut.share)} of the image"
    told += f"; overlap with the true mask {cut.iou:.2f}" if cut.iou is not None else ""
    note = cut.note or told
    seeds = framed(seeded(seen.image, cut.seeds), "seeds", "object, background", "", "seeds")
    pictures = [
        _image(seen),
        _map(by, by.maps[at], scales[by.label]),
        seeds,
        framed(outlined(seen.image, cut.mask, cut.box), "object", note, "", f"object: {note}"),
    ]
    return Strip(f"object-{at + 1}", short(seen.sample), _caption(seen), pictures)


def _overlap(one: Explained) -> str:
    known = [(cut.iou, cut.box_iou) for cut in one.cuts if cut.iou is not None]
    if not known:
        return ""
    masks, boxes = ([v or 0.0 for v in column] for column in zip(*known, strict=True))
    right = sum(box >= 0.5 for box in boxes)
    return (f"Compared with the true masks on {len(known)} images: mean overlap (IoU) of masks "
            f"{np.mean(masks):.3f}, of boxes {np.mean(boxes):.3f}; the box is correct (IoU 0.5 or "
            f"more) on {right} of {len(known)}.")  # fmt: skip


def _after_strips(
    one: Explained, at: int, shown: Sequence[Maps], scales: dict[str, Scale]
) -> tuple[Strip, Strip]:
    attacked, seen = one.attacked, one.seen[at]
    assert attacked is not None  # noqa: S101
    now = Seen(seen.sample, seen.label, seen.target, [attacked.read_as[at]], attacked.images[at])
    whole = [each for each in shown if each.maps is not None and each.after is not None]
    after = [_map(each, each.after[at], scales[each.label]) for each in whole
             if each.after is not None]  # fmt: skip
    change = attacked.images[at] - seen.image
    gain = gain_for(change)
    first = framed(perturbation(change, gain), f"change \u00d7{decimal(gain)}", "mid-grey = 0", "",
                   "what the attack changed")  # fmt: skip
    moved = []
    for each in whole:
        assert each.maps is not None and each.after is not None  # noqa: S101, PT018
        scale = Scale(True, scales[each.label].high)
        moved.append(_map(each, each.after[at] - each.maps[at], scale))
    fooled = "fooled" if attacked.fooled[at] else "not fooled"
    name = f"attacked-{at + 1}"
    return (Strip(name, short(seen.sample), f"{_caption(seen)}; {fooled}",
                  [_image(now, "after the attack"), *after]),
            Strip(f"{name}-difference", "", "after minus before", [first, *moved]))  # fmt: skip


def _reactions(one: Explained) -> Table:
    names = {"spearman": "Spearman", "ssim": "SSIM", "top_overlap": "top tenth shared",
             "concentration": "concentration before", "concentration_after": "after",
             "change_within": "change within the top tenth"}  # fmt: skip
    attacked = one.attacked
    assert attacked is not None  # noqa: S101
    rows = [
        [Cell(head_of(label)), *(Cell(decimal(round(means[key], 4)), means[key]) for key in names)]
        for label, means in attacked.means
    ]
    at = f"{attacked.attack}, {attacked.norm} eps {eps_text(attacked.eps, attacked.norm)}"
    columns = [Column("method"), *(Column(name, True) for name in names.values())]
    return Table(
        f"Maps before and after {short(at)}, means over {len(one.seen)} images", columns, rows
    )
