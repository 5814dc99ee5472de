"""One workbench per session, and a copy of it for each page."""

import functools
import shutil
from pathlib import Path
from typing import Any

import pytest

import advkit
from tests.cli.run_cli import Cli
from tests.docs.running import Page
from tests.docs.small import lessen
from tests.docs.workbench import build


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("workbench"))


@pytest.fixture
def page(
    workbench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Page:  # fmt: skip
    place = tmp_path / "here"
    shutil.copytree(workbench, place)
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    lessen(monkeypatch)
    monkeypatch.setattr("advkit.data.picture_rows.DEFAULT_SIZE", 16)
    less = functools.partial(advkit.audit, limit=4, bounds="off", suite="quick")
    monkeypatch.setattr(advkit, "audit", less)
    monkeypatch.setattr(advkit, "load_data", functools.partial(few, advkit.load_data))
    (tmp_path / "home/.config/fish/completions").mkdir(parents=True)
    return Page(place, Cli(monkeypatch, capsys), capsys)


def few(load: Any, spec: str, limit: int | None = None, **options: Any) -> Any:
    return load(spec, limit=min(limit or 8, 8), **options)
