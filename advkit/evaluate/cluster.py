"""Units on a Ray cluster: actors load model and data themselves and return rows.

Ray (Moritz et al. 2018) places one actor per job, on a GPU if the run uses one. An actor lost with
its process or machine is restarted elsewhere and its unit repeated. Rows go to the one process that
writes the ledger; if that process is lost, the run resumes from the ledger.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from advkit.errors import InputError, UsageError
from advkit.evaluate.actors import Actors
from advkit.evaluate.supervisor import Crew
from advkit.evaluate.units import Pool


@contextmanager
def clustered(crew: Crew, knows: frozenset[str]) -> Iterator[Pool]:
    """Yield a pool of ``crew.jobs`` actors on the cluster at ``crew.ray``.

    Raises UsageError if Ray is not installed, InputError if no cluster answers.
    """
    ray = _ray()
    mine = _connect(ray, str(crew.ray))
    kind = "GPU" if str(crew.recipe["load"]["device"]).startswith("cuda") else "CPU"
    jobs = crew.jobs or max(int(ray.cluster_resources().get(kind, 1)), 1)
    actors = Actors(ray, crew, jobs)
    try:
        yield Pool(actors.run, lambda label: label in knows, jobs)
    finally:
        actors.end()
        if mine:
            ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray", "pip install 'advkit[ray]'") from error
    return ray


def _connect(ray: Any, address: str) -> bool:
    """Connect to a cluster; return whether this process must disconnect."""
    if ray.is_initialized():
        return False
    _knock(address)
    paths = os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path)
    variables = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        ray.init(
            address=address, log_to_driver=False, logging_level="error",
            runtime_env={"env_vars": variables},
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _nobody(address, error) from error
    return True


def _knock(address: str) -> None:
    """Raise InputError if nothing listens at host:port: Ray would try for a minute."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, error) from error


def _nobody(address: str, error: Exception) -> InputError:
    return InputError(
        f"no Ray cluster answers at {address}: {error}", "start one: ray start --head"
    )
