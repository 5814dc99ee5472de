"""Model specs: ``scheme:ref?key=value`` -> Classifier."""

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.models.callable_spec import called, wrapped
from advkit.models.classifier import Classifier
from advkit.models.described import load_described
from advkit.models.file_spec import load_file
from advkit.models.load_gate import kind_of, read_judged
from advkit.models.load_policy import admit
from advkit.models.preprocess import preprocess_of, preprocessed
from advkit.models.schemes import LOADERS, SCHEMES, SHAPES, function_of
from advkit.models.spec_guesses import check_bare
from advkit.models.torch_file import holds_tensors_alone
from advkit.models.weights_file import about_in, read_about, read_weights
from advkit.spec_text import Spec, as_text, only, parse_spec

_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def load_model(
    spec: str,
    *,
    arch: str | None = None,
    classes: Sequence[str] | None = None,
    device: str = "cpu",
) -> Classifier:
    """Return the classifier that ``spec`` names, on ``device``.

    The forms of a spec are those of `docs/models-and-data.md`. ``arch``, for a file of weights that
    `advkit train` did not write, is ``NAME?shape=1,28,28&n_classes=10`` for a net of advkit's own,
    or any spec of a module to fill. ``classes`` are the class names of the data, for models without
    names. ``preprocess=imagenet`` in the query of any spec replaces the normalisation of the model.
    Raises UsageError, InputError, UnsafeError.

    >>> model = advkit.load_model("bundled:digits-cnn")
    >>> model(torch.zeros(2, 1, 8, 8)).shape, model.classes[:3]
    (torch.Size([2, 10]), ('0', '1', '2'))
    """
    spec = as_text(spec, "the model", 'wrap it: advkit.Classifier(net, name="mine")')
    parsed, preprocess = _taken_apart(spec)
    if arch is not None and not _is_file(parsed):
        raise UsageError(
            f"--arch {arch} has no effect with {spec}", "it belongs to a weights file", code="E207"
        )
    found = _load(parsed, arch, classes)
    if preprocess != "auto":
        if {"mean", "std"} & set(parsed.query):
            raise UsageError(
                f"{spec!r} has mean or std and preprocess", "leave one out", code="E207"
            )
        found = preprocessed(found, preprocess_of(preprocess))
    return found.to(_device(device))


def _taken_apart(text: str) -> tuple[Spec, str]:
    """Return the spec without its preprocess, and the preprocess."""
    spec = parse_spec(text)
    check_bare(spec, bundled_models())
    rest = {key: value for key, value in spec.query.items() if key != "preprocess"}
    return spec._replace(query=rest), spec.query.get("preprocess", "auto")


def input_shape(spec: str) -> tuple[int, ...] | None:
    """Return the (channels, height, width) that ``spec`` was made for, without building it.

    None if unknown. Raises what `load_model` raises.
    """
    parsed, preprocess = _taken_apart(spec)
    own = _own_shape(parsed)
    size = preprocess_of(preprocess).size if preprocess != "auto" else None
    return (own[0] if own else 3, *size) if size else own


def _own_shape(spec: Spec) -> tuple[int, ...] | None:
    if spec.scheme in SHAPES:
        return function_of(SHAPES, spec.scheme)(spec)  # type: ignore[no-any-return]
    if spec.scheme == "bundled":
        return _told_shape(read_about(_bundled(spec)))
    if not _is_file(spec):
        return None
    data, refusal = read_judged(spec.ref)
    kind = kind_of(data)
    if kind == "onnx":
        from advkit.models.onnx_file import onnx_shape

        return onnx_shape(data, spec.ref)
    if refusal is not None and kind != "skops" and not holds_tensors_alone(data):
        admit(data, refusal)
    return _told_shape(about_in(data, spec.ref)) if refusal is None else None


def _told_shape(about: dict[str, Any] | None) -> tuple[int, ...] | None:
    return tuple(about["shape"]) if about and "shape" in about else None


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
    if spec.scheme in LOADERS:
        return function_of(LOADERS, spec.scheme)(spec, classes)  # type: ignore[no-any-return]
    if _is_file(spec):
        return load_file(spec, arch, classes)
    if spec.scheme.endswith(".py") or _MODULE.fullmatch(f"{spec.scheme}:{spec.ref}"):
        return wrapped(called(spec), spec, classes)
    raise UnknownNameError(
        f"the model {spec.text!r} has an unknown scheme {spec.scheme!r}",
        f"{did_you_mean(spec.scheme, SCHEMES)}; or package.module:callable, "
        "./file.py:callable, FILE.safetensors",
    )


def _is_file(spec: Spec) -> bool:
    return not spec.scheme


def _bundled(spec: Spec) -> Path:
    if spec.ref not in bundled_models():
        raise UnknownNameError(
            f"there is no bundled model {spec.ref!r}", did_you_mean(spec.ref, bundled_models())
        )
    return Path(str(files("advkit.models.bundled") / f"{spec.ref}.safetensors"))


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(
            f"there is no device {name!r}", "cpu, cuda, cuda:0, mps", code="E205"
        ) from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if not there.get(device.type, True):
        known = ", ".join(kind for kind, usable in there.items() if usable)
        raise InputError(
            f"the device {name!r} is not available here", f"available: {known}", code="E310"
        )
    return device
