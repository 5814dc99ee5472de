"""`advkit doctor` on the command line."""

import json
from pathlib import Path

import pytest
import torch

from advkit import __version__
from advkit.api import doctoring
from advkit.errors import ResourceError
from advkit.inspection.packages import Extra
from advkit.models import load_model
from tests.cli.run_cli import Cli


def test_all_is_well_here(cli: Cli, tmp_path: Path) -> None:
    found = json.loads(cli("doctor", "--json", "--out", tmp_path).out)
    assert {row["name"]: row["state"] for row in found["tests"]} == {
        "gradient": "pass",
        "audit": "pass",
    }
    assert found["environment"]["advkit"] == __version__
    assert found["advice"] == []
    assert list(tmp_path.iterdir()) == []


def test_for_people(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for wide in ("80", "40"):
        monkeypatch.setenv("COLUMNS", wide)
        done = cli("doctor", "--no-test", "--out", "runs")
        assert done.code == 0
        assert "Nothing is wrong." in done.out
        assert "Self-test" not in done.out
        assert max(map(len, done.out.splitlines()[1:])) <= int(wide)
        assert "..." not in done.out


def test_a_broken_extra_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    timm = Extra("timm", "1.0", "--model timm:NAME", "pip install again", "ImportError: no x")
    hub = Extra("hf", "", "--data hf:DIR", "pip install hf")
    monkeypatch.setattr(doctoring, "extras", lambda: iter([timm, hub]))
    monkeypatch.setenv("COLUMNS", "120")
    done = cli("doctor", "--no-test", "--out", tmp_path, "--strict")
    assert done.code == 6
    assert "WRONG  timm  1.0, for --model timm:NAME; cannot be imported: ImportError" in done.out
    assert "-      hf    not installed, for --data hf:DIR; pip install hf" in done.out
    assert "- The extra timm is broken: pip install again" in done.out


def test_what_is_wrong_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    words = ("doctor", "--no-test", "--out", tmp_path / "file" / "runs")
    done = cli(*words)
    assert done.code == 0
    assert "WRONG  disk" in done.out
    assert "What to do:\n- Give --out DIR" in done.out
    assert cli(*words, "--strict").code == 6


def test_a_broken_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Liar(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(_ctx: object, slope: torch.Tensor) -> torch.Tensor:
            return 1.001 * slope

    def lying(spec: str) -> torch.nn.Module:
        model = load_model(spec)
        inner = model.net.forward
        model.net.forward = lambda x: inner(Liar.apply(x))  # type: ignore[method-assign]
        return model

    assert doctoring.gradients().state == "pass"
    monkeypatch.setattr(doctoring, "load_model", lying)
    assert doctoring.gradients().state == "fail"


def test_an_audit_that_fails_or_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "_distances", lambda size: [0.1, 0.2 + size])
    assert doctoring.small_audit().state == "fail"

    def failing(_size: int) -> list[float]:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(doctoring, "_distances", failing)
    assert "no kernel" in doctoring.small_audit().seen


def test_a_full_temporary_folder_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit writes elsewhere: to run one would not show it."""

    def full(*_words: object, **_more: object) -> None:
        raise ResourceError("the disk is full at /tmp/x/run")

    monkeypatch.setattr(doctoring, "audit", full)
    found = doctoring.small_audit()
    assert (found.state, found.seen) == ("fail", "the disk is full at /tmp/x/run")
    assert "TMPDIR" in found.advice
