import json
import os
import signal
import subprocess
import sys
import time
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
from tests.cli.run_cli import Cli
from tests.evaluate.small import classifier, some_digits
from tests.models.served import serving

ROOT = Path(__file__).parents[2]
NET = ("--model", "tests.evaluate.small:digits_net", "--data", "bundled:digits")
QUICK = (*NET, "--limit", "30")


def read(out: Path) -> tuple[dict, pd.DataFrame, Tensor]:
    with np.load(out / "examples.npz", allow_pickle=False) as file:
        x_adv = torch.from_numpy(file["x_adv"])
    return json.loads((out / "run.json").read_text()), pd.read_csv(out / "table.csv"), x_adv


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


def fragile(model: object, x: Tensor, y: Tensor, *, eps: float, norm: str, seed: int, ids: object
            ) -> Tensor:  # fmt: skip
    """An attack of a user's own with a bug."""
    raise KeyError("no such class")


def test_without_eps_the_nearest_example_of_each_image_is_saved(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = cli("attack", "ddn:steps=20", *QUICK, "--out", out)
    assert result.code == 0, result.err
    summary, table, x_adv = read(out)
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
    cli("attack", "ddn:steps=20", *QUICK, "--out", tmp_path / "run")
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
    result = cli("attack", "fgsm", *QUICK, "--norm", "L2", "--eps", "none", "--out", out)
    assert "fgsm has a fixed budget" in " ".join(result.out.split())
    summary, _, x_adv = read(out)
    assert summary["attack"] == "minimised(fgsm)"
    samples = some_digits(30)
    minimised = HIGHER_ORDER["minimised"](ATTACKS["fgsm"])
    wanted = minimised(classifier(), samples.x, samples.y, norm="L2", ids=samples.ids)
    assert torch.equal(x_adv, wanted)


def test_with_eps_what_does_not_fool_is_saved_too(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    cli("attack", "pgd:steps=3", *QUICK, "--eps", "0.1", "--out", out)
    summary, table, x_adv = read(out)
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
    summary, table, _ = read(tmp_path / "run")
    assert summary["attack"] == (
        "targeted(on_average(restarted(in_bfloat16(pgd:steps=2), 2), shift, 2), all)"
    )
    assert table["share_of_transforms"].between(0, 1).all()
    assert "of fresh transforms" in result.out
    assert (table["Linf"] <= 0.1 + 1e-6).all()


@pytest.mark.parametrize("choice", ["random", "least_likely", "second", "4"])
def test_with_targets_only_these_count(cli: Cli, tmp_path: Path, choice: str) -> None:
    out = tmp_path / "run"
    result = cli("attack", "ddn:steps=15", *QUICK, "--targets", choice, "--out", out)
    assert result.code == 0, result.err
    summary, table, _ = read(out)
    assert (table["target"] != table["label"])[table["attacked"]].all()
    assert ((table["prediction"] == table["target"]) == table["fooled"]).all()
    if choice == "4":
        assert (table["attacked"] == (table["label"] != 4)).all()
        assert not table["attacked"].all()
        assert (table.loc[~table["attacked"], "L2"] == 0).all()
    assert summary["success"]["n"] == table["attacked"].sum()
    assert summary["success"]["count"] == (table["attacked"] & table["fooled"]).sum() > 0


def test_batches_jobs_and_a_second_run_change_nothing(cli: Cli, tmp_path: Path) -> None:
    words = ("attack", "pgd:steps=3", *QUICK, "--eps", "0.05")
    first = cli(*words, "--out", tmp_path / "a", "--jobs", 1)
    again = cli(*words, "--out", tmp_path / "a")
    cli(*words, "--out", tmp_path / "b", "--jobs", 2, "--batch-size", 4)
    assert again == first
    assert torch.equal(read(tmp_path / "a")[2], read(tmp_path / "b")[2])
    assert (tmp_path / "a/table.csv").read_text() == (tmp_path / "b/table.csv").read_text()


def test_another_run_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("attack", "fgsm", *QUICK, "--out", out)
    assert cli(*words, "--eps", "0.05").code == 0
    before = (out / "table.csv").read_bytes()
    for change, says in (
        (("--seed", 2), "seed: 0 then, 2 now"),
        (("--eps", "0.06"), "eps: 0.05 then, 0.06 now"),
        (("--targets", "second"), "targets: None then"),
        (("--restarts", 2), "attacks"),
    ):
        result = cli(*words, *([] if "--eps" in change else ["--eps", "0.05"]), *change)
        assert result.code == 3
        assert says in result.err
    audit = cli("audit", *QUICK, "--attacks", "fgsm", "--eps", "0.05", "--out", out)
    assert audit.code == 3
    assert "kind: 'attack' then, None now" in audit.err
    assert (out / "table.csv").read_bytes() == before
    cli("audit", *QUICK, "--attacks", "fgsm", "--eps", "0.05", "--out", tmp_path / "audit")
    words = (*words, "--eps", "0.05")
    assert cli(*words[:-3], tmp_path / "audit", "--eps", "0.05").code == 3
    assert cli(*words, "--seed", 2, "--fresh").code == 0


def test_json_is_one_document_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    result = cli("attack", "fgsm", *QUICK, "--out", tmp_path / "run", "--json")
    summary = json.loads(result.out)
    assert summary["notes"][0].startswith("fgsm has a fixed budget")
    files = {"examples", "table", "out"}
    assert {k: v for k, v in summary.items() if k not in files} == read(tmp_path / "run")[0]


def test_one_perturbation_for_all_gets_all_samples_at_once(cli: Cli, tmp_path: Path) -> None:
    mine = "tests.cli.test_attack_command:universal"
    words = ("attack", mine, *QUICK, "--eps", "0.2", "--batch-size", 4, "--jobs", 2)
    result = cli(*words, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    corner = read(tmp_path / "run")[2].flatten(1)[:, 0] - some_digits(30).x.flatten(1)[:, 0]
    assert torch.allclose(corner, torch.full_like(corner, 0.2 * 30 / 1000))
    for change in (("--restarts", 2), ("--average", 2), ("--bfloat16",), ("--targets", "all")):
        refused = cli(*words, *change, "--out", tmp_path / "no")
        assert refused.code == 2
        assert "one perturbation for all" in refused.err
    least = cli("attack", mine, *QUICK, "--out", tmp_path / "no")
    assert (least.code, "--eps" in least.err) == (2, True)


def test_an_audit_refuses_it_and_says_where_it_belongs(cli: Cli, tmp_path: Path) -> None:
    mine = "tests.cli.test_attack_command:universal"
    result = cli("audit", *QUICK, "--attacks", mine, "--eps", "0.1", "--out", tmp_path / "run")
    assert result.code == 2
    assert "one perturbation for all" in result.err
    assert f"advkit attack {mine} --norm Linf" in result.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("pdg",), 2, "did you mean pgd?"),
        (("pgd:stepps=3",), 2, "did you mean steps?"),
        (("fgsm", "--eps", "8"), 2, "did you mean 8/255 = 0.0314?"),
        (("fgsm", "--eps", "nan"), 2, "not a finite number"),
        (("fgsm", "--eps", "-1"), 2, "-1 is not a radius"),
        (("fgsm", "--eps", "some"), 2, "'some' is not a number"),
        (("fgsm", "--norm", "L0"), 2, "it has Linf, L2, L1"),
        (("fgsm", "--norm", "L7"), 2, "L7"),
        (("ddn", "--targets", "3.5"), 2, "no class of 10"),
        (("ddn", "--targets", "secnd"), 2, "did you mean second?"),
        (("ddn", "--targets", "10"), 2, "no class of 10"),
        (("fgsm", "--average", "0"), 2, "0 is not in the range"),
        (("fgsm", "--transform", "noise"), 2, "add --average"),
        (("fgsm", "--restarts", "0"), 2, "0 is not in the range"),
        (("fgsm", "--limit", "0"), 5, "nothing"),
        (("fgsm", "--data", "npz:none.npz"), 3, "none.npz"),
        (("tests.cli.test_attack_command:fragile", "--eps", "0.1"), 3, "no such class"),
        (("--eps", "0.1"), 2, "Missing argument"),
    ],
)
def test_bad_input_is_one_clear_line_with_its_exit_code(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    result = cli.but(("attack", *QUICK, "--out", tmp_path / "run"), *words)
    assert (result.code, result.out) == (code, ""), result.err
    assert says in result.err
    assert "Traceback" not in result.err


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "advkit", *map(str, words)]


