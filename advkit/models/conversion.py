"""Conversion of files that can run code to files that cannot, in a sandboxed child process."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

from torch import Tensor

from advkit.errors import AdvkitError, InputError, ResourceError, UnsafeError, UsageError
from advkit.models.code_file import IMPORTABLE
from advkit.models.convert_child import NO_SANDBOX, OK
from advkit.models.load_gate import kind_of, read_judged
from advkit.models.torch_file import holds_tensors_alone, tensors_of
from advkit.models.weights_file import fill, header_of, weights_in, write_bytes, write_weights
from advkit.spec_text import parse_spec

LONGEST = 300
"""Time limit of a conversion in seconds."""


class Converted(NamedTuple):
    """The file written, how it was read, and notes."""

    out: Path
    sandboxed: bool
    notes: list[str]


def convert(path: str, out: Path, *, arch: str | None = None) -> Converted:
    """Write the weights, or the estimator, in ``path`` to ``out``, a .safetensors or .skops file.

    A state dict is read as tensors; all else is unpickled by a child without network, write access
    or other programs. With ``arch`` the weights are checked against it, and for a net of advkit's
    own the file then describes itself. Raises UsageError, InputError, UnsafeError if the child
    cannot be sandboxed or was stopped.
    """
    if out.suffix not in (".safetensors", ".skops"):
        raise UsageError(f"-o {out}: in which format?", "a name in .safetensors or .skops")
    data, refusal = read_judged(path)
    if refusal is None and not kind_of(data):
        raise InputError(f"{path} is not a model file", "is it whole, and the right one?")
    if refusal is None:
        raise UsageError(f"{path} holds no code, and needs no conversion", "give it as --model")
    if holds_tensors_alone(data):
        tensors, notes = tensors_of(data, path)
        return _write(tensors, notes, path, out, arch, sandboxed=False)
    made = _by_child(data, kind_of(data), path)
    if made.startswith(b"PK"):
        if out.suffix != ".skops":
            raise UsageError(f"{path} holds an estimator of scikit-learn", "-o model.skops")
        write_bytes(out, made)
        return Converted(out, True, [])
    said = header_of(path, made).get("__metadata__", {}).get("notes", "")
    tensors = weights_in(made, path).tensors
    return _write(tensors, [said] if said else [], path, out, arch, sandboxed=True)


def _write(
    tensors: dict[str, Tensor], notes: list[str], path: str, out: Path, arch: str | None,
    *, sandboxed: bool,
) -> Converted:  # fmt: skip
    if out.suffix != ".safetensors":
        raise UsageError(f"{path} holds weights", "-o model.safetensors")
    write_weights(out, tensors, _about(tensors, arch, path) if arch else None)
    return Converted(out, sandboxed, notes)


def _about(tensors: dict[str, Tensor], arch: str, path: str) -> dict[str, object] | None:
    """Return the description for the file; raises InputError if the weights do not fit ``arch``."""
    from advkit.models.arch_spec import empty, own_arch

    spec = parse_spec(arch)
    fill(empty(spec, None), tensors, path)
    return None if spec.scheme else own_arch(spec, None)._asdict()


def _places() -> list[str]:
    """Return the child's import path: no working directory, unless advkit is there."""
    here, ours = Path.cwd().resolve(), Path(__file__).resolve().parents[2]
    found = [place for place in sys.path if place and Path(place).resolve() != here]
    return [*found, str(ours)]


def _by_child(data: bytes, kind: str, path: str) -> bytes:
    """Return the output of the child for ``data``; it has no file, network or environment."""
    command = [sys.executable, "-m", "advkit.models.convert_child", kind, Path(path).name]
    kept = {name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ}
    kept |= {"PYTHONPATH": os.pathsep.join(_places()), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="advkit-convert-") as scratch:
        try:
            done = subprocess.run(  # noqa: S603
                command, input=data, capture_output=True, cwd=scratch, timeout=LONGEST, check=False,
                env={**kept, "HOME": scratch, "TMPDIR": scratch},
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ResourceError(f"{path} was not converted within {LONGEST} seconds") from error
    if done.returncode == OK and _is_model(done.stdout, path):
        return done.stdout
    told = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
    if done.returncode == NO_SANDBOX:
        raise UnsafeError(
            f"{path} was not opened: {told[0]}",
            "convert it on another machine that holds nothing valuable",
        )
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    raise InputError(
        f"{path} was not converted ({ended}): {told[0][:300]}",
        f"{IMPORTABLE}; and the file may do nothing but hold a model",
    )


def _is_model(made: bytes, path: str) -> bool:
    """Return whether the child printed a model: the unpickled code may have ended it, or lied."""
    try:
        return bool(made) and (kind_of(made) == "skops" or bool(weights_in(made, path).tensors))
    except (AdvkitError, BadZipFile):
        return False
