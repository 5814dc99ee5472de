"""Files that would write a marker file if any of their code were executed."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import nn


class Mark:
    """Unpickling it writes ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "executed")


class Marked(nn.Linear):
    """A module whose whole-module pickle contains the mark."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(2, 2)
        self.mark = mark


def plain_pickle(mark: Mark) -> bytes:
    return pickle.dumps(mark)


def text_pickle(mark: Mark) -> bytes:
    return pickle.dumps(mark, protocol=0)


def pickle_with_a_tail(mark: Mark) -> bytes:
    return pickle.dumps(mark, protocol=0) + b"\n# tail that the unpickler never reads"


def zipped_module(mark: Mark) -> bytes:
    stream = io.BytesIO()
    torch.save(Marked(mark), stream)
    return stream.getvalue()


def legacy_module(mark: Mark) -> bytes:
    stream = io.BytesIO()
    torch.save(Marked(mark), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def job(mark: Mark) -> bytes:
    stream = io.BytesIO()
    joblib.dump(mark, stream)
    return stream.getvalue()


def compressed_job(mark: Mark) -> bytes:
    stream = io.BytesIO()
    joblib.dump(mark, stream, compress=("gzip", 3))
    return stream.getvalue()


def zlib_job(mark: Mark) -> bytes:
    stream = io.BytesIO()
    joblib.dump(mark, stream, compress=3)
    return stream.getvalue()


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


def torchscript(mark: Mark) -> bytes:
    code = b"class Net(Module):\n  def forward(self, x): return x\n"
    return archive(**{"net/code/__torch__.py": code, "net/data.pkl": pickle.dumps(mark)})


def exported_program(mark: Mark) -> bytes:
    return archive(
        **{
            "net/archive_format": b"pt2",
            "net/models/model.json": json.dumps({}).encode(),
            "net/data/weights/weight_0": pickle.dumps(mark),
        }
    )


def object_array(mark: Mark) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.array([mark], dtype=object), y=np.zeros(1, dtype=np.int64))
    return stream.getvalue()


PAYLOADS: dict[str, Callable[[Mark], bytes]] = {
    "net.safetensors": plain_pickle,
    "protocol0.safetensors": text_pickle,
    "tail.safetensors": pickle_with_a_tail,
    "net.pt": zipped_module,
    "net.pth": legacy_module,
    "net.pkl": plain_pickle,
    "net.joblib": job,
    "net.joblib.gz": compressed_job,
    "net.joblib.z": zlib_job,
    "net.ts": torchscript,
    "net.pt2": exported_program,
    "zip.safetensors": zipped_module,
}
