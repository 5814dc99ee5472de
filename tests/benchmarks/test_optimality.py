"""The minimum-norm benchmark: local optimality compared with areas, and its runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from advkit.attacks import ATTACKS
from advkit.attacks.options import parse
from advkit.benchmarks import minimum_norm
from advkit.benchmarks.minimum_norm import Run, optimality, portfolios, run_attack, table
from advkit.data import load_data
from advkit.models import load_model

BEST = np.array([0.0, 1.0, 2.0, 4.0])
INF = np.inf


def over_the_curve(distances: np.ndarray, reach: float, n: int = 400_000) -> float:
    """Return the area under robust accuracy up to ``reach``, by a fine sum of its steps."""
    eps = (np.arange(n) + 0.5) * reach / n
    return float(sum((d > eps).mean() for d in distances) / len(distances) * reach)


def test_the_best_gets_one_and_who_does_nothing_gets_nothing() -> None:
    assert optimality(BEST, BEST) == 1
    assert optimality(np.array([0.0, INF, INF, INF]), BEST) == 0


def test_it_is_the_area_between_step_functions() -> None:
    found = np.array([0.0, 1.5, INF, 4.0])
    area, least = over_the_curve(found, 4.0), over_the_curve(BEST, 4.0)
    expected = 1 - (area - least) / (0.75 * 4.0 - least)
    assert optimality(found, BEST) == pytest.approx(expected, abs=1e-4)


def test_nothing_to_compare_is_said() -> None:
    for nothing in (np.zeros(3), np.full(3, INF)):
        with pytest.raises(ValueError, match="nothing to compare"):
            optimality(nothing, nothing)


def test_tables_and_portfolios() -> None:
    one = Run("one", np.array([0.0, 1.0, INF, 4.0]), 900.0, 1.0)
    other = Run("other", np.array([0.0, INF, 2.0, 5.0]), 600.0, 1.0)
    dear = Run("dear", BEST, 2000.0, 1.0)
    rows = table([one, other, dear])
    assert rows["attack"].iloc[0] == "dear"
    assert rows.set_index("attack").loc["one", "success"] == pytest.approx(2 / 3)
    pairs = portfolios([one, other, dear])
    assert list(pairs["attacks"]) == ["one and other"]
    assert pairs["optimality"].iloc[0] == 1


def test_a_run_judges_counts_and_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=20)
    run = run_attack(parse("ddn:steps=5", ATTACKS), model, data, "L2")
    right = (model(data.x).argmax(1) == data.y).numpy()
    assert ((run.distances > 0) == right).all()
    assert run.passes == 11
    out = tmp_path / "l2.json"
    asked = ["--model", "bundled:digits-cnn", "--data", "bundled:digits", "--norm", "L2"]
    asked += ["--limit", "20", "--attack", "ddn:steps=5", "--attack", "race:steps=9"]
    minimum_norm.main([*asked, "--out", str(out)])
    assert "ddn:steps=5 and race:steps=9" in capsys.readouterr().out
    saved = json.loads(out.read_text())["runs"]
    assert saved[0]["distances"] == run.distances.tolist()
    monkeypatch.setattr(minimum_norm, "run_attack", lambda *_: pytest.fail("ran again"))
    minimum_norm.main([*asked, "--out", str(out)])
