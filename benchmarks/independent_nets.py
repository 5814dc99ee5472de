"""Independently trained nets, with no common images or initialisation, one process each."""

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from advkit.data.samples import Samples, fingerprint, take
from advkit.errors import AdvkitError, InputError, UsageError
from advkit.evaluate.fingerprint import PACKAGES, environment
from advkit.evaluate.workers import one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.recipe import Recipe
from advkit.models.specs import load_model
from advkit.models.train import Step, fit
from advkit.models.training import shuffled
from advkit.spec_text import literal, parse_spec

SPLITS = ("disjoint", "shared")

Progress = Callable[[str, int, int], None]
"""Called with (name of the net, steps done, total steps)."""


class Plan(NamedTuple):
    """One net to train: its name, its training images, its recipe."""

    name: str
    recipe: Recipe
    seen: tuple[int, ...]
    """Indices of the images."""


def plan_nets(
    n: int, architectures: Sequence[str], seeds: int, *, split: str = "disjoint", **recipe: Any
) -> list[Plan]:
    """Return a plan per architecture ('cnn?width=16') and seed, with seeds numbered from 0.

    With ``split`` 'disjoint' the ``n`` images are split at random into ``seeds`` parts, one for the
    nets of each seed; with 'shared' each net uses all. All nets have different initial weights.
    ``recipe`` are fields of `Recipe`. Raises UsageError.
    """
    if split not in SPLITS:
        raise UsageError(f"there is no split {split!r}", " or ".join(SPLITS), code="E205")
    if seeds < 1 or not architectures:
        raise UsageError(f"{len(architectures)} architectures, {seeds} seeds", "1 or more of each")
    if len(set(architectures)) != len(architectures):
        raise UsageError(f"architectures {', '.join(architectures)}", "give each once")
    order = shuffled(n, 0, "parts").tolist()
    parts = [tuple(sorted(order[k::seeds])) for k in range(seeds)]
    return [
        Plan(
            f"{arch} {seed}",
            _recipe(arch, seed, recipe),
            tuple(range(n)) if split == "shared" else parts[seed],
        )
        for arch in architectures
        for seed in range(seeds)
    ]


def _recipe(arch: str, seed: int, fields: dict[str, Any]) -> Recipe:
    spec = parse_spec(arch)
    options = {key: literal(value) for key, value in spec.query.items()}
    own = int.from_bytes(sha256(f"{arch}/{seed}".encode()).digest()[:4], "big") >> 1
    return Recipe(arch=spec.ref, options=options, seed=own, **fields)


def trained(
    plans: Sequence[Plan], samples: Samples, folder: Path, *, jobs: int, progress: Progress
) -> list[Path]:
    """Train the nets that ``folder`` does not contain yet, ``jobs`` at a time; return the files.

    A file name contains the hash of everything that determines the weights: recipe, images,
    versions. An interrupted training resumes from its last checkpoint. Raises the errors of
    `advkit.models.train.fit`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = fingerprint(samples)
    files = [folder / _file_name(plan, data) for plan in plans]
    left = [(plan, file) for plan, file in zip(plans, files, strict=True) if not file.exists()]
    steps = _in_processes(left, samples, data, jobs) if jobs > 1 else _here(left, samples, data)
    for name, done, total in steps:
        progress(f"train {name}", done, total)
    return files


def _here(
    left: Sequence[tuple[Plan, Path]], samples: Samples, data: str
) -> Iterator[tuple[str, int, int]]:
    """Train sequentially in this process; yield (net, steps done, total steps)."""
    with one_thread_each():
        for plan, file in left:
            part = take(samples, plan.seen)
            for step in _fit(plan, part.x.cpu(), part.y.cpu(), part.classes, data, file):
                yield plan.name, step.number, step.total


def _file_name(plan: Plan, data: str) -> str:
    versions = environment(torch.device("cpu"))
    made_of = [plan.recipe._asdict(), plan.seen, data, [versions[name] for name in PACKAGES]]
    tag = sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
    plain = "".join(c if c.isalnum() else "-" for c in plan.name)
    return f"{plain}-{tag}.safetensors"


def _in_processes(
    left: Sequence[tuple[Plan, Path]], samples: Samples, data: str, jobs: int
) -> Iterator[tuple[str, int, int]]:
    """Train in parallel processes; yield their reports (net, steps done, total steps)."""
    context = get_context("spawn")
    news: Any = context.Queue()
    waiting, running = list(left), dict[str, SpawnProcess]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                plan, file = waiting.pop(0)
                part = take(samples, plan.seen)
                work = (plan, part.x.cpu(), part.y.cpu(), part.classes, data, file, news)
                running[plan.name] = context.Process(target=_train, args=work, daemon=True)
                running[plan.name].start()
            name, done, total = _next(news, running)
            if done < 0:
                running.pop(name).join()
            else:
                yield name, done, total
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def _next(news: Any, running: dict[str, SpawnProcess]) -> tuple[str, int, int]:
    """Return the next report; raises the error of a process, or an error if one was killed."""
    from queue import Empty

    while True:
        try:
            report = news.get(timeout=1.0)
        except Empty:
            for name, process in running.items():
                if process.exitcode is not None and news.empty():
                    raise InputError(f"the training of {name} was killed", "run the same again; "
                                     "--jobs 1 needs less memory") from None  # fmt: skip
            continue
        if isinstance(report, Exception):
            raise report
        return report  # type: ignore[no-any-return]


def _train(
    plan: Plan,
    x: Tensor,
    y: Tensor,
    classes: Sequence[str] | None,
    data: str,
    file: Path,
    news: Any,
) -> None:
    """Train one net in this process and report to ``news``; -1 steps mean that it is finished."""
    torch.set_num_threads(1)
    try:
        for step in _fit(plan, x, y, classes, data, file):
            if step.scores or step.number % 20 == 0:
                news.put((plan.name, step.number, step.total))
        news.put((plan.name, -1, -1))
    except AdvkitError as error:
        news.put(error)
    except Exception as error:
        news.put(RuntimeError(f"{type(error).__name__}: {error}"))


def _fit(
    plan: Plan, x: Tensor, y: Tensor, classes: Sequence[str] | None, data: str, file: Path
) -> Iterator[Step]:
    about = {"sha256": data, "images": len(x), "part": plan.name}
    return fit(x, y, file, plan.recipe, classes=classes, data=about, save_every=5.0)


def loaded(plans: Sequence[Plan], files: Sequence[Path], device: torch.device) -> list[Classifier]:
    """Return the classifiers, with the names of their plans."""
    nets = []
    for plan, file in zip(plans, files, strict=True):
        net = load_model(str(file)).to(device)
        net.name = plan.name
        nets.append(net)
    return nets
