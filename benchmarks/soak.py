"""Resources of a process that runs many audits, after each tenth of them (`scale --soak`)."""

import gc
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from torch import nn

from advkit.data.samples import Samples
from advkit.evaluate.audit import audit
from advkit.models.classifier import Classifier

HEAD = f"{'audits':>8}{'memory MB':>11}{'files':>7}{'hooks':>7}{'threads':>9}"


class Held(NamedTuple):
    """Resources of this process: memory in MB, open files, hooks of a model, threads."""

    memory: float
    files: int
    hooks: int
    threads: int


def held(model: nn.Module) -> Held:
    """Return the current resources of this process; needs /proc."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    hooks = sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in model.modules()
    )
    files = len(list(Path("/proc/self/fd").iterdir()))
    return Held(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files, hooks, threading.active_count())


def soak(model: Classifier, samples: Samples, audits: int) -> Iterator[str]:
    """Run ``audits`` audits, with two and one workers in turn; yield a line after each tenth."""
    yield HEAD
    with tempfile.TemporaryDirectory() as folder:
        for i in range(1, audits + 1):
            audit(model, samples, eps=[0.01], attacks=("fgsm",), jobs=1 + i % 2,
                  out=Path(folder) / "run", fresh=True, bounds="off")  # fmt: skip
            if i == 1 or i * 10 // audits > (i - 1) * 10 // audits:
                now = held(model)
                yield f"{i:>8,}{now.memory:>11,.1f}{now.files:>7}{now.hooks:>7}{now.threads:>9}"
