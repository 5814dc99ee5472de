"""The run of `advkit invert`: images reconstructed from the codes of every layer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.engine.layer_outputs import code_of
from advkit.engine.layers import Call, layer_of
from advkit.errors import InputError, UsageError
from advkit.evaluate.album import (
    Studio,
    finished,
    group,
    kept,
    shown,
    steps_told,
)
from advkit.evaluate.intervals import wilson
from advkit.insight.canvas import calls_of, stages
from advkit.insight.inversion import Optimiser, Priors, inverted, usual_priors
from advkit.insight.likeness import peak_signal_to_noise, picture_ssim
from advkit.numbers import several

LIMITS = (
    "The prior smooths details away even where the layer still encodes them: a poor picture does "
    "not prove that a layer has lost them.",
    "The nearest neighbour is searched among the images of this data only, by pixel distance.",
    "This takes the net as well as the code.",
)


class Plan(NamedTuple):
    """Settings of a run of `advkit invert`."""

    layers: tuple[str, ...] = ()
    images: int = 4
    optimiser: Optimiser = "lbfgs"
    steps: int = 200
    variation: float | None = None
    """Weight of total variation; the default depends on how much smaller the maps are than the
    image."""

    def told(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "layers": list(self.layers), "variation": self.variation or ""}


def invert(at: Studio, plan: Plan, pictures: Mapping[str, Tensor]) -> dict[str, Any]:
    """Invert ``pictures`` (c, h, w), by name; return the record of the run.

    Nearest neighbours are sought in the data of the studio. Raises UsageError, InputError.
    """
    calls = _layers(at, plan)
    strips, rows = [], []
    for name, picture in pictures.items():
        row = kept(at, f"image-{name}", lambda p=picture: ({}, {"image": p}))  # type: ignore[misc]
        found = [_inverted(at, plan, call, name, picture) for call in calls]
        rows.append(found)
        first = shown(row["files"]["image"], "image", _class(at, picture))
        strips.append({"name": name, "caption": f"{name}, by layer", "pictures": [
            first, *(_shown(one) for one in found)]})  # fmt: skip
    columns = list(zip(*rows, strict=True))
    table = [_line(call, column) for call, column in zip(calls, columns, strict=True)]
    groups = [
        group("ladder", "A ladder of reconstructions",
              "Each picture was reconstructed from noise, using only the code of one layer.",
              strips=strips),
        group("known", "What each layer gives away", "", table={"columns": COLUMNS, "rows": table},
              under="Code error: |code - target|^2 / |target|^2. PSNR in decibels and SSIM "
                    "against the image. Found again: the nearest image of the data, by pixels, "
                    "is the one that the code came from. Same class: the net predicts the same "
                    "class for both. Intervals are 95% (Wilson)."),
        group("steps", "How the loss fell", "", chart={
            "title": "Loss by step, first image", "across": "steps", "up": "log10 loss",
            "lines": [(one["layer"], _falling(one["values"])) for one in rows[0][:6]]}),
    ]  # fmt: skip
    return finished(at, *_verdict(at, calls, columns), groups, LIMITS)


NUMBERS = ("variation", "code error", "PSNR", "SSIM")
COLUMNS = [[name, name in NUMBERS] for name in (
    "layer", "output", *NUMBERS, "found again", "same class")]  # fmt: skip


def _layers(at: Studio, plan: Plan) -> list[Call]:
    if not plan.layers:
        return stages(at.canvas)
    known = {call.name: call for call in calls_of(at.canvas)}
    for name in plan.layers:
        layer_of(at.canvas.root, name.partition("#")[0])
        if name not in known:
            raise UsageError(
                f"the layer {name!r} is not called exactly once", "see advkit inspect --layers"
            )
    return [known[name] for name in plan.layers]


def _inverted(at: Studio, plan: Plan, call: Call, name: str, picture: Tensor) -> dict[str, Any]:
    code = code_of(at.canvas.ask, at.canvas.root, call.name)
    priors = _priors(at, plan, call)

    def make() -> tuple[dict[str, Any], dict[str, Tensor]]:
        with torch.no_grad():
            wanted = code(picture[None])
        if not bool(wanted.any()):
            raise InputError(
                f"the code of {name} at {call.name} is 0: there is nothing to invert", code="E316"
            )
        tell = steps_told(at, f"{name}, {call.name}", plan.steps)
        made = inverted(code, wanted, at.canvas, priors=priors, optimiser=plan.optimiser,
                        steps=plan.steps, seed=at.seed, name=name, tell=tell)  # fmt: skip
        told = {"layer": call.name, "code_error": made.code_error, "values": made.values}
        return {**told, **_compared(at, picture, made.image, name)}, {"image": made.image}

    return {**kept(at, f"{name}-{call.name}", make), "variation": priors.variation}


def _priors(at: Studio, plan: Plan, call: Call) -> Priors:
    places = call.shape[1:] if len(call.shape) == 3 else (1, 1)
    shrunk = min(at.canvas.shape[1:]) / min(places)
    usual = usual_priors(shrunk)
    return usual if plan.variation is None else usual._replace(variation=plan.variation)


def _compared(at: Studio, picture: Tensor, image: Tensor, name: str) -> dict[str, Any]:
    first, second = (x.permute(1, 2, 0).cpu().numpy() for x in (picture, image))
    told = {"psnr": peak_signal_to_noise(first, second), "ssim": picture_ssim(first, second),
            "again": None, "class": _class(at, image),
            "same": _class(at, image) == _class(at, picture)}  # fmt: skip
    if at.samples is not None and name in at.samples.ids:
        apart = (at.samples.x - image).flatten(1).square().sum(1)
        told["again"] = at.samples.ids[int(apart.argmin())] == name
    return told


@torch.no_grad()
def _class(at: Studio, picture: Tensor) -> str:
    return at.names[int(at.canvas.ask(picture[None]).argmax())]


def _shown(one: dict[str, Any]) -> dict[str, str]:
    again = {True: "found again", False: "lost", None: ""}[one["again"]]
    return shown(one["files"]["image"], one["layer"], f"SSIM {one['ssim']:.2f}",
                 f"{one['class']}{'; ' * bool(again)}{again}")  # fmt: skip


def _line(call: Call, column: Sequence[dict[str, Any]]) -> list[Any]:
    def mean(key: str) -> float:
        return float(np.mean([one[key] for one in column]))

    again = [one["again"] for one in column if one["again"] is not None]
    return [call.name, " x ".join(map(str, call.shape)), column[0]["variation"],
            mean("code_error"), mean("psnr"), mean("ssim"),
            _share(again), _share([one["same"] for one in column])]  # fmt: skip


def _share(found: Sequence[bool]) -> str:
    if not found:
        return "no data"
    share = wilson(sum(found), len(found))
    return f"{share['count']} of {share['n']} ({share['low']:.0%} to {share['high']:.0%})"


def _falling(values: Sequence[float]) -> list[tuple[int, float]]:
    return [(step, float(np.log10(max(-value, 1e-8)))) for step, value in enumerate(values)]


def _verdict(at: Studio, calls: Sequence[Call], columns: Sequence[Any]) -> tuple[str, str]:
    means = [float(np.mean([one["ssim"] for one in column])) for column in columns]
    good = [call.name for call, mean in zip(calls, means, strict=True) if mean > 0.5]
    last = f"down to layer {good[-1]} images come back (mean SSIM above 0.5)" if good \
        else "no layer gives the image back (mean SSIM above 0.5)"  # fmt: skip
    verdict = f"Of {at.model.name}, {last}."
    known = [call.name for call, column in zip(calls, columns, strict=True)
             if all(one["again"] for one in column)]  # fmt: skip
    if at.samples is not None and known:
        verdict += f" From layer {known[-1]} each can still be told from all others of the data."
    n = len(columns[0])
    counts = f"{several(n, 'image')}, {several(len(calls), 'layer')}"
    return verdict, f"{counts} (Mahendran and Vedaldi 2015)."
