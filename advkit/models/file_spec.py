"""Model files of every sort, told by their content."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.models.callable_spec import called, wrapped
from advkit.models.classifier import Classifier
from advkit.models.described import load_described
from advkit.models.load_gate import kind_of, read_judged
from advkit.models.load_policy import admit
from advkit.models.nets import NETS, build
from advkit.models.torch_file import holds_tensors_alone
from advkit.models.weights_file import fill, read_weights
from advkit.models.weights_spec import read_any_weights
from advkit.spec_text import Spec, literal, numbers, only, parse_spec


def load_file(spec: Spec, arch: str | None, classes: Sequence[str] | None) -> Classifier:
    """Return the classifier in the file that ``spec`` names; weights alone need ``arch``.

    Raises UsageError, InputError, and UnsafeError for what can run code and is not trusted.
    """
    only(spec, ("mean", "std"))
    data, refusal = read_judged(spec.ref)
    kind = kind_of(data)
    if kind in ("onnx", "skops"):
        return _described_by_itself(kind, data, spec, arch, classes)
    if refusal is None and (weights := read_weights(spec.ref)).about is not None:
        only(spec, ())
        return load_described(weights, spec.ref, spec.text, arch)
    if arch is not None or refusal is None or holds_tensors_alone(data):
        return _filled(spec, arch, classes)
    note = admit(data, refusal)
    from advkit.models.code_file import load_code

    found = load_code(data, kind, spec.ref)
    if isinstance(found, dict):
        return _filled(spec, arch, classes)
    return _noted(wrapped(found, spec, classes), note)


def _described_by_itself(
    kind: str, data: bytes, spec: Spec, arch: str | None, classes: Sequence[str] | None
) -> Classifier:
    if arch is not None:
        raise UsageError(
            f"--arch {arch} has no use with {spec.ref}", "it says itself what it is", code="E207"
        )
    if kind == "skops":
        from advkit.models.skops_file import skops_classifier

        found = skops_classifier(data, spec.ref, name=spec.text, classes=classes)
    else:
        from advkit.models.onnx_file import onnx_classifier

        found = onnx_classifier(data, spec.ref, name=spec.text, classes=classes)
    mean, std = numbers(spec, "mean"), numbers(spec, "std")
    return found.with_normalisation(mean, std) if mean or std else found


def _filled(spec: Spec, arch: str | None, classes: Sequence[str] | None) -> Classifier:
    if arch is None:
        raise InputError(
            f"{spec.ref} holds weights but does not say of which architecture",
            "add --arch NAME?shape=1,28,28&n_classes=10 "
            f"({', '.join(NETS)}), or --arch package.module:callable",
        )
    net = empty(parse_spec(arch), classes)
    tensors, notes = read_any_weights(spec.ref)
    fill(net, tensors, spec.ref)
    return _noted(wrapped(net, spec, classes), *notes)


def _noted(classifier: Classifier, *notes: str) -> Classifier:
    classifier.notes = (*classifier.notes, *notes)
    return classifier


def empty(arch: Spec, classes: Sequence[str] | None) -> nn.Module:
    """Return the net that ``--arch`` names, to be filled with weights."""
    if arch.scheme == "torchvision":
        from advkit.models.torchvision_nets import torchvision_net

        return torchvision_net(arch, classes).net
    if arch.scheme == "timm":
        from advkit.models.timm_nets import timm_net

        return timm_net(arch, classes).net
    if arch.scheme:
        return _module(called(arch), arch)
    if arch.ref not in NETS:
        raise UnknownNameError(
            f"there is no architecture {arch.ref!r}", did_you_mean(arch.ref, NETS)
        )
    shape = tuple(int(n) for n in numbers(arch, "shape") or ())
    options = {key: literal(value) for key, value in arch.query.items() if key != "shape"}
    n_classes = options.pop("n_classes", len(classes or ()))
    if not shape or not n_classes:
        raise UsageError(
            f"--arch {arch.text} does not say for what inputs and how many classes",
            f"write --arch {arch.ref}?shape=1,28,28&n_classes=10",
            code="E204",
        )
    return build(arch.ref, shape=shape, n_classes=n_classes, **options)


def _module(found: Any, spec: Spec) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    raise InputError(f"--arch {spec.text} is no torch.nn.Module to fill", "give one")
