"""Weights as safetensors; an ``advkit`` entry in the header describes the net."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from advkit.errors import InputError, ResourceError
from advkit.models.load_gate import read_gated

HEADER_LIMIT = 100_000_000
KEY = "advkit"


class Weights(NamedTuple):
    """Tensors by name, and advkit's description of the net, if there is one."""

    tensors: dict[str, Tensor]
    about: dict[str, Any] | None


def read_weights(path: str | Path) -> Weights:
    """Return the content of a safetensors file; raises what `read_gated` raises."""
    return weights_in(read_gated(path), str(path))


def weights_in(data: bytes, path: str) -> Weights:
    """Return the content of safetensors ``data``, read from ``path``; raises InputError."""
    about = about_in(data, path)
    try:
        return Weights(load(data), about)
    except SafetensorError as error:
        raise InputError(
            f"{path} is a corrupt safetensors file: {error}",
            "download or write the file again",
            code="E302",
        ) from error


def read_about(path: str | Path) -> dict[str, Any] | None:
    """Return advkit's description in the header of ``path``, or None; reads no tensor."""
    return about_in(read_gated(path), str(path))


def header_of(path: str, data: bytes) -> dict[str, Any]:
    """Return the header of safetensors ``data``; raises InputError."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 9 or data[8:9] != b"{" or size > HEADER_LIMIT:
        raise InputError(
            f"{path} is not a safetensors file (at byte 0: no header)",
            "a model is .safetensors, .pt, .onnx, .skops, or a function of yours: ./net.py:make",
            code="E302",
        )
    if size > len(data) - 8:
        raise InputError(
            f"{path} is truncated: its header alone needs {size + 8} bytes, it has {len(data)}",
            "the download or copy was interrupted; get the file again",
            code="E302",
        )
    try:
        header = json.loads(data[8 : 8 + size])
        needed = 8 + size + max((end for end in _ends(header)), default=0)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise InputError(
            f"{path} is a corrupt safetensors file: its header (byte 8) is not a table of tensors",
            "download or write the file again",
            code="E302",
        ) from error
    if needed > len(data):
        raise InputError(
            f"{path} is truncated: its header promises {needed} bytes, it has {len(data)}",
            "the download or copy was interrupted; get the file again",
            code="E302",
        )
    return header  # type: ignore[no-any-return]


def _ends(header: dict[str, Any]) -> list[int]:
    return [int(entry["data_offsets"][1]) for key, entry in header.items() if key[:2] != "__"]


def about_in(data: bytes, path: str) -> dict[str, Any] | None:
    """Return advkit's description in the header of ``data``, or None; raises InputError."""
    metadata = header_of(path, data).get("__metadata__") or {}
    if KEY not in metadata:
        return None
    try:
        about = json.loads(metadata[KEY])
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path} has a broken 'advkit' entry in its header: {error}",
            "train or save it again",
            code="E302",
        ) from error
    if not isinstance(about, dict):
        raise InputError(
            f"{path} has an 'advkit' entry that is not a JSON object in its header", code="E302"
        )
    return about


def write_weights(path: Path, tensors: dict[str, Tensor], about: dict[str, Any] | None) -> None:
    """Write ``tensors`` and their description atomically.

    Raises InputError if the place is not writable, ResourceError if the disk is full.
    """
    # safetensors writes memory as it is; channels_last would be read back permuted.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(plain, {KEY: json.dumps(about, sort_keys=True)} if about else None))


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``; raises as `write_weights` does."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kind = ResourceError if error.errno in (28, 122) else InputError
        raise kind(
            f"{path} cannot be written ({len(data)} bytes): {error.strerror}",
            "give another place with --out",
        ) from error


def fill(net: nn.Module, tensors: dict[str, Tensor], path: str) -> None:
    """Copy ``tensors`` into ``net``; raises InputError with the names that do not fit."""
    own = net.state_dict()
    faults = {
        "missing": [name for name in own if name not in tensors],
        "unexpected": [name for name in tensors if name not in own],
        "of another shape": [
            f"{name} ({_dims(tensors[name])} in the file, {_dims(own[name])} in the net)"
            for name in own
            if name in tensors and own[name].shape != tensors[name].shape
        ],
    }
    if not any(faults.values()):
        net.load_state_dict(tensors)
        return
    told = [f"{len(names)} {what}: {_first(names)}" for what, names in faults.items() if names]
    prefixed = tensors and all(name.startswith("module.") for name in tensors)
    hint = (
        "every name begins with 'module.', as DataParallel saves it: save model.module"
        if prefixed
        else "is it the right architecture (--arch), with the right number of classes?"
    )
    raise InputError(
        f"the weights in {path} do not fit the net: {'; '.join(told)}", hint, code="E303"
    )


def _dims(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
