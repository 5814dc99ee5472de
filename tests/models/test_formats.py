"""One robust net, saved in every format, gives the same audit, sample by sample."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import advkit
from advkit.evaluate.store import open_store
from advkit.evaluate.trust_checks import Check
from advkit.models import load_model
from advkit.models.load_policy import unsafe_loads_allowed
from advkit.models.nets import build
from tests.models.served import Served

ROBUST, ARCH = "bundled:fashion-mnist-cnn-robust", "cnn?shape=1,28,28&n_classes=10"
WHITE, BLACK, IMAGES = ("pgd:steps=3",), ("square:queries=40",), 6
CODE = """
import torch
from advkit.models import load_model

net = load_model("bundled:fashion-mnist-cnn-robust")

def make():
    return net.net

def predict(x):
    return net(torch.from_numpy(x)).numpy()
"""
Saved = tuple[str, str | None]
"""A spec, and --arch."""


def weights() -> dict[str, torch.Tensor]:
    return {name: t.contiguous() for name, t in load_model(ROBUST).net.state_dict().items()}


def plain() -> torch.nn.Module:
    """Return the net without the memory layout that a Classifier gives it."""
    net = build("cnn", shape=(1, 28, 28), n_classes=10)
    net.load_state_dict(weights())
    return net.eval()


def bundled(_to: Path) -> Saved:
    return ROBUST, None


def safetensors(to: Path) -> Saved:
    save_file(weights(), to / "net.safetensors")
    return str(to / "net.safetensors"), ARCH


def state_dict(to: Path) -> Saved:
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights().items()}},
               to / "net.pt")  # fmt: skip
    return str(to / "net.pt"), ARCH


def whole_module(to: Path) -> Saved:
    torch.save(plain(), to / "net.pt")
    return str(to / "net.pt"), None


def torchscript(to: Path) -> Saved:
    with what_torch_gives_up():
        torch.jit.trace(plain(), torch.rand(2, 1, 28, 28)).save(to / "net.ts")
    return str(to / "net.ts"), None


def exported_program(to: Path) -> Saved:
    rows = torch.export.Dim("rows", min=2, max=4096)
    program = torch.export.export(plain(), (torch.rand(4, 1, 28, 28),), dynamic_shapes=({0: rows},))
    torch.export.save(program, to / "net.pt2")
    return str(to / "net.pt2"), None


def onnx(to: Path) -> Saved:
    write_onnx(plain(), to / "net.onnx")
    return str(to / "net.onnx"), None


def onnx_of_one_row(to: Path) -> Saved:
    write_onnx(plain(), to / "net.onnx", fixed=True)
    return str(to / "net.onnx"), None


def function(to: Path) -> Saved:
    (to / "own.py").write_text(CODE)
    return f"{to}/own.py:make", None


def predict(to: Path) -> Saved:
    (to / "own.py").write_text(CODE)
    return f"predict:{to}/own.py:predict", None


@contextmanager
def what_torch_gives_up() -> Iterator[None]:
    """Old formats are what users have; torch warns of them, differently in every version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def write_onnx(net: torch.nn.Module, to: Path, *, fixed: bool = False) -> None:
    rows = 1 if fixed else 2
    axes = None if fixed else {"x": {0: "rows"}, "logits": {0: "rows"}}
    with what_torch_gives_up():
        torch.onnx.export(net, (torch.rand(rows, 1, 28, 28),), str(to), input_names=["x"],
                          output_names=["logits"], dynamic_axes=axes, opset_version=17,
                          dynamo=False)  # fmt: skip


FORMATS: dict[str, tuple[Callable[[Path], Saved], bool]] = {
    "safetensors": (safetensors, False),
    "state dict": (state_dict, False),
    "whole module": (whole_module, True),
    "torchscript": (torchscript, True),
    "exported program": (exported_program, True),
    "onnx": (onnx, False),
    "onnx of one row": (onnx_of_one_row, False),
    "function": (function, False),
}


def audited(saved: Saved, out: Path, attacks: tuple[str, ...]) -> pd.DataFrame:
    spec, arch = saved
    if not spec.startswith(("bundled:", "predict:", "http:")):
        model = load_model(ROBUST)
        query = "&".join(
            f"{name}={','.join(map(str, each.tolist()))}"
            for name in ("mean", "std")
            if (each := getattr(model, name)) is not None
        )
        spec = f"{spec}?{query}" if query else spec
    with pytest.MonkeyPatch.context() as patch:
        # The rows of the attacks are compared; to check them afterwards takes most of the time.
        patch.setattr(import_module("advkit.evaluate.checked_run"), "conclude", unchecked)
        advkit.audit(spec, "bundled:fashion-mnist", arch=arch, attacks=attacks, eps=0.2,
                     limit=IMAGES, out=out, jobs=1, bounds="off")  # fmt: skip
    with open_store(out) as store:
        rows = store.frame("results")
    return rows.sort_values(["attack", "id"]).reset_index(drop=True)


def unchecked(*_: object) -> tuple[list[Check], dict[str, list[float]]]:
    return [], {}


@pytest.fixture(scope="module")
def by_gradients(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    rows = audited((ROBUST, None), tmp_path_factory.mktemp("white") / "run", WHITE)
    assert set(rows["fooled"]) == {True, False}
    return rows


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_audit(
    tmp_path: Path, by_gradients: pd.DataFrame, name: str
) -> None:
    make, unsafe = FORMATS[name]
    with unsafe_loads_allowed() if unsafe else nullcontext():
        rows = audited(make(tmp_path), tmp_path / "run", WHITE)
    same_rows(rows, by_gradients)


def same_rows(rows: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert wanted["id"].nunique() >= 4  # of those that the net reads right
    for column in ("attack", "id", "prediction", "fooled", "valid"):
        assert rows[column].tolist() == wanted[column].tolist(), column
    np.testing.assert_allclose(rows["margin"], wanted["margin"], atol=1e-4)
    np.testing.assert_allclose(rows["Linf"], wanted["Linf"], atol=1e-6)


def test_black_boxes_give_the_same_audit_by_scores(tmp_path: Path, service: Served) -> None:
    wanted = audited((ROBUST, None), tmp_path / "white", BLACK)
    wanted = wanted[wanted["attack"] == BLACK[0]].reset_index(drop=True)
    same_rows(audited(predict(tmp_path), tmp_path / "a", BLACK), wanted)
    spec = f"{service.url}?budget=400&rate=1000&batch=64&retries=1"
    same_rows(audited((spec, None), tmp_path / "b", BLACK), wanted)
    assert IMAGES * 20 < service.images <= 400
