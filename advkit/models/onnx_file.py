"""ONNX files: with gradients by onnx2torch, checked against onnxruntime; else a black box."""

import contextlib
import io
import logging
import warnings
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from advkit.errors import InputError, UnsafeError
from advkit.models.black_box import BlackBox
from advkit.models.classifier import LEAST, Classifier
from advkit.models.extras import extra
from advkit.models.onnx_outputs import FLOAT32, keep_one_output, kind_of_value
from advkit.numbers import several

OLDER = 17
"""The last opset whose usual operators onnx2torch supports."""
FAR = 1e-3
"""Largest difference between the logits of both, relative to their spread."""


def onnx_classifier(
    data: bytes, path: str, *, name: str, classes: Sequence[str] | None = None, output: str = ""
) -> Classifier:
    """Return the classifier in an ONNX file with the content ``data``.

    ``output`` names the output to take, by default the first. If onnx2torch lacks an operator, or
    its results differ from those of onnxruntime, the classifier is a black box run by onnxruntime;
    a note says why. Raises UnknownNameError, InputError, UnsafeError.
    """
    onnx = extra("onnx", of="onnx", by=path)
    extra("onnxruntime", of="onnx", by=path)
    model = _parsed(onnx, data, path)
    shape, rows = _input(model, path)
    notes = keep_one_output(model, path, output)
    asked = BlackBox(
        _Session(model, path, rows), sha256(data + output.encode()).digest(), name=name
    )
    net, why = _converted(model, path, shape, rows, asked)
    found = Classifier(net if net is not None else asked, name=name, classes=classes, shape=shape)
    if why:
        notes.append(f"{path} is asked through onnxruntime, without gradients: {why}")
    found.notes += tuple(notes)
    return found


def onnx_shape(data: bytes, path: str) -> tuple[int, ...] | None:
    """Return the shape of one sample of an ONNX file, None if it is open."""
    return _input(_parsed(extra("onnx", of="onnx", by=path), data, path), path)[0]


def _parsed(onnx: Any, data: bytes, path: str) -> Any:
    try:
        model = onnx.load_from_string(data)
        if not model.graph.node:
            raise ValueError("it has no nodes")
        _with_external(onnx, model, Path(path).parent)
        onnx.checker.check_model(model)
    except UnsafeError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not a valid ONNX model: {told}", "export it again") from error
    return model


def _with_external(onnx: Any, model: Any, folder: Path) -> None:
    """Read tensors stored in separate files; raises UnsafeError for files elsewhere."""
    helper = onnx.external_data_helper
    for tensor in helper._get_all_tensors(model):
        if not helper.uses_external_data(tensor):
            continue
        (where,) = [entry.value for entry in tensor.external_data if entry.key == "location"]
        if not (folder / where).resolve().is_relative_to(folder.resolve()):
            raise UnsafeError(
                f"the ONNX model names data outside of its folder ({where}); it was not opened",
                "export it as one file",
            )
    helper.load_external_data_for_model(model, str(folder))


def _input(model: Any, path: str) -> tuple[tuple[int, ...] | None, int]:
    """Return the shape of one sample, None if it is open, and the fixed number of rows, or 0."""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in known]
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type != FLOAT32:
        told = ", ".join(f"{each.name} ({kind_of_value(each)})" for each in inputs)
        raise InputError(
            f"{path} takes {several(len(inputs), 'input')}: {told}",
            "advkit needs one input of float32: export it so",
        )
    sizes = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
    return (tuple(sizes[1:]) if len(sizes) > 1 and all(sizes[1:]) else None), sizes[
        0
    ] if sizes else 0


class _Session:
    """onnxruntime on one thread; a model of fixed batch size gets so many rows at a time."""

    def __init__(self, model: Any, path: str, rows: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._run = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            told = " ".join(str(error).split())[-200:]
            raise InputError(
                f"onnxruntime cannot run {path} (opset {_opset(model)}): {told}",
                f"export it with opset {OLDER}",
            ) from error
        self._name, self._rows = self._run.get_inputs()[0].name, rows

    def __call__(self, x: NDArray[np.float32]) -> NDArray[Any]:
        return by_rows(x, self._rows, lambda part: self._run.run(None, {self._name: part})[0])


def by_rows(x: NDArray[np.float32], rows: int, ask: Any) -> NDArray[Any]:
    """Return the outputs for ``x`` (n, ...), ``rows`` at a time; all at once if that is 0."""
    if not rows:
        return np.asarray(ask(x))
    found = []
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        full = np.concatenate([part, np.repeat(part[-1:], rows - len(part), 0)])
        found.append(ask(full)[: len(part)])
    return np.concatenate(found)


class InRows(nn.Module):
    """A net of fixed batch size, run on so many rows at a time."""

    def __init__(self, net: nn.Module, rows: int) -> None:
        super().__init__()
        self.net, self.rows = net, rows

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of ``x`` (n, ...), whatever n is."""
        short = -len(x) % self.rows
        full = torch.cat([x, x[-1:].expand(short, *x.shape[1:])]) if short else x
        return torch.cat([self.net(part) for part in torch.split(full, self.rows)])[: len(x)]


def _converted(
    model: Any, path: str, shape: tuple[int, ...] | None, rows: int, asked: BlackBox
) -> tuple[nn.Module | None, str]:
    """Return the net as a torch module, or None and the reason."""
    onnx2torch = extra("onnx2torch", of="onnx", by=path)
    try:
        with _quiet():
            net = _in_torch(onnx2torch, model).eval()
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        return (
            None,
            f"onnx2torch cannot convert opset {_opset(model)} ({told}); export it with opset "
            f"{OLDER}",
        )
    for part in net.modules():  # onnx2torch passes lists where torch's own layers take tuples
        for name in ("kernel_size", "stride", "padding", "dilation"):
            if isinstance(getattr(part, name, None), list):
                setattr(part, name, tuple(getattr(part, name)))
    net = InRows(net, rows) if rows else net
    if shape is None:
        return net, ""
    return (net, "") if not (why := _apart(net, asked, shape)) else (None, why)


def _in_torch(onnx2torch: Any, model: Any) -> nn.Module:
    """Return the torch module, after downgrading the opset if onnx2torch does not support it."""
    try:
        return onnx2torch.convert(model)  # type: ignore[no-any-return]
    except NotImplementedError:
        from onnx import version_converter

        try:
            older = version_converter.convert_version(model, OLDER)
        except Exception:
            older = model
        return onnx2torch.convert(older)  # type: ignore[no-any-return]


def _opset(model: Any) -> int:
    return max(int(one.version) for one in model.opset_import if one.domain in ("", "ai.onnx"))


def _apart(net: nn.Module, asked: BlackBox, shape: tuple[int, ...]) -> str:
    """Return how the outputs of net and onnxruntime differ on noise, '' if they agree."""
    x = torch.rand((LEAST, *shape), generator=torch.Generator().manual_seed(0))
    wanted = asked(x)
    try:
        with torch.no_grad():
            got = net(x)
    except Exception as error:
        return f"the converted net fails ({' '.join(str(error).split())[:200]})"
    far = float((got - wanted).abs().max() / (wanted.max() - wanted.min()).clamp_min(1e-12))
    return "" if far <= FAR else f"the converted net gives other logits ({far:.2g} of their spread)"


@contextlib.contextmanager
def _quiet() -> Any:
    """Suppress terminal output of converters."""
    logging.getLogger("onnx2torch").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
