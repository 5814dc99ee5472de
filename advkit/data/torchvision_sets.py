"""``torchvision:NAME?root=DIR&split=train|test``: data sets on disk; no download."""

import inspect
from typing import Any

import numpy as np

from advkit.data.picture_rows import OPTIONS, manner_of
from advkit.data.picture_sets import read_pictures
from advkit.data.pixels import to_labels, to_unit
from advkit.data.samples import Samples
from advkit.data.stratified import share_of
from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.spec_text import Spec, only

FIXED_SIZE = ("CIFAR10", "CIFAR100", "FashionMNIST", "KMNIST", "MNIST", "STL10", "SVHN", "USPS")
PICTURES = (
    "Caltech101", "Country211", "DTD", "EuroSAT", "FGVCAircraft", "Flowers102", "Food101", "GTSRB",
    "Imagenette", "OxfordIIITPet", "PCAM", "RenderedSST2", "StanfordCars", "SUN397",
)  # fmt: skip
"""Photographs of many sizes. Not ImageNet: torchvision unpickles a file of it."""
CHANNELS_LAST = ("CIFAR10", "CIFAR100")


def load_torchvision(spec: Spec, limit: int | None, shape: tuple[int, ...] | None) -> Samples:
    """Return one split of a torchvision data set under ``root``. Raises UsageError, InputError."""
    pictures = spec.ref in PICTURES
    only(spec, ("root", "split", *(OPTIONS if pictures else ())))
    if not pictures and spec.ref not in FIXED_SIZE:
        raise UnknownNameError(
            f"there is no torchvision data {spec.ref!r} here",
            did_you_mean(spec.ref, (*FIXED_SIZE, *PICTURES)),
        )
    if "root" not in spec.query:
        raise UsageError(
            f"{spec.text!r} does not say where the data is",
            f"write torchvision:{spec.ref}?root=DIR; advkit downloads nothing",
            code="E204",
        )
    split = spec.query.get("split", "val" if spec.ref == "Imagenette" else "test")
    known = ("train", "test", "val") if pictures else ("train", "test")
    if split not in known:
        raise UsageError(f"{spec.text!r} has no split {split!r}", " or ".join(known), code="E206")
    if pictures:
        found = _open(spec, split)
        return read_pictures(found, limit, manner_of(spec, shape), spec.text, f"{spec.ref}/{split}")
    return share_of(_arrays(spec, split), limit)


def _arrays(spec: Spec, split: str) -> Samples:
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
    known = inspect.signature(dataset.__init__).parameters
    which: dict[str, Any] = {"split": split} if "split" in known else {"train": split == "train"}
    which = {key: value for key, value in which.items() if key in known}
    if "split" in spec.query and not which:
        raise UsageError(
            f"{spec.ref} has no splits ({spec.text!r})", "leave split out", code="E207"
        )
    if "download" in known:
        which["download"] = False
    try:
        return dataset(root, **which)
    except Exception as error:
        told = str(error).replace("You can use download=True to download it", "")
        raise InputError(
            f"{spec.text!r}: torchvision cannot read {spec.ref} under {root}: "
            f"{' '.join(told.split())}",
            f"advkit downloads nothing: put the files where "
            f"torchvision.datasets.{spec.ref}(root={root!r}, download=True) puts them",
            code="E318",
        ) from error
