"""Parts of the linearity study: each adds its tables and pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from advkit.benchmarks import linear_decay, linear_images, linear_manifold, linear_nets
from advkit.benchmarks.linear_fits import Halves, accuracy, class_names, fit
from advkit.benchmarks.linear_numbers import dimension, ten_flips, ten_numbers, ten_scores
from advkit.benchmarks.linear_pictures import Picture, fooling_pictures, template_pictures
from advkit.models import Classifier


@dataclass
class Study:
    """All results: tables by name, examples and pictures by group, and notes."""

    about: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    exhibits: dict[str, list[linear_images.Exhibit]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """Inputs of the parts of a study."""

    data: Halves
    pair: Halves
    models: Sequence[Classifier]
    decay: float
    eps: float
    seed: int

    @property
    def pictured(self) -> bool:
        """Whether the inputs are images with one or three channels."""
        x = self.data.test.x
        return x.ndim == 4 and x.shape[1] in (1, 3)


def _numbers(_setting: Setting, found: Study) -> None:
    numbers = ten_numbers()
    found.tables |= {"numbers": numbers, "scores": ten_scores(numbers), "flips": ten_flips()}


def _dimension(setting: Setting, found: Study) -> None:
    found.tables["dimension"] = dimension(seed=setting.seed)


def _images(setting: Setting, found: Study) -> None:
    both = {"two": setting.pair, "all": setting.data}
    if len(class_names(setting.data.test)) == 2:
        del both["all"]
    for name, data in both.items():
        fitted = fit(data.train, setting.decay, name=f"{name} classes")
        exact = linear_images.distances(fitted, data.test)
        curve = linear_images.curves(fitted, data.test, exact, setting.seed)
        found.tables |= {f"distances_{name}": exact, f"curves_{name}": curve,
                         f"missed_{name}": linear_images.missed(curve)}  # fmt: skip
        found.about[f"right_{name}"] = accuracy(fitted, data.test)[0]
        if setting.pictured:
            found.exhibits[name] = linear_images.exhibits(fitted, data.test, exact)
            found.pictures += template_pictures(f"templates_{name}", fitted, data.test)


def _decay(setting: Setting, found: Study) -> None:
    decays, data = linear_decay.DECAYS, setting.data
    fits = linear_decay.path(data, decays)
    shape = data.test.x.shape[1:]
    found.tables |= {
        "decay": linear_decay.along_path(fits, decays, data),
        "foolings": linear_decay.foolings(fits, decays, data.test),
        "random_images": linear_decay.random_images(fits, decays, shape, setting.seed),
    }
    if not setting.pictured:
        return
    for group, decay, fitted in (("low", decays[0], fits[0]), ("high", decays[-1], fits[-1])):
        found.pictures += template_pictures(
            f"templates_{group}", fitted, data.test, f"decay {decay:g}"
        )
    for one in linear_decay.shown(fits, decays, data.test):
        found.pictures += fooling_pictures(one)


def _nets(setting: Setting, found: Study) -> None:
    rows, lines, straights, firsts = [], [], [], []
    for model in setting.models:
        samples = linear_nets.right_ones(model, setting.data.test)
        if not len(samples.y):
            found.notes.append(f"{model.name} classifies no test image correctly; it is left out")
            continue
        ways = linear_nets.ways(model, samples, setting.eps)
        straight = linear_nets.straightness(ways)
        told = linear_nets.first_order(model, samples, setting.eps, setting.seed)
        rows.append(linear_nets.summary(model.name, straight, told, setting.eps))
        lines.append(
            linear_nets.lines(model.name, ways, samples.ids, linear_nets.typical(straight))
        )
        straights.append(straight.assign(net=model.name))
        firsts.append(told.assign(net=model.name))
    if rows:
        found.tables |= {"nets": pd.DataFrame(rows), "lines": pd.concat(lines, ignore_index=True),
                         "straightness": pd.concat(straights, ignore_index=True),
                         "first_order": pd.concat(firsts, ignore_index=True)}  # fmt: skip
    elif not setting.models:
        found.notes.append("No net was looked at: none comes with advkit for these images.")


def _manifold(setting: Setting, found: Study) -> None:
    far, probes, data = [], [], linear_manifold.some(setting.data)
    for model in setting.models:
        groups = linear_manifold.kinds(model, data.test, setting.eps, setting.seed)
        if len(groups["clean"].y):
            told = linear_manifold.off_manifold(model, data.train, groups)
            far.append(told.assign(net=model.name))
            probes.append(linear_manifold.probes(model, data).assign(net=model.name))
    if far:
        found.tables |= {"manifold": pd.concat(far, ignore_index=True),
                         "probes": pd.concat(probes, ignore_index=True)}  # fmt: skip


PARTS: dict[str, Callable[[Setting, Study], None]] = {
    "numbers": _numbers,
    "dimension": _dimension,
    "images": _images,
    "decay": _decay,
    "nets": _nets,
    "manifold": _manifold,
}
"""Parts of the study, in the order of the page."""
