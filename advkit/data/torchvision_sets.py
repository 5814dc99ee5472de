"""``torchvision:NAME?root=DIR&split=train|test``: data sets that lie on the disk; no download."""

import inspect
from typing import Any

import numpy as np

from advkit.data.pixels import to_labels, to_unit
from advkit.data.samples import Samples
from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.spec_text import Spec, only

FIXED_SIZE = ("CIFAR10", "CIFAR100", "FashionMNIST", "KMNIST", "MNIST", "STL10", "SVHN", "USPS")
CHANNELS_LAST = ("CIFAR10", "CIFAR100")


def load_torchvision(spec: Spec) -> Samples:
    """Return one split of a torchvision data set under ``root``. Raises UsageError, InputError."""
    only(spec, ("root", "split"))
    if spec.ref not in FIXED_SIZE:
        raise UnknownNameError(
            f"there is no torchvision data {spec.ref!r} here", did_you_mean(spec.ref, FIXED_SIZE)
        )
    if "root" not in spec.query:
        raise UsageError(
            f"{spec.text!r} does not say where the data lies",
            f"write torchvision:{spec.ref}?root=DIR; advkit downloads nothing",
            code="E204",
        )
    split = spec.query.get("split", "test")
    if split not in ("train", "test"):
        raise UsageError(f"{spec.text!r} has no split {split!r}", "train or test", code="E206")
    found = _open(spec, split)
    x = np.asarray(found.data)
    y = np.asarray(found.targets if hasattr(found, "targets") else found.labels)
    if x.ndim == 3:
        x = x[:, None]
    if spec.ref in CHANNELS_LAST:
        x = np.moveaxis(x, 3, 1)
    names = getattr(found, "classes", None)
    return Samples(
        to_unit(x, spec.text),
        to_labels(y, len(x), spec.text),
        tuple(f"{spec.ref}/{split}/{i}" for i in range(len(x))),
        tuple(names) if names else None,
        spec.text,
    )


def _open(spec: Spec, split: str) -> Any:
    from torchvision import datasets

    dataset, root = getattr(datasets, spec.ref), spec.query["root"]
    which: dict[str, Any] = {"train": split == "train"}
    if "split" in inspect.signature(dataset.__init__).parameters:
        which = {"split": split}
    try:
        return dataset(root, download=False, **which)
    except Exception as error:
        told = str(error).replace("You can use download=True to download it", "")
        raise InputError(
            f"{spec.text!r}: torchvision cannot read {spec.ref} under {root}: "
            f"{' '.join(told.split())}",
            f"advkit downloads nothing: put the files where "
            f"torchvision.datasets.{spec.ref}(root={root!r}, download=True) puts them",
            code="E318",
        ) from error