def test_the_help_fits_a_terminal_of_80(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("attack", "ls", "show"):
        assert max(map(len, cli(name, "--help").out.splitlines())) <= 80


def test_the_real_command_keeps_its_streams_apart(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    done = subprocess.run(
        command("attack", "fgsm", *QUICK, "--eps", "0.1", "--out", "run"),
        cwd=tmp_path, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        ".lock", "examples", "examples.npz", "progress.json", "results.sqlite", "run.json",
        "table.csv",
    }  # fmt: skip


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    words = command("attack", "pgd:steps=20000", *NET, "--eps", "0.01", "--jobs", "1")
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                               env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    while process.poll() is None and not list(tmp_path.glob("runs/*/run.json")):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert "-attack-" in folder.name
    assert f"to go on: advkit {' '.join(words[3:])} --out runs/{folder.name}" in err


def test_killed_and_run_again_it_ends_as_if_nothing_had_been(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("attack", "pgd:steps=40", *NET, "--eps", "0.01", "--batch-size", "20", "--jobs", "1")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command(*words, "--out", "a"), cwd=tmp_path, env=env)
    until = time.monotonic() + 120
    while not list(tmp_path.glob("a/examples/*.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "a/examples.npz").exists()
    saved = {file: file.stat().st_mtime_ns for file in tmp_path.glob("a/examples/*.npz")}
    monkeypatch.chdir(tmp_path)
    for out in ("a", "b"):
        done = cli(*words, "--out", out)
        assert done.code == 0, done.err
    whole = [file for file, time_ in saved.items() if file.stat().st_mtime_ns == time_]
    assert len(whole) >= len(saved) - 1, "finished shards were done again"
    assert torch.equal(read(tmp_path / "a")[2], read(tmp_path / "b")[2])


def test_what_a_service_costs_is_said(cli: Cli, tmp_path: Path) -> None:
    with serving() as service:
        done = cli("attack", "square:queries=20", "--model", f"{service.url}?rate=1000&price=2",
                   "--data", "bundled:fashion-mnist", "--eps", 0.1, "--limit", 3,
                   "--out", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    assert "requests per second, a price of 0.1" in done.err
