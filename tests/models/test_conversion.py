"""What a file that can run code is able to do while `advkit convert` reads it."""

import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from advkit.errors import InputError
from advkit.models import load_model
from advkit.models.conversion import convert
from advkit.models.weights_file import weights_in

LOCK = "from advkit.models.sandbox import shut; shut()"


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    tried = subprocess.run([sys.executable, "-c", LOCK], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no sandbox here: {tried.stderr.decode()[-200:]}")


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, pickle.dumps({}))
    return stream.getvalue()


def test_an_estimator_is_converted_and_says_the_same(tmp_path: Path) -> None:
    """It imported what looks into /proc, which is shut in the sandbox: none could be converted."""
    pytest.importorskip("skops")
    from sklearn.linear_model import LogisticRegression

    dice = np.random.default_rng(0)
    x, y = dice.random((30, 4)).astype(np.float32), np.arange(30) % 3
    net = LogisticRegression().fit(x, y)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(net))
    made = convert(str(tmp_path / "net.pkl"), tmp_path / "net.skops")
    assert made.sandboxed
    said = load_model(f"{made.out}")(torch.from_numpy(x)).softmax(1).numpy()
    np.testing.assert_allclose(said, net.predict_proba(x), atol=1e-5)


def test_an_exported_program_is_converted_to_its_weights(tmp_path: Path) -> None:
    """Its import makes a directory, which the sandbox forbids: none could be converted."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    program = torch.export.export(net, (torch.rand(2, 1, 2, 2),))
    torch.export.save(program, tmp_path / "net.pt2")
    made = convert(str(tmp_path / "net.pt2"), tmp_path / "net.safetensors")
    assert made.sandboxed
    found = weights_in(made.out.read_bytes(), "net.safetensors").tensors
    assert {key.removeprefix("program."): value.tolist() for key, value in found.items()} == {
        key: value.tolist() for key, value in net.state_dict().items()
    }


def test_a_file_of_something_else_is_no_model(tmp_path: Path) -> None:
    """It was said to need no conversion, and to be given as --model."""
    (tmp_path / "net.pt").write_bytes(b"Not found")
    with pytest.raises(InputError, match=r"net.pt is not a model file"):
        convert(str(tmp_path / "net.pt"), tmp_path / "net.safetensors")


class Hostile:
    """Unpickling it calls ``code`` by exec; what it raises is told by the child."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


ATTEMPTS = {
    "write": "open({mark!r}, 'w').write('x')",
    "read": "print(open({secret!r}).read())",
    "socket": "import socket; socket.socket()",
    "program": "import os; os.execv('/bin/touch', ['touch', {mark!r}])",
    "process": "import os; os.fork()",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_hostile_pickle_is_denied(tmp_path: Path, name: str) -> None:
    mark, secret, file = tmp_path / "marker", tmp_path / "secret", tmp_path / "net.pkl"
    secret.write_text("of the user")
    code = ATTEMPTS[name].format(mark=str(mark), secret=str(secret))
    file.write_bytes(pickle.dumps(Hostile(code)))
    with pytest.raises(InputError, match=r"Permission denied|not permitted"):
        convert(str(file), tmp_path / "net.safetensors")
    assert not mark.exists()
    assert not (tmp_path / "net.safetensors").exists()


ENDS = {
    "SystemExit": "raise SystemExit(0)",
    "exit": "import os; os._exit(0)",
    "exit, with something said": "import os; os.write(1, b'done'); os._exit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "kill": "import os, ctypes; ctypes.string_at(0)",
}


@pytest.mark.parametrize("name", ENDS)
def test_a_child_that_ends_without_a_model_has_failed(tmp_path: Path, name: str) -> None:
    file, out = tmp_path / "net.pkl", tmp_path / "net.safetensors"
    file.write_bytes(pickle.dumps(Hostile(ENDS[name])))
    with pytest.raises(InputError, match=r"was not converted \((exit code|signal) \d+\)"):
        convert(str(file), out)
    assert not out.exists()


LIES = {
    "a pickle": (pickle.dumps({}), "net.safetensors"),
    "a zipped pickle": (zipped("net/data.pkl"), "net.skops"),
    "half a header": ((99).to_bytes(8, "little") + b"{", "net.safetensors"),
    "no tensors": ((2).to_bytes(8, "little") + b"{}", "net.safetensors"),
}


@pytest.mark.parametrize(("lie", "out"), LIES.values(), ids=LIES)
def test_a_child_that_prints_what_is_no_model_has_failed(
    tmp_path: Path, lie: bytes, out: str
) -> None:
    """A hostile file may write to every descriptor of the child, and leave."""
    code = f"""
import os
for fd in range(3, 20):
    try:
        os.write(fd, {lie!r})
    except OSError:
        pass
os._exit(0)
"""
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(Hostile(code)))
    with pytest.raises(InputError, match="was not converted"):
        convert(str(tmp_path / "net.pkl"), tmp_path / out)
    assert not (tmp_path / out).exists()


def test_what_lies_in_the_working_directory_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_file.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(Hostile("import beside_the_file")))
    with pytest.raises(InputError, match="No module named 'beside_the_file'"):
        convert("net.pkl", tmp_path / "net.safetensors")
