"""Data of the examples in a report: predictions for both images and those between."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import advkit.reports
from advkit.evaluate.finished_audit import read_run
from advkit.evaluate.report_examples import ENDS, EXHIBITS, WAY
from advkit.evaluate.store import open_store
from advkit.pages.audits import page_of
from tests.evaluate.small import classifier, run, some_digits, table


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exhibits") / "run"
    run(folder)
    return folder


def cards(out: Path) -> tuple[list[dict], np.ndarray, np.ndarray]:
    with np.load(out / "cards.npz", allow_pickle=False) as saved:
        return json.loads((out / "cards.json").read_text()), saved["clean"], saved["adversarial"]


def test_every_exhibit_is_a_row_of_the_ledger(out: Path) -> None:
    told, clean, adversarial = cards(out)
    rows = table(out).set_index(["id", "attack", "eps"])
    samples = some_digits()
    assert 0 < len(told) == len(clean) == len(adversarial) <= EXHIBITS + 2 * ENDS
    assert {one["why"] for one in told} == {"", "easiest", "hardest"}
    for one, before, after in zip(told, clean, adversarial, strict=True):
        row = rows.loc[(one["sample"], one["attack"], one["eps"])]
        assert row["fooled"]
        assert row["valid"]
        assert one["size"] == row["Linf"]
        assert np.abs(after - before).max() == pytest.approx(row["Linf"], abs=1e-6)
        assert (before == samples.x[samples.ids.index(one["sample"])].numpy()).all()
        assert one["after"][0]["class"] == row["prediction"]
        assert one["after"][0]["probability"] == pytest.approx(row["confidence"], abs=1e-5)


def test_maps_are_the_gradients_of_the_label_at_both_ends(out: Path) -> None:
    told, clean, adversarial = cards(out)
    y = torch.tensor([one["label"] for one in told])
    with np.load(out / "cards.npz", allow_pickle=False) as saved:
        maps, alike = (saved["map_clean"], saved["map_adversarial"]), saved["likeness"]
    for x, found in zip((clean, adversarial), maps, strict=True):
        x = torch.from_numpy(x).requires_grad_(True)
        classifier()(x).gather(1, y[:, None]).sum().backward()
        assert np.allclose(found, x.grad.abs().amax(1).numpy(), atol=1e-6)
    assert found.any()
    for a, b, value in zip(*maps, alike, strict=True):
        assert value == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-9)
    assert page_of(out).count("map before") > 2


def test_margins_go_from_right_to_fooled_by_a_plain_second_look(out: Path) -> None:
    told, clean, adversarial = cards(out)
    model = classifier()
    for one, before, after in zip(told, clean, adversarial, strict=True):
        assert len(one["margins"]) == WAY
        assert one["margins"][0] < 0 < one["margins"][-1]
        middle = torch.from_numpy((before + after) / 2)[None]
        logits = model(middle)[0]
        others = [value for i, value in enumerate(logits.tolist()) if i != one["label"]]
        expected = max(others) - float(logits[one["label"]])
        assert one["margins"][WAY // 2] == pytest.approx(expected, abs=1e-3)


def test_classes_take_turns(out: Path) -> None:
    labels = [one["label"] for one in cards(out)[0]]
    assert len(set(labels[:8])) == 8


def test_a_page_needs_neither_model_nor_data_nor_ledger(out: Path, tmp_path: Path) -> None:
    for name in ("run.json", "cards.json", "cards.npz"):
        (tmp_path / name).write_bytes((out / name).read_bytes())
    assert page_of(tmp_path) == page_of(out)
    assert page_of(out).count('class="card"') == len(cards(out)[0])


def test_no_exhibits_for_what_is_no_picture(tmp_path: Path) -> None:
    samples = some_digits()
    flat = samples._replace(x=samples.x.flatten(1))
    run(tmp_path / "run", samples=flat)
    assert not (tmp_path / "run" / "cards.json").exists()
    assert 'id="gallery"' not in page_of(tmp_path / "run")


def test_the_summary_keeps_its_published_schema(out: Path) -> None:
    schema_file = Path(advkit.reports.__file__).parent / "schema" / "audit-1.json"
    schema = json.loads(schema_file.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    summary = read_run(out)
    judge.validate(summary)
    assert set(summary) == set(schema["properties"])
    broken = {**summary, "clean": {**summary["clean"], "value": 1.2}}
    assert not judge.is_valid(broken)
    assert not judge.is_valid({k: v for k, v in summary.items() if k != "robust"})


def test_a_resumed_run_keeps_figures_beside_it(out: Path) -> None:
    (out / "figures").mkdir()
    with open_store(out) as store:
        assert len(store.frame("samples")) == 90
