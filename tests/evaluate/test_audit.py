import json
import re
import sqlite3
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advkit.data.samples import take
from advkit.errors import EmptyError, InputError, UsageError
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.store import open_store
from advkit.models.classifier import Classifier
from tests.evaluate.small import EPS, classifier, run, some_digits, table


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    run(out)
    return out


def same(a: pd.DataFrame, b: pd.DataFrame) -> None:
    order = ["eps", "attack", "id"]
    pd.testing.assert_frame_equal(
        a.sort_values(order, ignore_index=True),
        b.sort_values(order, ignore_index=True),
        check_exact=True,
    )


@pytest.mark.parametrize(("batch_size", "jobs"), [(1, 1), (64, 1), (5, 2)])
def test_rows_do_not_depend_on_batch_size_or_jobs(
    whole: Path, tmp_path: Path, batch_size: int, jobs: int
) -> None:
    run(tmp_path / "run", batch_size=batch_size, jobs=jobs)
    same(table(tmp_path / "run"), table(whole))
    costs = table(tmp_path / "run", "costs"), table(whole, "costs")
    for name in ("tried", "forwards", "backwards"):
        assert costs[0][name].sum() == costs[1][name].sum()


def test_rows_do_not_depend_on_the_order_of_the_samples(whole: Path, tmp_path: Path) -> None:
    samples = some_digits()
    run(tmp_path / "run", samples=take(samples, reversed(range(len(samples.ids)))))
    same(table(tmp_path / "run"), table(whole))


def test_a_finished_run_is_not_computed_again(whole: Path) -> None:
    before, costs = table(whole), table(whole, "costs")
    again = run(whole)
    same(table(whole), before)
    pd.testing.assert_frame_equal(table(whole, "costs"), costs)
    assert again == json.loads((whole / "run.json").read_text())


def test_the_summary_follows_from_the_saved_examples_alone(whole: Path) -> None:
    """Recompute robust accuracy in numpy from the files, with the model as a bare function."""
    summary = json.loads((whole / "run.json").read_text())
    samples, net = some_digits(), classifier().net
    place = {name: i for i, name in enumerate(samples.ids)}
    with open_store(whole) as store:
        rows = store.frame("results")
        found = rows[rows["row"] >= 0]
        sizes = dict.fromkeys(samples.ids, np.inf)
        for _, row in found.iterrows():
            example = store.example(row["shard"], row["row"])
            i = place[row["id"]]
            logits = net(torch.from_numpy(example)[None])[0]
            if int(logits.argmax()) != int(samples.y[i]):
                size = float(np.abs(example.astype(float) - samples.x[i].double().numpy()).max())
                sizes[row["id"]] = min(sizes[row["id"]], size)
    clean = net(samples.x).argmax(1) == samples.y
    assert summary["clean"]["count"] == int(clean.sum())
    for robust in summary["robust"]:
        left = [sizes[name] > robust["eps"] + 1e-6 and bool(ok)
                for name, ok in zip(samples.ids, clean, strict=True)]  # fmt: skip
        assert robust["count"] == sum(left)
        assert sum(robust["added"].values()) == summary["clean"]["count"] - robust["count"]


def test_robust_accuracy_falls_with_eps_and_is_clean_accuracy_at_zero(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", eps=(0.0, *EPS))
    counts = [robust["count"] for robust in summary["robust"]]
    assert counts[0] == summary["clean"]["count"]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]
    steps = [step["count"] for step in summary["curve"]]
    assert steps == sorted(steps, reverse=True)
    at = {step["eps"]: step["count"] for step in summary["curve"]}
    assert at[EPS[-1]] == counts[-1]


def test_suites_pay_for_one_defeat_however_many_eps(tmp_path: Path) -> None:
    run(tmp_path / "many", attacks=(), suite="standard", eps=(0.01, 0.015, 0.02), bounds="off",
        samples=some_digits(36))  # fmt: skip
    rows = table(tmp_path / "many")
    hunted = rows[rows["attack"].str.startswith("coarse_pgd") & ~rows["fooled"]]
    assert len(hunted) > 20
    assert hunted["id"].is_unique


def test_cheats_are_marked_and_never_counted(tmp_path: Path) -> None:
    for attack in ("tests.evaluate.small:outside", "tests.evaluate.small:broken"):
        summary = run(tmp_path / attack[-4:], attacks=(attack,), eps=(0.05,), bounds="off")
        (row,) = [row for row in summary["attacks"] if row["attack"] == attack]
        assert row["invalid"] == row["tried"] == summary["clean"]["count"]
        assert row["fooled"] == 0
        assert summary["robust"][0]["count"] == summary["clean"]["count"]


def test_samples_that_are_wrong_when_clean_are_not_attacked(whole: Path) -> None:
    clean = table(whole, "samples")
    wrong = set(clean.loc[clean["margin"] > 0, "id"])
    assert not wrong & set(table(whole)["id"])


def test_costs_are_exact(whole: Path) -> None:
    summary = json.loads((whole / "run.json").read_text())
    by = {(row["attack"], row["eps"]): row for row in summary["attacks"]}
    first = by["fgsm", EPS[1]]
    assert (first["forwards"], first["backwards"]) == (1.0, 1.0)
    assert by["line_search", EPS[-1]]["forwards"] == 10.0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seed": 1}, "seed"),
        ({"eps": (0.02,)}, "eps"),
        ({"norm": "L2"}, "norm"),
        ({"attacks": ("fgsm",)}, "attacks"),
        ({"samples": some_digits(40)}, "data"),
    ],
)
def test_another_run_in_the_same_place_is_refused(whole: Path, change: dict, field: str) -> None:
    before = table(whole)
    with pytest.raises(InputError, match=field) as caught:
        run(whole, **change)
    assert not re.search(r"[0-9a-f]{64}|\{", str(caught.value)), "digests and dictionaries"
    assert str(caught.value).count("; ") == 0, "one thing differs"
    same(table(whole), before)


