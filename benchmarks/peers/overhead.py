"""Overhead of attacks: time per step on a linear model whose own cost is negligible.

python benchmarks/peers/overhead.py
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.benchmarks.peers import minimum_norm as peers
from advkit.benchmarks.peers.bare import bare_loop
from advkit.benchmarks.peers.contestants import (
    Job,
    adv_lib_apgd,
    adv_lib_pgd,
    advkit_apgd,
    advkit_pgd,
    art_pgd,
    foolbox_pgd,
    pyautoattack_apgd,
    torchattacks_pgd,
)
from advkit.data.samples import Samples

STEPS = 200
BATCH = 32
SIDE = 8  # side of the images; 10 classes
EPS = 1e-5  # so small that nothing is fooled and all steps run
REPEATS = 40

FIXED = {
    "PGD": (advkit_pgd, torchattacks_pgd, foolbox_pgd, adv_lib_pgd, art_pgd),
    "APGD": (advkit_apgd, adv_lib_apgd, pyautoattack_apgd),
}
NEAREST: dict[str, tuple[str, tuple[Callable[..., Tensor], ...]]] = {
    "DDN": ("L2", (peers.adv_lib_ddn,)),
    "FMN": ("Linf", (peers.adv_lib_fmn, peers.foolbox_fmn)),
}


def problem() -> tuple[nn.Module, Samples]:
    """Return a linear model, and small images that it classifies correctly."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 10)).eval().requires_grad_(False)
    x = torch.rand(BATCH, 1, SIDE, SIDE)
    ids = tuple(str(i) for i in range(BATCH))
    return net, Samples(x, net(x).argmax(1), ids, classes=None, name="noise")


def attacks() -> dict[str, Callable[[], Any]]:
    """Return a dict from name and library to the attack with `STEPS` steps."""
    net, samples = problem()
    job = Job(net, "Linf", EPS, 0, BATCH, STEPS, "ce")
    found: dict[str, Callable[[], Any]] = {}
    for name, contestants in FIXED.items():
        for contestant in contestants:
            found[f"{name} | {contestant.__name__}"] = partial(contestant, job, samples)
    for name, (norm, contestants) in NEAREST.items():
        for attack in (ATTACKS[name.lower()], *contestants):
            options: Any = {"norm": norm, "steps": STEPS}
            who = attack.__name__ if attack in contestants else "advkit"
            found[f"{name} {norm} | {who}"] = partial(attack, net, samples.x, samples.y, **options)
    return found


def spent(run: Callable[[], Any]) -> float:
    """Return the CPU seconds per step of one run."""
    began = time.process_time()
    run()
    return (time.process_time() - began) / STEPS


def main() -> None:
    """Print the table in Markdown; the bare loop alternates with each attack."""
    torch.set_num_threads(1)
    net, samples = problem()
    bare = partial(bare_loop, net, samples.x, samples.y, EPS, STEPS)
    lines = ["| attack | library | us per move | of bare |", "|---|---|---|---|"]
    for name, run in attacks().items():
        turns = [(spent(bare), spent(run)) for _ in range(REPEATS)]
        beside, taken = map(min, zip(*turns, strict=True))
        lines.append(f"| {name} | {taken * 1e6:.0f} | {taken / beside:.2f} |")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
