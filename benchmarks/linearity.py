"""Why linear models are fooled, and how linear nets are: the tables behind `advkit linearity`.

    python -m advkit.benchmarks.linearity --data bundled:digits DIR

writes every table as a CSV file. What the columns are is said where each table is made.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from advkit.benchmarks import linear_decay, linear_images, linear_manifold, linear_nets
from advkit.benchmarks.linear_fits import (
    Halves,
    accuracy,
    class_names,
    fit,
    halves,
    two_classes,
)
from advkit.benchmarks.linear_numbers import dimension, ten_flips, ten_numbers, ten_scores
from advkit.benchmarks.linear_pictures import Picture, fooling_pictures, template_pictures
from advkit.data import Samples, load_data
from advkit.errors import InputError
from advkit.models import Classifier, load_model
from advkit.models.probe import probe

DATA = "bundled:fashion-mnist"
FASHION = ("bundled:fashion-mnist-cnn", "bundled:fashion-mnist-cnn-robust")
DIGITS = ("bundled:digits-cnn",)
DECAY = 1e-3
Progress = Callable[[str, int, int], None]


@dataclass
class Study:
    """Everything that was measured: tables by name, examples and pictures by group, and notes."""

    about: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    exhibits: dict[str, list[linear_images.Exhibit]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """What the parts of a study are given."""

    data: Halves
    pair: Halves
    models: Sequence[Classifier]
    decay: float
    seed: int

    @property
    def pictured(self) -> bool:
        """Whether the inputs are images with one or three channels."""
        x = self.data.test.x
        return x.ndim == 4 and x.shape[1] in (1, 3)


def study(
    samples: Samples,
    *,
    classes: Sequence[str] = (),
    models: Sequence[str | Classifier] = (),
    parts: Sequence[str] = (),
    decay: float = DECAY,
    seed: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> Study:
    """Measure the ``parts`` (all by default) of the study on ``samples``.

    ``classes`` are the two of the two-class model, ``models`` nets (specs or classifiers) for the
    last parts; without any, those that come with advkit for these images. Half of the images of
    each class are fitted on, all numbers of test images are of the other half. Raises UsageError
    and InputError.
    """
    chosen = parts or tuple(PARTS)
    data, pair = halves(samples), halves(two_classes(samples, classes))
    nets = [_net(one, samples) for one in models or usual_models(samples)]
    setting = Setting(data, pair, nets, decay, seed)
    found = Study(_about(samples, setting))
    for done, name in enumerate(chosen):
        progress("linearity", done, len(chosen))
        PARTS[name](setting, found)
    progress("linearity", len(chosen), len(chosen))
    return found


def usual_models(samples: Samples) -> tuple[str, ...]:
    """Return the bundled nets for these images, by their shape and their classes."""
    shape = tuple(samples.x.shape[1:])
    fashion = load_model(FASHION[0]).classes
    if shape == (1, 28, 28) and samples.classes == fashion:
        return FASHION
    return DIGITS if shape == (1, 8, 8) and len(class_names(samples)) == 10 else ()


def _net(model: str | Classifier, samples: Samples) -> Classifier:
    net = load_model(model, classes=samples.classes) if isinstance(model, str) else model
    probe(net, samples.x, samples.y)
    if net.n_classes != len(class_names(samples)):
        raise InputError(
            f"{net.name} has {net.n_classes} classes, {samples.name} has "
            f"{len(class_names(samples))}",
            "give a model of these images: --model",
        )
    return net


def _about(samples: Samples, setting: Setting) -> dict[str, Any]:
    names = class_names(setting.pair.test)
    sizes = [len(half.y) for half in (*setting.data, *setting.pair)]
    told = ("n_train", "n_test", "pair_train", "pair_test")
    return {
        "data": samples.name, "shape": list(samples.x.shape[1:]), "pair": list(names),
        "classes": list(class_names(samples)), **dict(zip(told, sizes, strict=True)),
        "decay": setting.decay, "seed": setting.seed,
        "models": [model.name for model in setting.models],
    }  # fmt: skip


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
            found.notes.append(f"{model.name} reads no test image right; it is left out")
            continue
        ways = linear_nets.ways(model, samples)
        straight = linear_nets.straightness(ways)
        told = linear_nets.first_order(model, samples, seed=setting.seed)
        rows.append(linear_nets.summary(model.name, straight, told))
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
        groups = linear_manifold.kinds(model, data.test, linear_nets.EPS, setting.seed)
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
"""The parts of the study, in the order of the page."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write a CSV file per table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default=DATA)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    for name, table in study(load_data(args.data)).tables.items():
        table.to_csv(args.folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
