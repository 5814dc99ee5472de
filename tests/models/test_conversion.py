"""What a file that can run code may do while `advkit convert` reads it."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advkit.errors import InputError
from advkit.models.conversion import convert

LOCK = "from advkit.models.sandbox import shut; shut()"
LOCKS = subprocess.run([sys.executable, "-c", LOCK], capture_output=True, check=False)
pytestmark = pytest.mark.skipif(
    LOCKS.returncode != 0, reason=f"no sandbox here: {LOCKS.stderr.decode()[-200:]}"
)


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


def test_what_lies_in_the_working_directory_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_file.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(Hostile("import beside_the_file")))
    with pytest.raises(InputError, match="No module named 'beside_the_file'"):
        convert("net.pkl", tmp_path / "net.safetensors")
