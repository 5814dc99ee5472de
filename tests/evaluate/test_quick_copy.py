"""Audits with a folded copy, or in bfloat16: the original model decides the results."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from advkit.errors import InputError
from advkit.evaluate.measure import measure
from advkit.evaluate.store import open_store
from advkit.models.classifier import Classifier
from advkit.models.nets import build
from tests.evaluate.small import run, some_digits, table

HABITS = [{}, {"fold": False}, {"bfloat16": True}]


@cache
def resnet() -> Classifier:
    """A residual net for the digits, with batch norms, trained for a second."""
    samples = some_digits(300)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build("resnet", shape=(1, 8, 8), n_classes=10, width=4).train()
        optimiser = torch.optim.Adam(net.parameters(), 0.02)
        for _ in range(25):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(samples.x), samples.y).backward()
            optimiser.step()
    return Classifier(net, name="resnet")


def audited(out: Path, **changes: object) -> dict:
    attacks = ("fgsm", "pgd:steps=5", "ddn:steps=10")
    given = {"model": resnet(), "samples": some_digits(45), "norm": "L2", "eps": (0.3, 0.8)}
    return run(out, attacks=attacks, **given, **changes)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("habit") / "run" for _ in HABITS]
    for folder, habits in zip(folders, HABITS, strict=True):
        audited(folder, **habits)
    return folders


def test_every_example_fools_the_model_itself(runs: list[Path]) -> None:
    samples = some_digits(45)
    for folder in runs:
        rows = table(folder).query("fooled").reset_index(drop=True)
        assert len(rows) > 50
        stored = saved(folder)
        place = {name: i for i, name in enumerate(samples.ids)}
        at = [place[name] for name in stored["id"]]
        again = measure(resnet(), samples.x[at], samples.y[at], stored["x"], norm="L2", eps=np.inf)
        assert again["fooled"].all()


def saved(folder: Path) -> dict:
    """Return the ids and the saved pixels of all examples of a run."""
    with open_store(folder) as store:
        rows = store.frame("results").query("fooled")
        parts = [
            (part["id"].tolist(), store.examples(str(shard), part["row"].to_numpy()))
            for shard, part in rows.groupby("shard")
        ]
    ids = [name for names, _ in parts for name in names]
    return {"id": ids, "x": torch.from_numpy(np.concatenate([x for _, x in parts]))}


def test_verdicts_hardly_move(runs: list[Path]) -> None:
    counts = [table(folder).query("fooled").groupby("eps")["id"].nunique() for folder in runs]
    for other in counts[1:]:
        assert (other - counts[0]).abs().max() <= 2


@pytest.mark.parametrize("habits", [{}, {"bfloat16": True}])
def test_rows_do_not_depend_on_batch_size_or_jobs(
    runs: list[Path], tmp_path: Path, habits: dict
) -> None:
    audited(tmp_path / "run", batch_size=7, jobs=2, **habits)
    order = ["eps", "attack", "id"]
    ours, theirs = (
        table(folder).sort_values(order, ignore_index=True)
        for folder in (tmp_path / "run", runs[HABITS.index(habits)])
    )
    assert ours.equals(theirs)


def test_passes_of_the_copy_are_counted(runs: list[Path]) -> None:
    fgsm = [table(folder, "costs").query("attack == 'fgsm'") for folder in runs]
    with_copy, without = (cost["backwards"].sum() for cost in fgsm[:2])
    assert with_copy >= without > 0


def test_a_run_goes_on_with_the_same_habits_only(runs: list[Path]) -> None:
    with pytest.raises(InputError, match="folded"):
        audited(runs[0], fold=False)
