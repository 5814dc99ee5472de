"""Certified bounds compared with published figures, VNN-COMP verdicts and auto_LiRPA.

    OMP_NUM_THREADS=1 python benchmarks/peers/bounds.py DATA published instances cost

DATA is a directory in the layout of `known_nets`. ``published``: certified accuracy at the eps of
published figures; ``instances``: verdicts of VNN-COMP 2021 by branch and bound, 30 seconds each;
``cost``: CPU seconds of CROWN for all rivals, of auto_LiRPA (if it is installed) and of an attack.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.benchmarks.peers.known_nets import boxes, first_images, known_net, lines, told_of
from advkit.bounds.intervals import bounds_of
from advkit.bounds.ladder import certify
from advkit.bounds.margins import margins_of, rivals
from advkit.bounds.regions import ball_and_box
from advkit.bounds.slopes import Proof
from advkit.bounds.tracing import trace
from advkit.evaluate.intervals import wilson
from advkit.models.classifier import Classifier

PUBLISHED = (
    ("mnist_kw_0_1", 0.1, 1000, 0.942),
    ("fashion_kw_0_1", 0.1, 1000, 0.6547),
    ("cifar_base_kw", 2 / 255, 500, 0.4546),
    ("cifar_resnet2b", 2 / 255, 1000, 0.2688),
    ("cifar_resnet2b", 1 / 255, 400, 0.5716),
)
"""Net, eps (Linf), images, and the certified accuracy that its authors report on 10,000 images."""
COST = (
    ("mnist_kw_0_1", 0.1, 32),
    ("mnist_kw_0_1", 0.1, 256),
    ("fashion_kw_0_1", 0.1, 32),
    ("cifar_base_kw", 2 / 255, 32),
    ("cifar_resnet2b", 2 / 255, 8),
    ("mnist_fc_256x4", 0.03, 32),
)


def say(*rows: str) -> None:
    """Print rows of a table immediately."""
    print("\n".join(rows), flush=True)  # noqa: T201


def certified(model: Classifier, x: Tensor, y: Tensor, eps: float, method: str) -> int:
    """Return how many images are classified correctly and certified."""
    with torch.no_grad():
        right = (torch.cat([model(some).argmax(1) for some in x.split(64)]) == y).nonzero()[:, 0]
    graph, found = trace(model, x.shape[1:]), 0
    for some in right.split(16):
        region = ball_and_box(x[some], torch.full((len(some),), eps), "Linf")
        found += int((certify(graph, region, y[some], method=method).lower > 0).sum())
    return found


def published(data: Path) -> None:
    """Print certified accuracy by CROWN and by optimised slopes."""
    say(
        "| net | eps | n | published | CROWN | alpha | 95% interval |",
        "|---|---|---|---|---|---|---|",
    )
    for name, eps, n, told in PUBLISHED:
        model = known_net(data, name)
        x, y = first_images(data, told_of(data, name)["dataset"], n)
        crown, alpha = (certified(model, x, y, eps, method) for method in ("crown", "alpha"))
        share = wilson(alpha, n)
        say(
            f"| `{name}` | {eps:.5f} | {n} | {told} | {crown / n:.3f} | {alpha / n:.3f} | "
            f"{share['low']:.3f} to {share['high']:.3f} |"
        )


def instances(data: Path) -> None:
    """Print, per net and verdict, how many instances are certified."""
    rows = [row for row in lines(data / "vnncomp" / "instances.jsonl") if "row" in row]
    say("| net | verdict of others | certified | of | slowest, s |", "|---|---|---|---|---|")
    for name in sorted({row["model"] for row in rows}):
        model, seen, slowest = known_net(data, name), Counter[tuple[str, bool]](), 0.0
        mine = [row for row in rows if row["model"] == name]
        for row in mine:
            x, eps = boxes(data, [row], model.shape or ())
            y, goal = torch.tensor([row["label"]]), torch.tensor([row["target"]])
            began = time.perf_counter()
            found = certify(trace(model, x.shape[1:]), ball_and_box(x, eps, "Linf"), y, seconds=30,
                            method="split", targets=None if goal < 0 else goal)  # fmt: skip
            proved = bool(found.lower > 0)
            if proved:
                slowest = max(slowest, time.perf_counter() - began)
            seen[row["verdict"], proved] += 1
        for verdict in sorted({row["verdict"] for row in mine}):
            yes, no = seen[verdict, True], seen[verdict, False]
            say(f"| `{name}` | {verdict} | {yes} | {yes + no} | {slowest:.0f} |")


def crown(model: Classifier, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Return the CROWN lower bound of the margin to every other class, per image."""
    with torch.no_grad():
        graph = trace(model, x.shape[1:])
        region = ball_and_box(x, torch.full((len(x),), eps), "Linf")
        proof, against = Proof(graph, bounds_of(graph, region), region), rivals(y, 10)
        return margins_of(proof, y, against)


def lirpa(model: Classifier, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Return the same by auto_LiRPA, in its ``patches`` mode for convolutions."""
    from auto_LiRPA import BoundedModule, BoundedTensor, PerturbationLpNorm

    low, high = (model._normalise(z.clamp(0, 1)) for z in (x - eps, x + eps))
    own, others = torch.eye(10)[y], torch.eye(10).expand(len(y), 10, 10)
    rows = (own[:, None] - others)[torch.arange(10) != y[:, None]].view(len(y), 9, 10)
    net = BoundedModule(model.net, torch.zeros_like(x[:1]), bound_opts={"conv_mode": "patches"})
    ball = PerturbationLpNorm(norm=float("inf"), x_L=low, x_U=high)
    with torch.no_grad():
        found, _ = net.compute_bounds(x=(BoundedTensor(model._normalise(x), ball),), C=rows,
                                      method="CROWN", bound_upper=False)  # fmt: skip
    return found.flatten()  # type: ignore[no-any-return]


def spent(run: Callable[[], Any]) -> float | None:
    """Return the CPU seconds of the second of two runs; None if a package is missing."""
    try:
        run()
    except ImportError:
        return None
    began = time.process_time()
    run()
    return time.process_time() - began


def cost(data: Path) -> None:
    """Print the cost of CROWN."""
    head = ("net", "n", "certified", "ladder up to CROWN, s", "CROWN of all rivals, s",
            "auto_LiRPA, s", "PGD of 100 steps, s")  # fmt: skip
    say(f"| {' | '.join(head)} |", "|---" * len(head) + "|")
    for name, eps, n in COST:
        model = known_net(data, name)
        x, y = first_images(data, told_of(data, name)["dataset"], n)
        runs = (
            partial(certified, model, x, y, eps, "crown"),
            partial(crown, model, x, y, eps),
            partial(lirpa, model, x, y, eps),
            partial(ATTACKS["pgd"], model, x, y, eps=eps, norm="Linf", steps=100, stop=False),
        )
        told = [f"{each:.2f}" if each is not None else "" for each in map(spent, runs)]
        say(f"| `{name}` | {n} | {runs[0]()} | {' | '.join(told)} |")


def main() -> None:
    """Print the requested tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    tables = {"published": published, "instances": instances, "cost": cost}
    parser.add_argument("table", nargs="+", choices=list(tables))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.table:
        tables[name](asked.data)


if __name__ == "__main__":
    main()
