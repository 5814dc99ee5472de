"""Closing attacks start from the nearest known example, in any process."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from advkit.attacks.race_of_targets import race
from advkit.data.samples import take
from advkit.evaluate.store import open_store
from advkit.evaluate.suites import NEAR_BY_25, SUITES
from advkit.evaluate.supervisor import Crew
from tests.evaluate.small import RECIPE, classifier, run, some_digits, table

LIMIT = 40
GIVEN = {"attacks": None, "suite": "quick", "norm": "L2", "eps": (0.3, 0.7, 1.2), "bounds": "off",
         "samples": some_digits(LIMIT)}  # fmt: skip
FIRST, CLOSER, STEPS = "race:steps=4", "race:steps=90", 90


@pytest.fixture(scope="module", autouse=True)
def _a_short_first_race() -> Iterator[None]:
    """So that the closers have something left to find."""
    suite = SUITES["quick"]["L2"]._replace(nearest=(FIRST,), closers=(CLOSER,), near=NEAR_BY_25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SUITES["quick"], "L2", suite)
        yield


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, _a_short_first_race: None) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    run(out, **GIVEN)
    return out


def test_a_closer_begins_at_the_nearest_example_and_finds_what_the_attack_finds_there(
    alone: Path,
) -> None:
    samples = some_digits(LIMIT)
    at = {name: i for i, name in enumerate(samples.ids)}
    with open_store(alone) as store:
        rows = store.frame("results").set_index("id")
        first, closer = (rows[rows["attack"] == label] for label in (FIRST, CLOSER))
        last = closer[closer["eps"] == 1.2]  # nothing but the first had found anything before
        assert last["fooled"].any()
        for name, row in last.iterrows():
            begun = store.example(first.loc[name, "shard"], first.loc[name, "row"])
            one = take(samples, [at[name]])
            x_adv = race(classifier(), one.x, one.y, eps=1.2, norm="L2", steps=STEPS, ids=[name],
                         starting_points=torch.from_numpy(begun)[None])  # fmt: skip
            assert bool((x_adv != one.x).any()) is bool(row["fooled"])
            if row["fooled"]:
                saved = store.example(row["shard"], row["row"])
                np.testing.assert_allclose(x_adv[0].numpy(), saved, atol=1e-5)


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_and_processes_change_no_row(alone: Path, tmp_path: Path, processes: int) -> None:
    crew = Crew("tests.evaluate.small:worker", {**RECIPE, "limit": LIMIT}, 2) if processes else None
    run(tmp_path / "run", **GIVEN, batch_size=5, **({"crew": crew} if crew else {}))
    order = ["eps", "attack", "id"]
    several, one = (
        table(out).sort_values(order, ignore_index=True) for out in (tmp_path / "run", alone)
    )
    assert (several["attack"] == CLOSER).any()
    pd.testing.assert_frame_equal(several, one, check_exact=True)
