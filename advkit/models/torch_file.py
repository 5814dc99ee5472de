"""Weights saved by torch.save, read as tensors; files with anything else are not unpickled."""

import io
import pickletools
import zipfile
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.models.load_gate import kind_of
from advkit.numbers import several

WRAPPED = ("state_dict", "model_state_dict", "model", "state_dict_ema", "model_ema", "ema", "net")
PREFIXES = ("module.", "_orig_mod.")
_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
HARMLESS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    *(f"torch {name}Storage" for name in _STORAGES),
}
"""All names that a file of tensors may refer to."""


def holds_tensors_alone(data: bytes) -> bool:
    """Return whether a torch.save archive refers to tensors only; nothing is executed."""
    if kind_of(data) != "torch.save" or not data.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [each for each in archive.namelist() if each.endswith(".pkl")]
            steps = [(code.name, arg) for code, arg, _ in pickletools.genops(archive.read(name))]
    except Exception:
        return False
    names = {arg for code, arg in steps if code == "GLOBAL"}
    others = {code for code, _ in steps} & {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1"}
    return not others and names <= HARMLESS


def tensors_of(data: bytes, path: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights in ``data``, and notes on where they were found.

    Raises InputError if it holds no weights.
    """
    try:
        found = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error
    return unwrapped(found, path)


def unwrapped(found: Any, path: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights within a checkpoint, and notes on where they were found.

    Raises InputError if there are none.
    """
    notes = []
    if isinstance(found, nn.Module):
        found = found.state_dict()
    while isinstance(found, dict) and not _is_weights(found):
        key = next((name for name in WRAPPED if isinstance(found.get(name), dict)), None)
        if key is None:
            break
        others = [name for name in WRAPPED if name != key and isinstance(found.get(name), dict)]
        rest = f", not from {' or '.join(map(repr, others))}" if others else ""
        notes.append(f"the weights were taken from {key!r} in {path}{rest}")
        found = found[key]
    if not isinstance(found, dict) or not _is_weights(found):
        held = f"a dict of {', '.join(map(str, list(found)[:5]))}" if isinstance(found, dict) else (
            f"a {type(found).__name__}"
        )  # fmt: skip
        raise InputError(
            f"{path} holds {held}, not weights",
            f"save model.state_dict(), or a dict with one under {', '.join(WRAPPED[:3])}",
        )
    for prefix in PREFIXES:
        if found and all(name.startswith(prefix) for name in found):
            notes.append(f"{prefix!r} was taken off the names of the weights in {path}")
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return dict(found), notes


def under_prefix(
    own: Iterable[str], tensors: dict[str, Tensor], path: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors under the single prefix with which all names ``own`` are found.

    For a net saved as part of another module: model.conv1.weight. With a note; if there is no such
    prefix, or several, the tensors are returned unchanged.
    """
    names = list(own)
    first = names[0] if names else ""
    begins = [name.removesuffix(first) for name in tensors if name.endswith(f".{first}")]
    fitting = [each for each in begins if all(f"{each}{name}" in tensors for name in names)]
    if not names or first in tensors or len(fitting) != 1:
        return tensors, []
    note = f"{fitting[0]!r} was taken off the names of the weights in {path}"
    left = len(tensors) - len(names)
    told = f"{note}; {several(left, 'other')} in it had no use" if left else note
    return {name: tensors[f"{fitting[0]}{name}"] for name in names}, [told]


def _is_weights(found: dict[Any, Any]) -> bool:
    return bool(found) and all(isinstance(value, Tensor) for value in found.values())
