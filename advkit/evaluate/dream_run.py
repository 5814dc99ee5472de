"""The run of `advkit dream`: dreams layer by layer, and as a film of the feedback loop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from advkit.engine.gradient import Objective, evaluate
from advkit.engine.layer_outputs import code_of, energy, guided_by
from advkit.errors import InapplicableError
from advkit.evaluate.album import Studio, finished, group, kept, levels_of, shown, steps_told
from advkit.evaluate.run_folder import replaced
from advkit.insight.canvas import stages
from advkit.insight.dream import Dream, dreamt, octave_sizes, zoomed
from advkit.insight.visualization import eight_bits
from advkit.numbers import several

LIMITS = (
    "A dream shows what a layer amplifies, not what the layer is for.",
    "What appears depends on the image, on the sizes of the octaves and on the jitter.",
)


class Plan(NamedTuple):
    """Settings of a run of `advkit dream`."""

    layers: tuple[str, ...] = ()
    octaves: int = 4
    scale: float = 1.4
    steps: int = 20
    step: float = 1.5
    """Mean |change| per pixel in one step, out of 255."""
    jitter: int = 32
    smooth: float = 1.0
    tile: int = 512
    frames: int = 0
    """Of the film: each frame starts from the one before, enlarged."""
    zoom: float = 0.05
    film: str = "webp"

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "layers": list(self.layers)}

    def dream(self) -> Dream:
        """Return the settings of the dream of one image."""
        return Dream(self.octaves, self.scale, self.steps, self.step / 255, self.jitter,
                     self.smooth, self.tile)  # fmt: skip


def dream(at: Studio, plan: Plan, picture: Tensor, guide: Tensor | None = None) -> dict[str, Any]:
    """Dream from ``picture`` (1, c, h, w), guided by ``guide`` if given; return the record.

    Raises UsageError, InapplicableError.
    """
    layers = plan.layers or _layers(at)
    start = kept(at, "start", lambda: ({}, {"image": picture[0]}))
    sizes = octave_sizes(picture.shape[2], picture.shape[3], plan.dream())
    rows = [_dreamt(at, plan, layer, picture, guide, len(sizes)) for layer in layers]
    first = shown(start["files"]["image"], "image", " x ".join(map(str, picture.shape[2:])))
    groups = [_layer_by_layer(first, rows)]
    if plan.frames:
        film = _film(at, plan, layers[-1], picture, guide)
        groups.append(_feedback(plan, layers[-1], film))
    measured = "|code|^2 / 2" if guide is None else "Agreement with the guide"
    groups.append(group("rise", "How the layer's energy rose", "", chart={
        "title": f"{measured} per pixel, by step, all octaves, relative to the first",
        "across": "steps",
        "up": "times the first",
        "lines": [(row["layer"], row["values"]) for row in rows[:6]]}))  # fmt: skip
    dropped = plan.octaves - len(sizes)
    notes = (
        [f"{several(dropped, 'octave')} left out: the images would be too small"] if dropped else []
    )
    at_layers = several(len(layers), "layer")
    verdict = f"What {at.model.name} sees in this image, made stronger at {at_layers}."
    guided = ", guided by another image" if guide is not None else ""
    lead = (
        f"{several(len(sizes), 'octave')}, a factor of {plan.scale} apart, {plan.steps} steps each "
        f"(Mordvintsev et al. 2015){guided}."
    )
    return finished(at, verdict, lead, groups, LIMITS, notes)


def _layer_by_layer(first: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pictures = [first, *(shown(row["files"]["image"], row["layer"], _energy(row), _fine(row))
                         for row in rows)]  # fmt: skip
    strips = [{"name": one["head"], "caption": ", ".join(filter(None, (
                   one["head"], one["text"], one["detail"]))),
               "pictures": [one]} for one in pictures]  # fmt: skip
    return group("dreams", "Layer by layer", "From the first layers to the last: edges, "
                 "textures, parts of things.", strips=strips, wide=True)  # fmt: skip


def _feedback(plan: Plan, layer: str, film: str) -> dict[str, Any]:
    text = f"{plan.frames} frames; each is the last, enlarged by {plan.zoom:.0%}, dreamt on."
    strip = {"name": "film", "caption": layer, "pictures": [shown(film, layer)]}
    return group("film", f"The feedback loop at {layer}", text, wide=True, strips=[strip])


def _layers(at: Studio) -> tuple[str, ...]:
    maps = [call.name for call in stages(at.canvas) if len(call.shape) == 3 and call.shape[1] > 1]
    if not maps:
        raise InapplicableError("no layer of the net is a map of the image", "dream needs one")
    return tuple(maps)


def _objective(at: Studio, layer: str, guide: Tensor | None) -> Objective:
    code = code_of(at.canvas.ask, at.canvas.root, layer)
    if guide is None:
        return energy(code)
    with torch.no_grad():
        return guided_by(code, code(guide))


def _dreamt(
    at: Studio, plan: Plan, layer: str, picture: Tensor, guide: Tensor | None, octaves: int
) -> dict[str, Any]:
    def make() -> tuple[dict[str, Any], dict[str, Tensor]]:
        objective = _objective(at, layer, guide)
        begun = evaluate(objective, picture)
        if not bool(begun.gradient.any()):
            raise InapplicableError(f"no gradient at {layer}: this image leaves the layer at 0",
                             "use another layer or image")  # fmt: skip
        values: list[tuple[int, float]] = []
        show = steps_told(at, layer, octaves * plan.steps)

        def tell(step: int, value: float) -> None:
            values.append((step, value))
            show(step, value)

        image = eight_bits(dreamt(objective, picture, plan.dream(), seed=at.seed, tell=tell))
        after = evaluate(objective, image, gradient=False)
        rise = float(after.value / begun.value)
        top, before = values[0][1] or 1.0, checkered(picture)
        fine = checkered(image) / before if before else None  # of a plain image it is 0
        told = {"layer": layer, "rise": rise, "fine": fine,
                "values": [(step, value / top) for step, value in values]}  # fmt: skip
        return told, {"image": image[0]}

    return kept(at, f"dream-{layer}", make)


def checkered(x: Tensor) -> float:
    """Return the energy of the finest checkerboard in ``x`` (1, c, h, w), relative to its edges.

    The mean square of a - b - c + d over squares of four pixels, divided by that of differences of
    neighbours: 4 for a checkerboard, 2 for white noise, far less in photographs.
    """
    a, b, c, d = x[..., :-1, :-1], x[..., :-1, 1:], x[..., 1:, :-1], x[..., 1:, 1:]
    edges = ((b - a).square().mean() + (c - a).square().mean()) / 2
    return float((a - b - c + d).square().mean() / edges.clamp_min(1e-12))


def _energy(row: dict[str, Any]) -> str:
    return f"energy x {row['rise']:.3g}"


def _fine(row: dict[str, Any]) -> str:
    return "" if row["fine"] is None else f"checkerboard {row['fine']:.2f} of before"


def _film(at: Studio, plan: Plan, layer: str, picture: Tensor, guide: Tensor | None) -> str:
    """Write the film into the run directory if it is not there; return its file name."""
    name = f"pictures/film.{plan.film}"
    if (at.out / name).exists():
        return name
    objective, x = _objective(at, layer, guide), picture
    frames = [picture]
    for number in range(plan.frames):
        x = dreamt(objective, zoomed(x, plan.zoom / 2), plan.dream(), seed=at.seed + number)
        frames.append(eight_bits(x))
        at.tell("frames", number + 1, plan.frames)
    write_film(at.out / name, [frame[0] for frame in frames])
    return name


def write_film(file: Path, frames: Sequence[Tensor], milliseconds: int = 120) -> None:
    """Write ``frames`` (c, h, w) in [0, 1] as a looping GIF or WebP, by the file suffix."""
    pictures = [Image.fromarray(levels_of(frame)).convert("RGB") for frame in frames]
    # Replaced in one piece: a resumed run would take a film cut short for the whole.
    replaced(file, lambda out: pictures[0].save(
        out, format=file.suffix[1:], save_all=True, append_images=pictures[1:],
        duration=milliseconds, loop=0))  # fmt: skip
