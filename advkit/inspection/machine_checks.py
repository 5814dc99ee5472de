"""Checks of this machine: cores, memory, disk, a GPU, deterministic kernels."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch

from advkit.evaluate.workers import default_jobs, one_thread_each
from advkit.inspection.findings import Finding, finding
from advkit.inspection.machine import can_write, free_disk, free_memory, shown_bytes
from advkit.models.classifier import LEAST, ROWS
from advkit.models.specs import load_model

LEAST_MEMORY, LEAST_DISK = 2**30, 2**30
CPU = torch.device("cpu")
SEVERAL = (LEAST, LEAST + ROWS, 4 * LEAST, 16 * LEAST)
"""Batch sizes in which a sample must have the same output to the last bit."""


def place(folder: Path) -> Iterator[Finding]:
    """Yield findings about this machine, and about ``folder``, where runs are written."""
    jobs, threads = default_jobs(CPU), torch.get_num_threads()
    said = os.environ.get("OMP_NUM_THREADS")
    yield Finding("cores", "pass", f"{jobs} may be used (--jobs); threads of one product: {threads}"
                  + (f"; OMP_NUM_THREADS={said}" if said else ""))  # fmt: skip
    yield memory(free_memory(CPU))
    yield disk(folder)
    yield Finding("gpu", "pass", gpus())
    yield kernels()


def memory(free: int | None) -> Finding:
    """Check the number of free bytes of memory."""
    if free is None:
        return Finding("free memory", "not applicable", "the system does not say")
    advice = "Little memory is free: --jobs 1 --batch-size 16, and small images."
    return finding("free memory", free < LEAST_MEMORY, shown_bytes(free), advice)


def disk(folder: Path) -> Finding:
    """Check that runs can be written to ``folder``."""
    if not can_write(folder):
        return finding("disk", True, f"{folder} cannot be written to",
                       "Give --out DIR where you may write.")  # fmt: skip
    free = free_disk(folder)
    advice = "Make room: examples and reports of a run may need hundreds of MiB."
    return finding("disk", free < LEAST_DISK, f"{shown_bytes(free)} free for {folder}", advice)


def gpus() -> str:
    """Return the names of the devices besides the CPU."""
    found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found += ["mps"] * torch.backends.mps.is_available()
    return ", ".join(found) if found else "none: --device is cpu"


def kernels() -> Finding:
    """Query the same image in batches of several sizes: outputs must be bit-identical."""
    model = load_model("bundled:fashion-mnist-cnn")
    dice = torch.Generator().manual_seed(0)
    x = torch.rand((max(SEVERAL), 1, 28, 28), generator=dice)
    with torch.no_grad(), one_thread_each():
        first = model(x[:1])
        same = all(torch.equal(model(x[:n])[:1], first) for n in SEVERAL)
    dnn = "on" if torch.backends.mkldnn.is_available() else "off"  # type: ignore[no-untyped-call]
    kind = f"{torch.backends.cpu.get_cpu_capability()}, oneDNN {dnn}"
    sizes = ", ".join(map(str, SEVERAL))
    steady = "to the bit the same" if same else "NOT the same to the bit"
    return finding(
        "kernels", not same, f"{kind}; an answer is {steady} in batches of {sizes}",
        "The last bits of an answer depend on the batch: a verdict on the very boundary may differ "
        "between machines and batch sizes. Set MKL_CBWR=AUTO before the start, and report it.",
    )  # fmt: skip
