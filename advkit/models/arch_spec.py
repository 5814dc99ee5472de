"""Architectures named by ``--arch``: a net without weights, to be filled from a file."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from advkit.errors import InputError, UnknownNameError, UsageError, did_you_mean
from advkit.models.callable_spec import called
from advkit.models.nets import NETS, build
from advkit.models.schemes import LOADERS, function_of
from advkit.models.spec_guesses import check_bare
from advkit.spec_text import Spec, literal, numbers

FILLED = ("timm", "torchvision")


class Arch(NamedTuple):
    """A net of advkit's own, described as in the files of `advkit train`."""

    arch: str
    shape: tuple[int, ...]
    n_classes: int
    options: dict[str, Any]


def empty(arch: Spec, classes: Sequence[str] | None) -> nn.Module:
    """Return the net that ``arch`` names, with one output per name in ``classes``.

    Raises UsageError, InputError.
    """
    if arch.scheme in FILLED:
        return function_of(LOADERS, arch.scheme)(arch, classes).net  # type: ignore[no-any-return]
    if arch.scheme:
        return _module(called(arch), arch)
    own = own_arch(arch, classes)
    return build(own.arch, shape=own.shape, n_classes=own.n_classes, **own.options)


def own_arch(arch: Spec, classes: Sequence[str] | None) -> Arch:
    """Return the net of ``NAME?shape=1,28,28&n_classes=10&key=value``; raises UsageError."""
    check_bare(arch, ())
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
            f"write --arch '{arch.ref}?shape=1,28,28&n_classes=10'",
            code="E204",
        )
    return Arch(arch.ref, shape, n_classes, options)


def _module(found: Any, spec: Spec) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    raise InputError(f"--arch {spec.text} is not a torch.nn.Module", "give one")
