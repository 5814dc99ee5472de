"""Loading of files that can run code, after `load_policy` has admitted them."""

import io
import pickle
import warnings
from typing import Any

import torch
from torch import nn

from advkit.errors import InputError
from advkit.models.user_code import is_estimator, told

IMPORTABLE = (
    "the class of a module must be importable: from a package, or from a folder that PYTHONPATH "
    "names; the working directory is not searched"
)


def load_code(data: bytes, kind: str, path: str) -> Any:
    """Return the content of ``data``: a module, an estimator, or a dict of weights.

    ``kind`` is that of `kind_of`. Code in the file is executed. Raises InputError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _READERS[kind](data)
    except Exception as error:
        raise InputError(f"{path} cannot be loaded: {told(error)}", IMPORTABLE) from error
    if not isinstance(found, nn.Module | dict) and not is_estimator(found):
        raise InputError(f"{path} holds a {type(found).__name__}, not a model")
    return found


def _torch_save(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), weights_only=False, map_location="cpu")


def _torchscript(data: bytes) -> Any:
    return torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]


def _exported(data: bytes) -> Any:
    return Exported(torch.export.load(io.BytesIO(data)).module())


def _pickled(data: bytes) -> Any:
    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except Exception:
        return pickle.loads(data)  # noqa: S301


class Exported(nn.Module):
    """An exported program, whose own train() raises an error."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> "Exported":
        """Set the mode of this module only."""
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> Any:
        """Return the output of the program."""
        return self.program(x)


_READERS = {
    "torch.save": _torch_save,
    "torchscript": _torchscript,
    "pt2": _exported,
    "pickle": _pickled,
}
