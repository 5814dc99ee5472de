"""The breakdown agrees with the table of samples and with the reported shares."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advkit.evaluate.intervals import band, needed, wilson
from tests.evaluate.small import EPS, run, table


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame, Path]:
    out = tmp_path_factory.mktemp("breakdown") / "run"
    summary = run(out, attacks=(), suite="quick")
    return summary, pd.read_csv(out / "samples.csv"), out


def test_classes_add_up_to_the_whole(done: tuple[dict[str, Any], pd.DataFrame, Path]) -> None:
    summary, samples, _ = done
    assert sum(row["clean"]["n"] for row in summary["by_class"]) == len(samples)
    for i, at in enumerate(summary["robust"]):
        assert sum(row["robust"][i]["count"] for row in summary["by_class"]) == at["count"]
    for row in summary["by_class"]:
        mine = samples[samples["label"] == row["class"]]
        assert row["robust"][1]["count"] == (mine["distance"] > EPS[1]).sum()


def test_every_lost_image_is_mistaken_for_something(
    done: tuple[dict[str, Any], pd.DataFrame, Path],
) -> None:
    summary, _, out = done
    lost = summary["clean"]["count"] - summary["robust"][-1]["count"]
    assert sum(row["images"] for row in summary["confusion"]) == lost > 20
    assert all(row["label"] != row["read_as"] for row in summary["confusion"])
    rows = table(out)
    pairs = set(zip(rows["label"], rows["prediction"], strict=True))
    assert {(row["label"], row["read_as"]) for row in summary["confusion"]} <= pairs


def test_distances_and_the_images_at_both_ends(
    done: tuple[dict[str, Any], pd.DataFrame, Path],
) -> None:
    summary, samples, _ = done
    right = samples[samples["right"]]
    at = summary["distances"]
    assert sum(at["counts"]) + at["beyond"] == len(right)
    assert at["high"] == at["edges"][-1] >= max(EPS)
    for eps in EPS:  # the bars left of an eps are the images that fall there
        left = sum(n for n, edge in zip(at["counts"], at["edges"][1:], strict=True) if edge <= eps)
        assert left == (right["distance"] <= eps).sum()
        assert eps in at["edges"]
    assert [one["distance"] for one in summary["easiest"]] == pytest.approx(
        sorted(right["distance"])[:6])  # fmt: skip
    assert summary["hardest"][0]["distance"] == pytest.approx(right["distance"].max())


def test_a_band_holds_for_the_whole_curve_in_at_least_95_of_100_samples() -> None:
    rng, n, off = np.random.default_rng(0), 60, []
    for _ in range(400):
        drawn = np.sort(rng.random(n))
        above, below = np.arange(1, n + 1) / n - drawn, drawn - np.arange(n) / n
        off.append(max(above.max(), below.max()))
    assert np.mean(np.array(off) <= band(n)) >= 0.95
    assert np.mean(np.array(off) <= 0.7 * band(n)) < 0.95


@pytest.mark.parametrize("value", [0.0, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("half", [0.02, 0.05])
def test_so_many_samples_make_the_interval_as_narrow_as_wanted(value: float, half: float) -> None:
    n = needed(value, half)

    def width(n: int) -> float:
        share = wilson(round(value * n), n)
        return share["high"] - share["low"]

    assert width(n) <= 2 * half
    assert width(round(0.9 * n) - 2) > 2 * half