def test_attacks_that_are_alike_but_for_a_sign_keep_their_examples_apart(tmp_path: Path) -> None:
    alike = ("pgd:step=1/4,steps=3", "pgd:step=1.4,steps=3")
    run(tmp_path / "run", attacks=alike)
    costs, rows = table(tmp_path / "run", "costs"), table(tmp_path / "run")
    assert set(costs["attack"]) == {*alike, "line_search"}
    assert rows.loc[rows["attack"] == "line_search", "fooled"].all()


def test_another_net_with_the_same_weights_is_another_model(whole: Path) -> None:
    net = deepcopy(classifier().net)
    net.register_forward_hook(lambda _net, _x, logits: logits.softmax(1))
    with pytest.raises(
        InputError, match=r"other answers \(answers: the net reads the same images otherwise\)"
    ):
        run(whole, model=Classifier(net, name="digits"))


def test_rows_are_never_without_what_they_depend_on(tmp_path: Path) -> None:
    """As after a kill between any two files of ``--fresh``, or before the first row."""
    out = tmp_path / "run"
    run(out, attacks=("fgsm",))
    (out / "run.json").unlink()
    with pytest.raises(InputError, match="seed"):
        run(out, attacks=("fgsm",), seed=9)
    (out / "results.sqlite").unlink()
    assert run(out, attacks=("fgsm",), seed=9)["seed"] == 9
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".lock").touch()
    assert run(empty, attacks=("fgsm",))["clean"]["n"] == 90


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "results.sqlite") as other:
        other.execute("CREATE TABLE thesis (text)")
    other.close()
    with pytest.raises(InputError, match="not written by advkit"):
        run(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "examples"])
def test_damage_to_a_run_is_said_with_the_file(tmp_path: Path, name: str) -> None:
    out = tmp_path / "run"
    run(out, attacks=("fgsm",))
    if name == "run.json":
        (out / name).write_text("{")
    else:
        for file in (out / name).iterdir():
            file.write_bytes(b"")
        with sqlite3.connect(out / "results.sqlite") as ledger:
            ledger.execute("DELETE FROM results WHERE attack = 'line_search'")
        ledger.close()
    with pytest.raises(InputError, match="damaged"):
        run(out, attacks=("fgsm",))


def test_a_dead_model_reads_nothing_right(tmp_path: Path) -> None:
    dead = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    for p in dead.parameters():
        torch.nn.init.zeros_(p)
    summary = run(tmp_path / "run", model=Classifier(dead, name="dead"))
    assert summary["clean"]["count"] == 0
    assert summary["robust"][0]["count"] == 0
    assert "nothing to attack" in summary["verdict"]


@pytest.mark.parametrize("attack", ["raises", "returns_none", "returns_half"])
def test_an_attack_of_ones_own_that_fails_is_named(tmp_path: Path, attack: str) -> None:
    with pytest.raises(InputError, match=f"small:{attack}"):
        run(tmp_path / "run", attacks=(f"tests.evaluate.small:{attack}",))


def test_fresh_discards_the_earlier_run(tmp_path: Path) -> None:
    run(tmp_path / "run", attacks=("fgsm",))
    summary = run(tmp_path / "run", seed=5, attacks=("noise",), fresh=True)
    assert {row["attack"] for row in summary["attacks"]} == {"noise", "line_search"}


def test_a_run_directory_has_one_writer(whole: Path) -> None:
    with open_store(whole), pytest.raises(InputError, match="in use"):
        run(whole)


def test_a_foreign_directory_or_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("my life's work")
    with pytest.raises(InputError, match="other files"):
        run(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="is a file"):
        run(tmp_path / "thesis.tex")


def test_a_corrupt_ledger_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_bytes(b"nonsense" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        run(tmp_path)


def test_logits_that_are_not_finite_are_refused_with_the_sample(tmp_path: Path) -> None:
    samples, net = some_digits(), classifier().net
    late = samples.x[50].clone()

    class Sometimes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hit = (x == late).flatten(1).all(1)[:, None]
            return torch.where(hit, torch.nan, net(x))

    with pytest.raises(InputError, match=f"not finite, first for sample {samples.ids[50]}"):
        run(tmp_path / "run", model=Classifier(Sometimes(), name="sometimes"))


def test_names_of_classes_must_not_be_in_another_order(tmp_path: Path) -> None:
    samples = some_digits()
    turned = Classifier(classifier().net, name="turned", classes=samples.classes[::-1])
    with pytest.raises(InputError, match="in another order"):
        run(tmp_path / "a", model=turned)
    other = Classifier(classifier().net, name="other", classes=[f"n{i}" for i in range(10)])
    summary = run(tmp_path / "b", model=other, attacks=("fgsm",))
    assert "differently" in summary["notes"][-1]
    names: Any = list(samples.classes or ())
    assert class_notes(classifier(), samples._replace(classes=names)) == []


def test_some_names_in_another_place_are_another_order_too() -> None:
    samples = some_digits()
    names = tuple(samples.classes or ())
    part = Classifier(classifier().net, name="part", classes=(*names[1:], "ten"))
    with pytest.raises(InputError, match="'1' is 0 of the model, and 1 of the data") as caught:
        class_notes(part, samples)
    assert "--class-map" in caught.value.hint


def test_no_samples_and_unknown_attacks(tmp_path: Path) -> None:
    with pytest.raises(EmptyError):
        run(tmp_path / "a", samples=take(some_digits(), []))
    with pytest.raises(UsageError, match="no attack"):
        run(tmp_path / "b", attacks=("pdg",))
    assert not (tmp_path / "b").exists()
