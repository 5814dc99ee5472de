"""A local Ray cluster of two machines: a killed worker, a lost machine, and the same rows."""

import os
from pathlib import Path

import pandas as pd
import pytest

from advkit.errors import InputError
from advkit.evaluate.supervisor import Crew
from tests.evaluate.small import RECIPE, run, table

pytest.importorskip("ray", reason="Ray is not installed")

SETTINGS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 10_000,
    "health_check_failure_threshold": 3,
    "worker_niceness": 0,
}
"""A machine that is gone refuses the check and is missed within two seconds; one that is slow, on a
busy computer, is not. There workers, nice to others by default, would not start in minutes."""


@pytest.fixture(scope="module")
def machines():
    import ray
    from ray.cluster_utils import Cluster

    about = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    head = {**about, "include_dashboard": False, "_system_config": SETTINGS}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(**about)
    os.environ["RAY_ADDRESS"] = cluster.address
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()
    del os.environ["RAY_ADDRESS"]


def test_a_killed_worker_and_a_lost_machine_change_no_row(machines, tmp_path: Path) -> None:
    cluster, second = machines
    seen = []

    def trouble(what: str, done: int, total: int) -> None:
        seen.append((what, done))
        if len(seen) == 12:
            cluster.remove_node(second, allow_graceful=False)

    recipe = {**RECIPE, "killed_at": str(tmp_path / "killed")}
    crew = Crew("tests.evaluate.small:worker", recipe, 2, ray=cluster.address)
    slow = {"attacks": ("fgsm", "pgd:steps=20"), "batch_size": 6}
    run(tmp_path / "cluster", crew=crew, progress=trouble, **slow)
    assert (tmp_path / "killed").exists(), "no worker was killed"
    assert len(seen) > 20, "the machine was gone too late"
    run(tmp_path / "alone", **slow)
    order = ["eps", "attack", "id"]
    a, b = (table(tmp_path / name).sort_values(order, ignore_index=True)
            for name in ("cluster", "alone"))  # fmt: skip
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_where_no_cluster_answers_it_is_told_at_once(tmp_path: Path) -> None:
    crew = Crew("tests.evaluate.small:worker", RECIPE, 1, ray="127.0.0.1:1")
    with pytest.raises(InputError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        run(tmp_path / "run", crew=crew)
