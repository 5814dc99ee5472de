"""Invalid inputs, by their number in the list of bad inputs; see test_bad_input.py."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from tests.models.malice import PAYLOADS, Mark


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def conv() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)
    )


def wide() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


class Other(nn.Module):
    """Return the logits changed by ``change``."""

    def __init__(self, change: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.inner, self.change = net(), change

    def forward(self, x: Tensor) -> object:
        return self.change(self.inner(x))


def dictionary() -> nn.Module:
    return Other(lambda z: {"logits": z})


def pair() -> nn.Module:
    return Other(lambda z: (z, z))


def feature_map() -> nn.Module:
    return Other(lambda z: z[:, :, None, None].expand(-1, -1, 2, 2))


def infinite() -> nn.Module:
    return Other(lambda z: z / 0.0)


def nothing() -> None:
    return None


def text() -> str:
    return "a net"


def raising() -> nn.Module:
    return [][1]  # type: ignore[return-value]


HERE = "tests.cli.bad_inputs:"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"
ARCH = ("--arch", "mlp?shape=1,8,8&n_classes=10")


def weights(**tensors: Tensor) -> bytes:
    return save(tensors)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("net/data", b"0" * 900)
    return stream.getvalue()[:500]


def arrays(x: object = None, y: object = None, **more: object) -> bytes:
    usual = np.random.default_rng(0).random((6, 1, 8, 8)).astype(np.float32)
    stream = io.BytesIO()
    np.savez(stream, x=usual if x is None else x, y=np.arange(6) if y is None else y, **more)
    return stream.getvalue()


def pixels(scale: float, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(0).random((6, 1, 8, 8)) * scale + shift).astype(np.float32)


def bomb() -> bytes:
    stream = io.BytesIO()
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, " \
             b"'shape': (9999999, 999, 99), }"  # fmt: skip
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", header.ljust(128) + b"\0" * 99)
    return stream.getvalue()


def picture(side: int = 8) -> bytes:
    stream = io.BytesIO()
    Image.new("1" if side > 8 else "RGB", (side, side)).save(stream, "png")
    return stream.getvalue()


MODELS: list[tuple[int, str, bytes | str, int, str, str]] = [
    # number, model or file, its content (or more arguments), exit code, error code, message
    (1, "missing.safetensors", "", 3, "E301", "missing.safetensors does not exist"),
    (2, "empty.safetensors", b"", 3, "E302", "0 bytes"),
    (3, "short.pt", zipped(), 3, "E302", "truncated zip archive"),
    (3, "short.safetensors", weights(a=torch.zeros(99))[:200], 3, "E302", "truncated"),
    (4, "page.pt", b"<!DOCTYPE html><html><body>404", 3, "E302", "HTML page"),
    (5, "lfs.safetensors", LFS, 3, "E302", "git lfs pull"),
    (11, "long.safetensors", b"\xff" * 8 + b"{" + b" " * 99, 3, "E302", "safetensors"),
    (11, "broken.safetensors", b"\x09" + b"\0" * 7 + b'{"a": [}}', 3, "E302", "corrupt"),
    (12, "other.safetensors", weights(a=torch.zeros(3)), 3, "E303", "do not fit the net"),
    (16, f"{HERE}nte", "", 3, "E304", "did you mean net?"),
    (16, f"{HERE}HERE", "", 3, "E304", "not a callable"),
    (17, f"{HERE}raising", "", 3, "E304", "IndexError"),
    (17, "./own.py:make", b"import nowhere_to_be_found", 3, "E304", "nowhere_to_be_found"),
    (17, "./syntax.py:make", b"def make(:", 3, "E304", "SyntaxError"),
    (18, f"{HERE}nothing", "", 3, "E304", "NoneType"),
    (18, f"{HERE}text", "", 3, "E304", "returned a str"),
    (19, "bundle:digits-cnn", "", 2, "E2", "unknown scheme"),
    (19, "bundled:digits-cn", "", 2, "E2", "did you mean digits-cnn?"),
    (20, f"{HERE}conv", "", 3, "E305", "expects 3 channels"),
    (21, f"{HERE}wide", "", 3, "E305", "1 x 28 x 28"),
    (22, f"{HERE}dictionary", "", 3, "E306", "dict"),
    (22, f"{HERE}pair", "", 3, "E306", "tuple"),
    (23, f"{HERE}feature_map", "", 3, "E306", "2, 2"),
    (25, f"{HERE}infinite", "", 3, "E306", "NaN or infinite"),
]

DATA: list[tuple[int, str, bytes, int, str, str]] = [
    (33, "npz:a.npz", arrays(y=np.array([0, 1, 2, 3, 4, 10])), 3, "E307", "from 0 to 10"),
    (34, "npz:a.npz", arrays(y=np.arange(6) + 0.5), 3, "E307", "not whole numbers"),
    (34, "npz:a.npz", arrays(y=np.array(list("abcdef"))), 3, "E307", "not whole numbers"),
    (35, "npz:a.npz", arrays(y=np.array([0, 1, 2, -100, 4, -1])), 3, "E307", "2 labels"),
    (36, "npz:a.npz", arrays(y=np.arange(5)), 3, "E307", "6 images, but 5 labels"),
    (37, "npz:a.npz", arrays(classes=np.array(list("abc"))), 3, "E307", "names only 3 classes"),
    (38, "npz:a.npz", arrays(x=pixels(255)), 3, "E308", "not from 0 to 1"),
    (38, "npz:a.npz", arrays(x=pixels(4, -2)), 3, "E308", "not from 0 to 1"),
    (40, "npz:a.npz", arrays(x=np.zeros((0, 1, 8, 8)), y=np.zeros(0, int)), 5, "E500", ""),
    (40, "imagefolder:photos", b"", 5, "E500", "photos"),
    (41, "imagefolder:photos/a/1.png", picture()[:45], 3, "E3", "1.png"),
    (42, "imagefolder:photos/a/1.png", picture(14_000), 3, "E3", "too large"),
    (43, "npz:a.npz", bomb(), 3, "E302", "bytes"),
    (43, "npz:a.npz", pickle.dumps([1, 2]), 4, "E400", "not opened"),
]

UNSAFE = {6: ["net.pt", "net.pth"], 7: ["net.safetensors", "tail.safetensors"],
          8: ["net.ts", "net.pt2"], 9: ["net.joblib", "net.pkl"]}  # fmt: skip


def payload(name: str, mark: Path) -> bytes:
    return PAYLOADS[name](Mark(mark))


OPTIONS: list[tuple[int, tuple[object, ...], int, str, str]] = [
    (19, ("--attacks", "pdg"), 2, "E205", "did you mean pgd?"),
    (19, ("--suite", "hueg"), 2, "E203", "hueg"),
    (40, ("--limit", 0), 5, "E500", "limit 0"),
    *[(48, ("--eps", eps), 2, code, told) for eps, code, told in (
        ("nan", "E203", "not a finite number"), ("inf", "E203", "not a finite number"),
        ("-0.1", "E208", "not a radius"), ("8", "E208", "did you mean 8/255 = 0.0314?"))],
    (50, ("--attacks", "ddn"), 2, "E210", "it has L2"),
    (51, ("--attacks", "pgd:steps=0"), 2, "E206", "steps=0 is not possible"),
    (51, ("--batch-size", 0), 2, "E203", "0 is not in the range"),
    (51, ("--jobs", 100_000), 2, "E203", "100000"),
    (51, ("--jobs", -1), 2, "E203", "-1"),
    (53, ("--device", "cuda:99"), 3, "E310", "cpu"),
    (53, ("--device", "gpu"), 3, "E310", "cpu"),
    (57, ("--out", "taken.txt"), 3, "E3", "is a file"),
    (57, ("--out", "foreign"), 3, "E3", "holds other files"),
    (57, ("--output", "nowhere/a.md"), 3, "E311", "no directory"),
]  # fmt: skip
