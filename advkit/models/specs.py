"""Model specs: ``scheme:ref?key=value`` -> Classifier."""

import re
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advkit.errors import InputError, UsageError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.described import load_described
from advkit.models.efficientnet_lite import efficientnet_lite, efficientnet_lite_shape
from advkit.models.nets import NETS, build
from advkit.models.torchvision_nets import torchvision_net, torchvision_shape
from advkit.models.user_code import call_from_file, call_from_module, is_estimator
from advkit.models.weights_file import fill, read_about, read_weights
from advkit.spec_text import Spec, literal, numbers, only, parse_spec

SCHEMES = ("bundled", "efficientnet-lite", "torchvision")
_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def load_model(
    spec: str,
    *,
    arch: str | None = None,
    classes: Sequence[str] | None = None,
    device: str = "cpu",
) -> Classifier:
    """Return the classifier that ``spec`` names, on ``device``.

    ``bundled:NAME``; ``torchvision:NAME?weights=none|DEFAULT|...&seed=0&num_classes=K``;
    ``efficientnet-lite:0`` (1, 2), with the extra imagenet;
    ``package.module:callable?key=value``; ``./file.py:callable?key=value``; ``FILE.safetensors``,
    with ``arch`` unless `advkit train` wrote it. ``arch`` is ``NAME?shape=1,28,28&n_classes=10``
    for a net of ours, or any spec of a module to fill. ``classes`` are the class names of the
    data, for models that bring none. Raises UsageError, InputError, UnsafeError.
    """
    parsed = parse_spec(spec)
    if arch is not None and not _is_file(parsed):
        raise UsageError(f"--arch {arch} has no use with {spec}", "it belongs to a weights file")
    return _load(parsed, arch, classes).to(_device(device))


def input_shape(spec: str) -> tuple[int, ...] | None:
    """Return the (channels, height, width) that ``spec`` was made for, without building it.

    None if that cannot be known. Raises what `load_model` raises.
    """
    parsed = parse_spec(spec)
    if parsed.scheme == "torchvision":
        return torchvision_shape(parsed)
    if parsed.scheme == "efficientnet-lite":
        return efficientnet_lite_shape(parsed)
    if parsed.scheme == "bundled" or _is_file(parsed):
        path = _bundled(parsed) if parsed.scheme == "bundled" else Path(parsed.ref)
        about = read_about(path)
        return tuple(about["shape"]) if about and "shape" in about else None
    return None


def bundled_models() -> list[str]:
    """Return the names after ``bundled:``."""
    folder = files("advkit.models.bundled")
    return sorted(
        entry.name.removesuffix(".safetensors")
        for entry in folder.iterdir()
        if entry.name.endswith(".safetensors")
    )


def _load(spec: Spec, arch: str | None, classes: Sequence[str] | None) -> Classifier:
    if spec.scheme == "bundled":
        only(spec, ())
        path = str(_bundled(spec))
        return load_described(read_weights(path), path, spec.text, None)
    if spec.scheme == "torchvision":
        return torchvision_net(spec, classes)
    if spec.scheme == "efficientnet-lite":
        return efficientnet_lite(spec)
    if _is_file(spec):
        return _load_file(spec, arch, classes)
    if spec.scheme.endswith(".py") or _MODULE.fullmatch(f"{spec.scheme}:{spec.ref}"):
        return _wrapped(_call(spec), spec, classes)
    raise UsageError(
        f"the model {spec.text!r} has an unknown scheme {spec.scheme!r}",
        f"{did_you_mean(spec.scheme, SCHEMES)}; or package.module:callable, "
        "./file.py:callable, FILE.safetensors",
    )


def _is_file(spec: Spec) -> bool:
    return not spec.scheme


def _bundled(spec: Spec) -> Path:
    if spec.ref not in bundled_models():
        raise UsageError(
            f"there is no bundled model {spec.ref!r}", did_you_mean(spec.ref, bundled_models())
        )
    return Path(str(files("advkit.models.bundled") / f"{spec.ref}.safetensors"))


def _call(spec: Spec) -> Any:
    options = {k: literal(v) for k, v in spec.query.items() if k not in ("mean", "std")}
    if spec.scheme.endswith(".py"):
        return call_from_file(spec.scheme, spec.ref, options)
    top = spec.scheme.partition(".")[0]
    if top == spec.scheme and find_spec(top) is None:
        raise UsageError(
            f"the model {spec.text!r} has an unknown scheme, and there is no module {top!r}",
            did_you_mean(top, SCHEMES),
        )
    return call_from_module(spec.scheme, spec.ref, options)


def _wrapped(net: Any, spec: Spec, classes: Sequence[str] | None) -> Classifier:
    mean, std = numbers(spec, "mean"), numbers(spec, "std")
    if is_estimator(net):
        from advkit.models.scikit import from_estimator

        net = from_estimator(net, name=spec.text, classes=classes)
    if not isinstance(net, Classifier):
        return Classifier(net, name=spec.text, classes=classes, mean=mean, std=std)
    if mean or std:
        raise UsageError(
            f"{spec.text!r} gives a Classifier, which has its own normalisation",
            "leave mean and std out",
        )
    return net


def _load_file(spec: Spec, arch: str | None, classes: Sequence[str] | None) -> Classifier:
    only(spec, ("mean", "std"))
    weights = read_weights(spec.ref)
    if weights.about is not None:
        only(spec, ())
        return load_described(weights, spec.ref, spec.text, arch)
    if arch is None:
        raise InputError(
            f"{spec.ref} holds weights but does not say of which architecture",
            "add --arch NAME?shape=1,28,28&n_classes=10 "
            f"({', '.join(NETS)}), or --arch package.module:callable",
        )
    net = _empty(parse_spec(arch), classes)
    fill(net, weights.tensors, spec.ref)
    return _wrapped(net, spec, classes)


def _empty(arch: Spec, classes: Sequence[str] | None) -> nn.Module:
    """Return the net that ``--arch`` names, to be filled with weights."""
    if arch.scheme:
        if arch.scheme == "torchvision":
            return torchvision_net(arch, classes).net
        return _module(_call(arch), arch)
    if arch.ref not in NETS:
        raise UsageError(f"there is no architecture {arch.ref!r}", did_you_mean(arch.ref, NETS))
    shape = tuple(int(n) for n in numbers(arch, "shape") or ())
    options = {key: literal(value) for key, value in arch.query.items() if key != "shape"}
    n_classes = options.pop("n_classes", len(classes or ()))
    if not shape or not n_classes:
        raise UsageError(
            f"--arch {arch.text} does not say for what inputs and how many classes",
            f"write --arch {arch.ref}?shape=1,28,28&n_classes=10",
        )
    return build(arch.ref, shape=shape, n_classes=n_classes, **options)


def _module(found: Any, spec: Spec) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    raise InputError(f"--arch {spec.text} is no torch.nn.Module to fill", "give one")


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}", "cpu, cuda, cuda:0, mps") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if not there.get(device.type, True):
        known = ", ".join(kind for kind, usable in there.items() if usable)
        raise InputError(f"the device {name!r} is not available here", f"available: {known}")
    return device
