"""Where the units of a run are done: in this process, in other processes, or on a cluster."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from advkit.data.samples import Samples
from advkit.errors import UsageError
from advkit.evaluate.attempts import LINE_SEARCH
from advkit.evaluate.supervisor import Crew, supervised
from advkit.evaluate.unit_runner import same_as
from advkit.evaluate.units import Pool
from advkit.models.classifier import Classifier
from advkit.models.load_policy import allows_unsafe_loads


@contextmanager
def pooled(
    crew: Crew | None,
    model: Classifier,
    samples: Samples,
    labels: Sequence[str],
    *,
    norm: str,
    seed: int,
    fold: bool = False,
    targets: Tensor | None = None,
    keep_all: bool = False,
) -> Iterator[Pool | None]:
    """Yield the pool of ``crew``, None for this process alone.

    It supports the attacks ``labels`` and the line search. The keyword arguments are those of
    `unit_runner.bench`.
    """
    if crew is None:
        yield None
        return
    about = {"same": same_as(model, samples), "norm": norm, "seed": seed, "fold": fold,
             "targets": None if targets is None else targets.tolist(),
             "keep_all": keep_all}  # fmt: skip
    whole, knows = crew._replace(recipe={**crew.recipe, **about}), frozenset((*labels, LINE_SEARCH))
    if crew.ray is None:
        with supervised(whole, knows) as pool:
            yield pool
        return
    from advkit.evaluate.cluster import clustered

    with clustered(whole, knows) as pool:
        yield pool


def check_crew(
    load: Mapping[str, Any], jobs: int | None, seconds: float | None, ray: str | None
) -> None:
    """Raise UsageError if workers are needed, but ``load`` has no spec of model or data.

    Also for far more processes than cores.
    """
    if not _named(load) and (ray or seconds):
        raise UsageError("workers load the model and the data themselves", "give both as specs")
    if _named(load) and not ray and (jobs or 1) > 4 * (os.cpu_count() or 1):
        raise UsageError(
            f"--jobs {jobs}: that is more than 4 for each core here", "give fewer", code="E203"
        )


def crew_of(
    model: Classifier,
    build: str,
    recipe: dict[str, Any],
    device: torch.device,
    jobs: int | None,
    seconds: float | None,
    ray: str | None,
) -> Crew | None:
    """Return the crew that does units in other processes; None if this one does them itself.

    ``recipe["load"]`` has the specs by which workers load model and data onto the same kind of
    ``device``, with the same permissions as this run. The rest was checked by `check_crew`. A black
    box stays in one process, so that its queries are counted once.
    """
    load = recipe["load"]
    if model.black_box or not _named(load) or not (ray or seconds or (jobs or 1) > 1):
        return None
    load = {**load, "device": device.type if ray else str(device)}
    whole = {**recipe, "load": load, "unsafe": allows_unsafe_loads()}
    alone = 1 if device.type != "cpu" and not ray else None
    return Crew(build, whole, jobs or alone, seconds, ray)


def _named(load: Mapping[str, Any]) -> bool:
    return isinstance(load["model"], str) and isinstance(load["data"], str | None)
