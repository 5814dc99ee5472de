"""`advkit attack`: its saved examples and its output."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from advkit import load_data
from advkit.attacks import ATTACKS, HIGHER_ORDER
from advkit.evaluate.measure import measure
from tests.cli.run_cli import NET, QUICK_ATTACK, ROOT, Cli, command, saved
from tests.evaluate.small import classifier, some_digits
from tests.models.served import serving


def universal(
    model: object,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    sign: int = 1,
) -> Tensor:
    """Return x moved by the same everywhere, and as many samples as there are in the corner.

    Knows: scores of all samples
    Cost: 0 forward, 0 backward
    """
    moved = (x + sign * eps).clamp(0, 1)
    moved.flatten(1)[:, 0] = x.flatten(1)[:, 0] + eps * len(x) / 1000
    return moved


def test_without_eps_the_nearest_example_of_each_image_is_saved(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = cli("attack", "ddn:steps=20", *QUICK_ATTACK, "--out", out)
    assert result.code == 0, result.err
    summary, table, x_adv = saved(out)
    samples, model = some_digits(30), classifier()
    wanted = ATTACKS["ddn"](model, samples.x, samples.y, steps=20, ids=samples.ids)
    assert torch.equal(x_adv, wanted)
    assert x_adv.dtype == torch.float32
    rows = measure(model, samples.x, samples.y, x_adv, norm="L2", eps=np.inf)
    assert table["id"].tolist() == list(samples.ids)
    pd.testing.assert_frame_equal(table[list(rows.columns)], rows, check_dtype=False)
    fooled = table[table["fooled"]]
    assert summary["success"]["count"] == len(fooled) == summary["success"]["n"]
    assert summary["size"]["median"] == pytest.approx(fooled["L2"].median())
    assert summary["size"]["mean"] == pytest.approx(fooled["L2"].mean())
    assert (summary["forwards"], summary["backwards"]) == (21, 20)
    assert (summary["norm"], summary["eps"], summary["schema"]) == ("L2", None, "advkit/attack/1")
    assert summary["options"]["steps"] == 20
    assert summary["options"]["gamma"] == 0.05
    assert f"median {summary['size']['median']:.4g}" in result.out
    assert str(out / "examples.npz") in result.out


def test_the_examples_are_data(cli: Cli, tmp_path: Path) -> None:
    cli("attack", "ddn:steps=20", *QUICK_ATTACK, "--out", tmp_path / "run")
    data = load_data(f"npz:{tmp_path / 'run' / 'examples.npz'}")
    samples = some_digits(30)
    assert (data.ids, data.classes) == (samples.ids, samples.classes)
    assert torch.equal(data.y, samples.y)
    assert not torch.equal(data.x, samples.x)
    again = cli("attack", "fgsm", "--model", "tests.evaluate.small:digits_net", "--data",
                f"npz:{tmp_path / 'run' / 'examples.npz'}", "--eps", "0.1",
                "--out", tmp_path / "again")  # fmt: skip
    assert again.code == 5
    assert "nothing to attack" in again.err


def test_a_fixed_budget_without_eps_is_minimised_and_it_says_so(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = cli("attack", "fgsm", *QUICK_ATTACK, "--norm", "L2", "--eps", "none", "--out", out)
    assert "fgsm has a fixed budget" in " ".join(result.out.split())
    summary, _, x_adv = saved(out)
    assert summary["attack"] == "minimised(fgsm)"
    samples = some_digits(30)
    minimised = HIGHER_ORDER["minimised"](ATTACKS["fgsm"])
    wanted = minimised(classifier(), samples.x, samples.y, norm="L2", ids=samples.ids)
    assert torch.equal(x_adv, wanted)


def test_with_eps_what_does_not_fool_is_saved_too(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    cli("attack", "pgd:steps=3", *QUICK_ATTACK, "--eps", "0.1", "--out", out)
    summary, table, x_adv = saved(out)
    assert 0 < summary["success"]["count"] < 29
    samples = some_digits(30)
    wanted = ATTACKS["pgd"](classifier(), samples.x, samples.y, eps=0.1, steps=3, ids=samples.ids)
    assert torch.equal(x_adv, wanted)
    assert table["valid"].all()
    assert (table["Linf"] > 0).all()


def test_every_wrapper_at_once_reads_like_the_python(cli: Cli, tmp_path: Path) -> None:
    words = ("pgd:steps=2", *NET, "--eps", "0.1", "--targets", "all", "--restarts", 2,
             "--average", 2, "--transform", "shift", "--bfloat16", "--limit", "6")  # fmt: skip
    result = cli("attack", *words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    summary, table, _ = saved(tmp_path / "run")
    assert summary["attack"] == (
        "targeted(on_average(restarted(in_bfloat16(pgd:steps=2), 2), shift, 2), all)"
    )
    assert table["share_of_transforms"].between(0, 1).all()
    assert "of new transforms" in result.out
    assert (table["Linf"] <= 0.1 + 1e-6).all()


@pytest.mark.parametrize("choice", ["random", "least_likely", "second", "4"])
def test_with_targets_only_these_count(cli: Cli, tmp_path: Path, choice: str) -> None:
    out = tmp_path / "run"
    result = cli("attack", "ddn:steps=15", *QUICK_ATTACK, "--targets", choice, "--out", out)
    assert result.code == 0, result.err
    summary, table, _ = saved(out)
    assert (table["target"] != table["label"])[table["attacked"]].all()
    assert ((table["prediction"] == table["target"]) == table["fooled"]).all()
    if choice == "4":
        assert (table["attacked"] == (table["label"] != 4)).all()
        assert not table["attacked"].all()
        assert (table.loc[~table["attacked"], "L2"] == 0).all()
    assert summary["success"]["n"] == table["attacked"].sum()
    assert summary["success"]["count"] == (table["attacked"] & table["fooled"]).sum() > 0


def test_json_is_one_document_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    result = cli("attack", "fgsm", *QUICK_ATTACK, "--out", tmp_path / "run", "--json")
    summary = json.loads(result.out)
    assert summary["notes"][0].startswith("fgsm has a fixed budget")
    files = {"examples", "table", "out"}
    assert {k: v for k, v in summary.items() if k not in files} == saved(tmp_path / "run")[0]


def test_one_perturbation_for_all_gets_all_samples_at_once(cli: Cli, tmp_path: Path) -> None:
    mine = "tests.cli.test_attack_command:universal"
    words = ("attack", mine, *QUICK_ATTACK, "--eps", "0.2", "--batch-size", 4, "--jobs", 2)
    result = cli(*words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    corner = saved(tmp_path / "run")[2].flatten(1)[:, 0] - some_digits(30).x.flatten(1)[:, 0]
    assert torch.allclose(corner, torch.full_like(corner, 0.2 * 30 / 1000))
    for change in (("--restarts", 2), ("--average", 2), ("--bfloat16",), ("--targets", "all")):
        refused = cli(*words, *change, "--out", tmp_path / "no")
        assert refused.code == 2
        assert "one perturbation for all" in refused.err
    least = cli("attack", mine, *QUICK_ATTACK, "--out", tmp_path / "no")
    assert (least.code, "--eps" in least.err) == (2, True)


def test_an_audit_refuses_it_and_says_where_it_belongs(cli: Cli, tmp_path: Path) -> None:
    mine = "tests.cli.test_attack_command:universal"
    result = cli(
        "audit", *QUICK_ATTACK, "--attacks", mine, "--eps", "0.1", "--out", tmp_path / "run"
    )
    assert result.code == 2
    assert "one perturbation for all" in result.err
    assert f"advkit attack {mine} --norm Linf" in result.err


def test_the_help_fits_a_terminal_of_80(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("attack", "ls", "show"):
        assert max(map(len, cli(name, "--help").out.splitlines())) <= 80


def test_the_real_command_keeps_its_streams_apart(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    done = subprocess.run(
        command("attack", "fgsm", *QUICK_ATTACK, "--eps", "0.1", "--out", "run"),
        cwd=tmp_path, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        ".lock", "examples", "examples.npz", "progress.json", "results.sqlite", "run.json",
        "table.csv",
    }  # fmt: skip


def test_what_a_service_costs_is_said(cli: Cli, tmp_path: Path) -> None:
    with serving() as service:
        done = cli("attack", "square:queries=20", "--model", f"{service.url}?rate=1000&price=2",
                   "--data", "bundled:fashion-mnist", "--eps", 0.1, "--limit", 3,
                   "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    assert "requests per second, a price of 0.1" in done.err
