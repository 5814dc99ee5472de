"""Worker actors on a Ray cluster: started, given units, replaced when lost."""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from time import monotonic
from typing import Any, NamedTuple

from advkit.errors import InputError, ResourceError
from advkit.evaluate.messages import receive_outcomes, receive_unit, send_outcomes, send_unit
from advkit.evaluate.supervisor import ATTEMPTS, Crew
from advkit.evaluate.units import Failed, Outcome, Unit
from advkit.evaluate.worker import begin

PATIENCE = 120.0
"""Seconds without a running unit after which the cluster counts as full."""


class Actor:
    """The remote side: one worker that receives and returns units as bytes."""

    def __init__(self, build: str, recipe: dict[str, Any]) -> None:
        self._why: InputError | None = None
        try:
            self._do = begin({"build": build, "recipe": recipe})
        except InputError as error:
            self._why = error

    def refused(self) -> tuple[str, str] | None:
        """Return message and hint of the error that stopped the worker from starting, or None."""
        return (str(self._why), self._why.hint) if self._why else None

    def do(self, unit: bytes) -> bytes:
        """Return the outcomes of a unit."""
        out = io.BytesIO()
        send_outcomes(out, self._do(receive_unit(io.BytesIO(unit))))
        return out.getvalue()


class Task(NamedTuple):
    """A unit assigned to an actor: the number of the attempt, and the deadline."""

    actor: Any
    unit: Unit
    attempt: int
    until: float


class Actors:
    """The actors of one run, started with its first unit.

    A lost actor is replaced; any free actor takes over its unit.
    """

    def __init__(self, ray: Any, crew: Crew, jobs: int) -> None:
        self._ray, self._crew, self._jobs = ray, crew, jobs
        gpus = int(str(crew.recipe["load"]["device"]).startswith("cuda"))
        self._kind = ray.remote(num_cpus=1, num_gpus=gpus)(Actor)
        self._free: list[Any] = []
        self._coming: dict[Any, Any] = {}
        self._running: dict[Any, Task] = {}
        self._again: deque[tuple[Unit, int]] = deque()
        self._lost = 0

    def run(self, units: Iterable[Unit]) -> Iterator[list[Outcome]]:
        """Yield the outcomes of each unit as it finishes."""
        left = ((unit, 1) for unit in units)
        self._again.extend(islice(left, 1))
        while self._again or self._running:
            self._hire()
            while self._free and (todo := self._next(left)):
                self._ask(self._free.pop(), *todo)
            yield from self._heard()
            if not self._again:
                self._again.extend(islice(left, 1))

    def end(self) -> None:
        """Kill all actors."""
        for actor in [
            *self._free,
            *self._coming.values(),
            *(t.actor for t in self._running.values()),
        ]:
            self._ray.kill(actor)

    def _next(self, left: Iterator[tuple[Unit, int]]) -> tuple[Unit, int] | None:
        return self._again.popleft() if self._again else next(left, None)

    def _hire(self) -> None:
        for _ in range(self._jobs - len(self._free) - len(self._coming) - len(self._running)):
            actor = self._kind.remote(self._crew.build, dict(self._crew.recipe))
            self._coming[actor.refused.remote()] = actor

    def _ask(self, actor: Any, unit: Unit, attempt: int) -> None:
        out = io.BytesIO()
        send_unit(out, unit)
        until = monotonic() + (self._crew.seconds or inf)
        self._running[actor.do.remote(out.getvalue())] = Task(actor, unit, attempt, until)

    def _heard(self) -> list[list[Outcome]]:
        """Wait for the next result or timeout; return the outcomes of the finished units."""
        ends = min((task.until for task in self._running.values()), default=inf)
        patience = PATIENCE if not self._running else max(ends - monotonic(), 0)
        said, _ = self._ray.wait([*self._coming, *self._running],
                                 timeout=None if patience == inf else patience)  # fmt: skip
        if not said and not self._running:
            raise ResourceError(f"the cluster had no room for a worker in {PATIENCE:.0f} seconds")
        slow = [ref for ref, task in self._running.items() if task.until <= monotonic()]
        for reference in said:
            if reference in self._coming:
                self._arrived(reference)
        done = [self._done(ref) for ref in said if ref in self._running]
        late = [self._late(ref) for ref in slow if ref in self._running]
        return [one for one in (*done, *late) if one]

    def _arrived(self, reference: Any) -> None:
        actor = self._coming.pop(reference)
        try:
            refused = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._lost += 1
            if self._lost > ATTEMPTS * self._jobs:
                raise ResourceError(f"workers of the cluster did not start: {error}") from error
            return
        if refused:
            raise InputError(*refused)
        self._free.append(actor)

    def _done(self, reference: Any) -> list[Outcome]:
        task = self._running.pop(reference)
        try:
            found = receive_outcomes(io.BytesIO(self._ray.get(reference)))
        except self._ray.exceptions.RayError as error:
            return self._given_up(task, f"its worker was lost ({type(error).__name__})")
        self._free.append(task.actor)
        return found

    def _late(self, reference: Any) -> list[Outcome]:
        task = self._running.pop(reference)
        self._ray.kill(task.actor)
        return self._given_up(task, f"it took more than {self._crew.seconds:g} seconds")

    def _given_up(self, task: Task, why: str) -> list[Outcome]:
        if task.attempt == ATTEMPTS:
            return [Failed(task.unit, why, task.attempt)]
        self._again.append((task.unit, task.attempt + 1))
        return []
