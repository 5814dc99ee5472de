from pathlib import Path

import pytest

from advkit.errors import InputError
from advkit.models.extras import extra


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(InputError, match=r"x\.onnx needs the package nowhere_at_all") as caught:
        extra("nowhere_at_all", of="onnx", by="x.onnx")
    assert caught.value.hint == 'pip install "advkit[onnx]"'


def test_a_broken_package_is_no_bug_of_advkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("raise ImportError('no libcudart.so')\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = "installed but cannot be imported: ImportError: no libcudart.so"
    with pytest.raises(InputError, match=told) as caught:
        extra("broken_package", of="onnx", by="x.onnx")
    assert "install it again" in caught.value.hint
