"""Why linear models are fooled, and how linear nets are: the tables behind `advkit linearity`.

    python -m advkit.benchmarks.linearity --data bundled:digits DIR

writes every table as a CSV file. The function that makes a table documents its columns.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from advkit.benchmarks.linear_fits import class_names, halves, two_classes
from advkit.benchmarks.linear_nets import usual_eps
from advkit.benchmarks.linear_parts import PARTS, Setting, Study
from advkit.data import Samples, load_data
from advkit.errors import InputError, UsageError
from advkit.evaluate.class_names import class_notes
from advkit.models import Classifier, load_model
from advkit.models.probe import probe

DATA = "bundled:fashion-mnist"
FASHION = ("bundled:fashion-mnist-cnn", "bundled:fashion-mnist-cnn-robust")
DIGITS = ("bundled:digits-cnn",)
DECAY = 1e-3
Progress = Callable[[str, int, int], None]


def study(
    samples: Samples,
    *,
    classes: Sequence[str] = (),
    models: Sequence[str | Classifier] = (),
    parts: Sequence[str] = (),
    decay: float = DECAY,
    eps: float | None = None,
    seed: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> Study:
    """Measure the ``parts`` (all by default) of the study on ``samples``.

    ``classes`` are those of the two-class model. ``models`` are nets (specs or classifiers) for the
    last parts, by default the bundled ones for these images; ``eps`` (default 0.1; 8/255 for colour
    images) applies to these parts. Models are fitted on half of the images of each class and tested
    on the other half. Raises UsageError and InputError.
    """
    chosen = parts or tuple(PARTS)
    data, pair = halves(samples), halves(two_classes(samples, classes))
    nets = [_net(one, samples) for one in models or usual_models(samples)]
    reach = usual_eps(samples) if eps is None else eps
    if not reach > 0:
        raise UsageError(
            f"--eps {reach:g} is not a distance", "give a number above 0: 8/255, 0.05", code="E203"
        )
    setting = Setting(data, pair, nets, decay, reach, seed)
    found = Study(_about(samples, setting))
    for done, name in enumerate(chosen):
        progress("linearity", done, len(chosen))
        PARTS[name](setting, found)
    progress("linearity", len(chosen), len(chosen))
    return found


def usual_models(samples: Samples) -> tuple[str, ...]:
    """Return the bundled nets that match these images in shape and classes."""
    shape = tuple(samples.x.shape[1:])
    fashion = load_model(FASHION[0]).classes
    if shape == (1, 28, 28) and samples.classes == fashion:
        return FASHION
    return DIGITS if shape == (1, 8, 8) and len(class_names(samples)) == 10 else ()


def _net(model: str | Classifier, samples: Samples) -> Classifier:
    net = load_model(model, classes=samples.classes) if isinstance(model, str) else model
    probe(net, samples.x, samples.y)
    class_notes(net, samples)
    if net.n_classes != len(class_names(samples)):
        raise InputError(
            f"{net.name} has {net.n_classes} classes, {samples.name} has "
            f"{len(class_names(samples))}",
            "give a model of these images: --model",
            code="E314",
        )
    return net


def _about(samples: Samples, setting: Setting) -> dict[str, Any]:
    names = class_names(setting.pair.test)
    sizes = [len(half.y) for half in (*setting.data, *setting.pair)]
    told = ("n_train", "n_test", "pair_train", "pair_test")
    return {
        "data": samples.name, "shape": list(samples.x.shape[1:]), "pair": list(names),
        "classes": list(class_names(samples)), **dict(zip(told, sizes, strict=True)),
        "decay": setting.decay, "eps": setting.eps, "seed": setting.seed,
        "models": [model.name for model in setting.models],
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study and write a CSV file per table."""
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
