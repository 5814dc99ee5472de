"""CPU time that each optimisation saves, on nets from small to large.

    python -m advkit.benchmarks.cost --nets cnn resnet resnet18 --repeats 9

Each optimisation is compared with the same work without it: the two run alternately on one thread,
and the result is the median ratio of process CPU times (above 1: it saves time). Passes are forward
and backward to the input, except those of evaluation, which are forward only. Weights are
random except for the bundled net, as time does not depend on them. ``omp_wait_policy`` runs in
separate processes with two threads, as the variable is read when torch is loaded.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from statistics import median
from time import process_time
from typing import NamedTuple

import pandas as pd
import torch
import torchvision
from torch import Tensor, nn
from tqdm import tqdm

from advkit.attacks.projected_gradient import pgd
from advkit.attacks.reduced_precision import in_half
from advkit.engine.objectives import Model
from advkit.models import load_model
from advkit.models.classifier import Classifier
from advkit.models.folding import folded
from advkit.models.nets import build

Work = Callable[[], object]


class Case(NamedTuple):
    """A plain net, and images for it."""

    net: nn.Module
    x: Tensor


def cases() -> dict[str, Callable[[], Case]]:
    """Return, by name, functions that make each net with its images."""
    return {
        "cnn": lambda: Case(
            load_model("bundled:fashion-mnist-cnn-robust").net, torch.rand(64, 1, 28, 28)
        ),
        "resnet": lambda: Case(
            build("resnet", shape=(3, 32, 32), n_classes=10), torch.rand(64, 3, 32, 32)
        ),
        "mobilenet_v2": lambda: Case(
            torchvision.models.mobilenet_v2(), torch.rand(16, 3, 224, 224)
        ),
        "resnet18": lambda: Case(torchvision.models.resnet18(), torch.rand(16, 3, 224, 224)),
    }


def passes(model: Model, x: Tensor, size: int = 64) -> Work:
    """Return the work of a forward and a backward pass to the input, in batches of ``size``."""

    def once() -> None:
        for part in torch.split(x, size):
            point = part.clone().requires_grad_(True)
            torch.autograd.grad(model(point).logsumexp(1).sum(), point)

    return once


def everything(model: nn.Module, x: Tensor) -> Work:
    """Return `passes` that also compute the gradients of the weights, like ``loss.backward()``."""

    def once() -> None:
        point = x.clone().requires_grad_(True)
        model(point).logsumexp(1).sum().backward()

    return once


def judged(model: nn.Module, x: Tensor, mode: Callable[[], AbstractContextManager[None]]) -> Work:
    """Return the work of a forward pass only."""

    def once() -> None:
        with mode():
            model(x)

    return once


def walked(model: Classifier, x: Tensor, *, leave: bool) -> Work:
    """Return 20 PGD steps at an eps that fools most images; with ``leave`` these stop early."""
    with torch.no_grad():
        y = model(x).argmax(1)
    asked: nn.Module | Callable[[Tensor], Tensor] = model
    if (
        not leave
    ):  # a constant offset on the true class: no image is ever fooled, so every step runs
        rows = torch.nn.functional.one_hot(y, model.n_classes) * 1e6

        def asked(z: Tensor) -> Tensor:
            logits: Tensor = model(z)
            return logits + rows[: len(z)]

    return lambda: pgd(asked, x, y, eps=0.1, norm="Linf", steps=20)


def habits(case: Case) -> dict[str, tuple[Work, Work]]:
    """Return, by name, the work without and with each optimisation."""
    net, x = case.net.eval(), case.x
    trainable = deepcopy(net).requires_grad_(True)
    frozen = deepcopy(net).requires_grad_(False)
    model = Classifier(deepcopy(net), name="net")
    with torch.no_grad():
        model.n_classes = model(x[:1]).shape[1]
    found = {
        "frozen weights": (everything(trainable, x), passes(frozen, x)),
        "channels_last": (passes(frozen, x), passes(model, x)),
        "bfloat16": (passes(model, x), passes(in_half(model), x)),
        "fooled images leave": (walked(model, x, leave=False), walked(model, x, leave=True)),
        "inference mode": (judged(model, x, torch.no_grad), judged(model, x, torch.inference_mode)),
    }
    twin = folded(model, x[:16])
    if twin:
        found["batch norms folded"] = (passes(model, x), passes(twin, x))
    many = torch.cat([x] * (256 // len(x))) if x[0].numel() < 10_000 else x
    for size in (16, 32, 128, 256):
        if size < len(many):
            found[f"batches of 64, not {size}"] = (passes(model, many, size), passes(model, many))
    return found


def ratio(without: Work, kept: Work, repeats: int) -> float:
    """Return the median ratio of CPU time without to with, the two run alternately."""

    def seconds(work: Work) -> float:
        began = process_time()
        work()
        return process_time() - began

    without(), kept()
    return median(seconds(without) / seconds(kept) for _ in range(repeats))


def cost(names: Sequence[str], repeats: int = 9) -> pd.DataFrame:
    """Return a row per net and optimisation: CPU time without it over that with it."""
    torch.set_num_threads(1)
    rows = []
    for name in names:
        torch.manual_seed(0)
        for habit, (without, kept) in tqdm(habits(cases()[name]()).items(), name, leave=False):
            rows.append({"net": name, "habit": habit, "saves": ratio(without, kept, repeats)})
    return pd.DataFrame(rows, columns=["net", "habit", "saves"])


def waiting(policy: str) -> float:
    """Return the CPU seconds of 200 passes of the bundled net on two threads under ``policy``."""
    code = (
        "import time, torch; from advkit.benchmarks.cost import cases, passes;"
        "torch.set_num_threads(2); case = cases()['cnn'](); work = passes(case.net, case.x);"
        "work(); began = time.process_time(); [work() for _ in range(200)];"
        "print(time.process_time() - began)"
    )
    environment = {**os.environ, "OMP_WAIT_POLICY": policy, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="*", default=list(cases()), choices=list(cases()))
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    table = cost(args.nets, args.repeats).pivot(index="habit", columns="net", values="saves")
    lines = [f"| habit | {' | '.join(args.nets)} |", "|---" * (1 + len(args.nets)) + "|"]
    for habit, row in table[args.nets].iterrows():
        cells = ["" if value != value else f"{value:.2f}" for value in row]
        lines.append(f"| {habit} | {' | '.join(cells)} |")
    passive = waiting("active") / waiting("passive")
    lines.append(f"| OMP_WAIT_POLICY=PASSIVE, two threads | {passive:.2f} |")
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
