"""How much a command prints: -q, -v, --log-file, and colours."""

import json
import logging
import re
from pathlib import Path

import click
import pytest

from tests.cli.run_cli import Cli

pytestmark = pytest.mark.usefixtures("elsewhere")

RUN = ("audit", "--model", "bundled:fashion-mnist-logistic", "--limit", 4, "--attacks", "fgsm",
       "--eps", 0.1, "--bounds", "off", "--out", "run")  # fmt: skip


def test_how_much_is_told(cli: Cli) -> None:
    Path("advkit.toml").write_text("[audit]\nbatch-size = 2\n")
    quiet = cli(*RUN, "-q", "--json", "--log-file", "log.txt")
    assert (quiet.code, quiet.err) == (0, "")
    assert json.loads(quiet.out)["clean"]["count"] <= 4
    log = Path("log.txt").read_text()
    assert "INFO options from advkit.toml" in log
    assert "DEBUG batch-size = 2" in log
    assert re.search(r"INFO .*: \d+ images", log)
    usual = cli(*RUN, "--fresh").err
    told = cli(*RUN, "--fresh", "-v").err
    assert "options from advkit.toml" in told
    assert "options from" not in usual
    assert "batch-size = 2" not in told
    loud = cli("-vv", *RUN, "--fresh", "--json")
    assert "batch-size = 2" in loud.err
    assert json.loads(loud.out)["norm"] == "Linf"
    assert logging.getLogger("advkit").handlers == []


def test_the_log_file_has_the_error_too(cli: Cli) -> None:
    result = cli("--log-file", "log.txt", "compare", "nowhere", "there")
    assert result.code == 3
    assert "ERROR [E3" in Path("log.txt").read_text()
    assert cli("compare", "a", "b", "--log-file", "no/log.txt").err.startswith("error[E311]")


@pytest.mark.parametrize("value", ["1", ""])
def test_no_color(cli: Cli, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Colour is for terminals; NO_COLOR, unless empty, takes it from them as well."""
    monkeypatch.setenv("NO_COLOR", value)
    seen: list[object] = []
    monkeypatch.setattr(click, "secho", lambda *_a, fg=None, **_k: seen.append(fg))
    cli("audt")
    assert seen == [None if value else "red"]
