"""Comparison of two audits: the flips, the test, and what is not compared."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from torch import nn

from advkit.errors import InputError
from advkit.evaluate.finished_audit import read_run, read_samples
from advkit.evaluate.intervals import mcnemar
from advkit.evaluate.paired import flips, pair
from advkit.models.classifier import Classifier
from advkit.pages.comparisons import comparison_of, summary_of
from tests.evaluate.small import digits_net, run, some_digits


@pytest.mark.parametrize(("more", "less"), [(0, 0), (1, 0), (5, 5), (30, 11), (3, 40), (900, 1000)])
def test_mcnemar_is_the_exact_binomial_test(more: int, less: int) -> None:
    expected = binomtest(more, more + less).pvalue if more + less else 1.0
    assert mcnemar(more, less) == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The digits net, and the same net with its logits behind a blur of the image."""
    folder = tmp_path_factory.mktemp("two")
    run(folder / "a")
    smooth = nn.Sequential(nn.AvgPool2d(3, 1, 1), digits_net())
    run(folder / "b", model=Classifier(smooth, name="smooth"))
    return folder / "a", folder / "b"


def test_the_table_of_samples_agrees_with_the_summary(two: tuple[Path, Path]) -> None:
    for folder in two:
        summary, samples = read_run(folder), read_samples(folder)
        assert len(samples) == summary["clean"]["n"]
        assert samples["right"].sum() == summary["clean"]["count"]
        assert (samples["distance"][~samples["right"]] == 0).all()
        for at in summary["robust"]:
            assert (samples["distance"] > at["eps"]).sum() == at["count"]


def test_flips_add_up_and_agree_with_both_audits(two: tuple[Path, Path]) -> None:
    pairing = pair(*two)
    assert len(pairing.eps) == 3
    for eps in pairing.eps:
        found = flips(pairing, eps)
        assert found.both + found.only_a + found.only_b + found.neither == 90
        for side, folder, only in zip("ab", two, (found.only_a, found.only_b), strict=True):
            at = next(row for row in read_run(folder)["robust"] if row["eps"] == eps)
            assert getattr(found, side)["count"] == at["count"] == found.both + only
        assert found.p == mcnemar(found.only_a, found.only_b)


def test_the_verdict_names_the_better_and_calls_chance_chance(two: tuple[Path, Path]) -> None:
    both = comparison_of(*two)
    last = both.splits[-1]
    assert f"{last.a.value:.1%}" in both.verdict
    assert ("can be chance" in both.verdict) == (last.p >= 0.05 and last.only_a != last.only_b)
    same = comparison_of(two[0], two[0])
    assert "exactly the same images" in same.verdict
    assert same.a.name != same.b.name or "(a)" in same.a.name
    told = summary_of(both)
    assert json.loads(json.dumps(told))["eps"][-1]["only_a"] == last.only_a


def test_other_images_or_eps_are_refused_and_forced_to_what_is_shared(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    run(tmp_path / "fewer", samples=some_digits(40))
    run(tmp_path / "eps", eps=(0.1,))
    with pytest.raises(InputError, match="images differ") as refused:
        pair(two[0], tmp_path / "fewer")
    assert "--force" in refused.value.hint
    forced = pair(two[0], tmp_path / "fewer", force=True)
    assert 0 < len(forced.samples) <= 40
    assert "images differ" in forced.notes[0]
    with pytest.raises(InputError, match="eps differ"):
        pair(two[0], tmp_path / "eps")
    assert pair(two[0], tmp_path / "eps", force=True).eps == [0.1]


def test_another_norm_is_refused_even_by_force(two: tuple[Path, Path], tmp_path: Path) -> None:
    run(tmp_path / "l2", norm="L2", eps=(0.5,), attacks=("fgsm",))
    with pytest.raises(InputError, match=r"Linf, .* in L2"):
        pair(two[0], tmp_path / "l2", force=True)


def test_what_is_no_finished_audit_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run directory"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"command": "advkit audit"}))
    with pytest.raises(InputError, match="has not ended") as raised:
        read_run(tmp_path)
    assert "advkit audit" in raised.value.hint
    (tmp_path / "run.json").write_text(json.dumps({"command": "", "made_of": {}}))
    with pytest.raises(InputError, match="has not ended") as raised:  # begun in Python
        read_run(tmp_path)
    assert f"the same call in Python, with out='{tmp_path}'" in raised.value.hint
    (tmp_path / "run.json").write_text(json.dumps({"schema": "advkit/attack/1"}))
    with pytest.raises(InputError, match="is a run of advkit attack, not of advkit audit"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="missing or damaged"):
        read_samples(tmp_path)


def test_ids_that_look_like_numbers_or_nothing_stay_words(tmp_path: Path) -> None:
    rows = pd.DataFrame({"id": ["007", "NA", ""], "label": 1, "prediction": 1, "right": True,
                         "distance": [0.1, np.inf, 1 / 3]})  # fmt: skip
    rows.to_csv(tmp_path / "samples.csv", index=False)
    read = read_samples(tmp_path)
    assert read["id"].tolist() == ["007", "NA", ""]
    assert read["distance"].tolist() == [0.1, np.inf, 1 / 3]
