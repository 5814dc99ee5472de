"""`advkit transfer` on the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

import advkit
from advkit.api.transfer_nets import _name
from advkit.errors import UsageError
from advkit.models import Classifier, load_model
from advkit.models.black_box import BlackBox
from tests.cli.run_cli import Cli

QUICK = ("--architectures", "logistic,mlp?width=8&depth=1", "--robust", "none", "--seeds", 1,
         "--epochs", 3, "--steps", 3, "--limit", 24, "--attack", "bim", "--eps", "0.2",
         "--targets", "none", "--no-progress", "-j", 1)  # fmt: skip


def test_from_no_net_to_a_report(cli: Cli, tmp_path: Path) -> None:
    result = cli("transfer", *QUICK, "--out", tmp_path / "a", "--nets", tmp_path / "nets")
    assert result.code == 0, result.err
    assert "fools another in" in result.out.replace("\n", " ")
    assert "noise:draws=1" in result.out
    table = pd.read_csv(tmp_path / "a" / "transfer.csv")
    assert set(table["source"]) == {"logistic 0", "mlp?width=8&depth=1 0"}
    assert {"linear SVM", "nearest neighbours"} < set(table["target"])
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "advkit transfer --architectures" in page
    again = cli("transfer", *QUICK, "--out", tmp_path / "a", "--nets", tmp_path / "nets", "--json")
    assert json.loads(again.out)["schema"] == "advkit/transfer/1"
    (tmp_path / "a" / "report.html").unlink()
    assert cli("report", tmp_path / "a").code == 0
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    for edit, said in (({"nets": 3}, "nets is 3, not a list"),
                       ({"shown": "x"}, "ranked has no row"),
                       ({"cells": record["cells"][:-1]}, "cells has no row from ")):  # fmt: skip
        (tmp_path / "a" / "run.json").write_text(json.dumps({**record, **edit}))
        assert f"run.json is damaged: {said}" in cli("report", tmp_path / "a").err
    assert (tmp_path / "a" / "report.html").exists()


def test_between_nets_that_are_given(cli: Cli, tmp_path: Path) -> None:
    models = [word for name in ("cnn", "logistic") for word in
              ("--model", f"bundled:fashion-mnist-{name}")]  # fmt: skip
    result = cli("transfer", *models, "--data", "bundled:fashion-mnist", "--limit", 20, "--steps",
                 2, "--attack", "dim+tim", "--targets", "second", "--out", tmp_path / "a",
                 "--no-progress", "--json")  # fmt: skip
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert [net["family"] for net in summary["nets"]] == ["fashion-mnist-cnn",
                                                          "fashion-mnist-logistic"]  # fmt: skip
    assert summary["main_eps"] == 0.1
    assert {row["attack"] for row in summary["ranked"]} == {"noise:draws=1", "dim+tim"}


def test_a_black_box_is_a_target_only_and_counts(tmp_path: Path) -> None:
    net = load_model("bundled:digits-cnn")
    box = BlackBox(lambda x: net(torch.from_numpy(x)), bytes(32), name="box")
    models = [net, Classifier(box, name="box", classes=net.classes)]
    given = {"limit": 20, "eps": (0.2,), "steps": 3, "targets": "none"}
    found = advkit.transfer(models, "bundled:digits", attacks=["bim"], out=tmp_path / "a", **given)
    rows = pd.read_csv(tmp_path / "a" / "transfer.csv")
    assert set(rows["source"]) == {"bundled:digits-cnn"}
    (row,) = [row for row in found["ranked"] if row["attack"] == "bim"]
    assert row["success"]["pairs"] == 1
    assert row["success"]["count"] == row["white_box"]["count"] > 0  # it is the same net
    assert "box: without gradients it is a target only" in " ".join(found["notes"])
    with pytest.raises(UsageError, match="bim needs gradients, and the model box"):
        advkit.transfer(models[1:], "bundled:digits", attacks=["bim"], out=tmp_path / "b", **given)


def test_nets_are_named_without_their_normalisation() -> None:
    assert _name("./nets.py:make?n=0&mean=0.5,0.5,0.5&std=0.2") == "./nets.py:make?n=0"
    assert _name("timm:create_model?mean=0.5") == "timm:create_model"
    assert _name("bundled:digits-cnn") == "bundled:digits-cnn"


def test_a_target_that_gives_labels_alone(cli: Cli, tmp_path: Path) -> None:
    words = ("transfer", "--target", "bundled:digits-cnn", "--query-labels", "--queries", 90,
             "--first", 40, "--epochs", 4, "--eps", 0.2, "--limit", 30, "--out", tmp_path / "q",
             "--no-progress", "--architectures", "mlp?width=16&depth=1")  # fmt: skip
    result = cli(*words, "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert [row["queries"] for row in summary["rounds"]] == [40, 80, 90]
    assert summary["own"]["n"] == 330, "images that are attacked are not the attacker's own"
    table = pd.read_csv(tmp_path / "q" / "queries.csv")
    assert table["fooled"].tolist() == [row["success"]["count"] for row in summary["rounds"]]
    again = json.loads(cli(*words, "--json").out)
    assert again["rounds"] == summary["rounds"]
    assert "labels" in cli(*words).out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--attack", "mifgsn"], 2, "no attack 'mifgsn'"),
        (["--attack", "mifgsm+pgd"], 2, "cannot be combined"),
        (["--attack", "pifgsm", "--norm", "L2"], 2, "no norm L2"),
        (["--model", "bundled:digits-cnn"], 2, "--data"),
        (["--model", "bundled:digits-cnn", "--data", "bundled:digits"], 2, "too few"),
        (["--target", "bundled:digits-cnn"], 2, "--query-labels"),
        (["--query-labels"], 2, "--target"),
        (["--architectures", "cmn"], 2, "no architecture 'cmn'"),
        (["--data", "bundled:fashion-mnist"], 2, "--train-data"),
        (["--data", "bundled:fashion-mnist", "--train-data", "bundled:digits?split=all"], 3,
         "the same size for both"),
        (["--eps", "-1"], 2, "-1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(
    cli: Cli, tmp_path: Path, words: list[str], code: int, told: str
) -> None:
    training = () if "--model" in words else ("--epochs", 1, "--seeds", 1)
    result = cli("transfer", *words, "--out", tmp_path / "a", "--nets", tmp_path / "nets", "-j", 1,
                 "--no-progress", "--limit", 10, *training)  # fmt: skip
    assert result.code == code, result.err
    assert told in result.err
    assert "bug" not in result.err
