"""Time and memory of a pass, the largest batch, and the cost of audits."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from advkit.data.samples import Samples
from advkit.engine import evaluate
from advkit.engine.gradient import CHUNK
from advkit.engine.objectives import margin
from advkit.evaluate.black_box_run import suite_for
from advkit.evaluate.budget import budget, check_passes, forecast, seconds_of, speed
from advkit.evaluate.suite import plan_of
from advkit.evaluate.suites import SUITES
from advkit.evaluate.workers import default_batch, default_jobs
from advkit.inspection.findings import Finding, finding
from advkit.inspection.machine import free_memory, shown_bytes
from advkit.inspection.memory_use import bytes_per_image
from advkit.models.black_box import pace_of
from advkit.models.classifier import Classifier

TIMES = 3
ROOM = 0.5
"""Share of the free memory that a batch may take; the rest is for copies and other processes."""


def cost(model: Classifier, x: Tensor, y: Tensor) -> dict[str, Any]:
    """Return seconds per image forward and backward, its bytes, and the largest batch.

    Times are medians of three passes of at most 64 images on one thread, as audits make them.
    """
    few, labels = x[:CHUNK], y[:CHUNK]
    forward = _seconds(lambda: evaluate(margin(model, labels), few, gradient=False))
    forward = max(forward, pace_of(model) * len(few))  # cached answers return at once
    both = _seconds(lambda: evaluate(margin(model, labels), few))
    each, free = bytes_per_image(model, x, y), free_memory(x.device)
    jobs, usual = default_jobs(x.device), default_batch(x[0].numel())
    return {
        "images": len(few), "forward_seconds": forward / len(few),
        "backward_seconds": max(both - forward, 0.0) / len(few),
        "bytes_per_image": each, "free_bytes": free,
        "largest_batch": None if free is None or not each else int(ROOM * free / each),
        "default_batch": usual, "jobs": jobs,
        "audit_bytes": each * jobs * (CHUNK if x.device.type == "cpu" else usual),
    }  # fmt: skip


def _seconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def fits(numbers: dict[str, Any]) -> Finding:
    """Check that an audit with the default batches and jobs fits into memory."""
    if numbers["largest_batch"] is None:
        return Finding("memory", "not applicable", "the system does not say what memory is free")
    most, jobs = numbers["largest_batch"], numbers["jobs"]
    return finding(
        "memory", numbers["audit_bytes"] > ROOM * numbers["free_bytes"],
        f"a pass takes {shown_bytes(numbers['bytes_per_image'])} an image, "
        f"{shown_bytes(numbers['free_bytes'])} are free: at most {most:,} images in one pass; an "
        f"audit holds about {shown_bytes(numbers['audit_bytes'])}",
        f"An audit would not fit into half of what is free: --jobs 1 "
        f"--batch-size {max(min(most // 2, 256), 1)}" + " (not with " + str(jobs) + " jobs).",
    )  # fmt: skip


def audits(
    model: Classifier, samples: Samples, images: int, eps: tuple[float, ...]
) -> list[dict[str, Any]]:
    """Return the cost that `advkit audit` announces for every suite, for so many ``images``."""
    batch, jobs = default_batch(samples.x[0].numel()), default_jobs(samples.x.device)
    rate = speed(model, samples, batch)
    rows = []
    for name in SUITES:
        suite = suite_for(model, name, "Linf")
        found = budget(plan_of(suite, "Linf"), len(eps), model.n_classes)
        if found is not None:
            checks = 0.0 if model.black_box else check_passes(suite.care, images, len(eps))
            duration = seconds_of(found, images, rate, jobs, checks)
            rows.append({
                "suite": name, "passes": found.usual, "most_passes": found.most, "images": images,
                "seconds": duration, "told": forecast(found, images, duration),
            })  # fmt: skip
    return rows
