"""Instances of VNN-COMP 2021 with known verdicts: those proved robust are never fooled here.

Those with a counterexample are never certified here, and are fooled by the attacks of an audit:
fully connected MNIST nets and a residual CIFAR net (Linf, any other class), two convolutional CIFAR
nets (Linf; one of them towards one class).
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from advkit.attacks import ATTACKS
from advkit.benchmarks.peers.known_nets import boxes, known_net, lines
from advkit.bounds.ladder import certify
from advkit.bounds.regions import ball_and_box
from advkit.bounds.tracing import trace
from advkit.evaluate.measure import ROUNDING, measure
from advkit.models.classifier import Classifier

DATA = Path(__file__).parents[3] / "shared" / "data"
INSTANCES = DATA / "vnncomp" / "instances.jsonl"
NETS = (
    "mnist_fc_256x2",
    "mnist_fc_256x4",
    "cifar_marabou_small",
    "cifar_base_kw",
    "cifar_resnet2b",
)

pytestmark = pytest.mark.skipif(not INSTANCES.exists(), reason="the instances are not here")


def fooled(model: Classifier, x: Tensor, y: Tensor, eps: Tensor, goal: Tensor | None) -> Tensor:
    """Return who is fooled by what an audit runs, as the judge sees it."""
    hit = torch.zeros(len(x), dtype=torch.bool)
    runs: list[tuple[str, dict[str, Any]]] = [
        ("race", {"steps": 100}),
        ("apgd", {"steps": 100, "loss": "margin"}),
        ("pgd", {"steps": 100, "step": 0.05, "restarts": 5}),
    ]
    for name, options in runs:
        left = (~hit).nonzero().squeeze(1)
        aim = None if goal is None else goal[left]
        found = ATTACKS[name](model, x[left], y[left], eps=eps[left], norm="Linf", targets=aim,
                              **options)  # fmt: skip
        rows = measure(model, x[left], y[left], found, norm="Linf", eps=1.0, targets=aim)
        inside = torch.tensor(rows["Linf"].to_numpy()) <= eps[left] * (1 + 1e-6) + ROUNDING
        hit[left] = torch.tensor((rows["fooled"] & rows["valid"]).to_numpy()) & inside
    return hit


@pytest.mark.parametrize("name", NETS)
def test_proofs_and_attacks_agree_with_the_verdicts(name: str) -> None:
    rows = [row for row in lines(INSTANCES) if row.get("model") == name]
    model = known_net(DATA, name)
    x, eps = boxes(DATA, rows, model.shape or ())
    y = torch.tensor([row["label"] for row in rows])
    aim = torch.tensor([row["target"] for row in rows])
    goal = None if (aim < 0).all() else aim
    proofs = certify(trace(model, x.shape[1:]), ball_and_box(x, eps, "Linf"), y,
                     method="crown", targets=goal)  # fmt: skip
    broken = fooled(model, x, y, eps, goal)
    seen = Counter(zip((row["verdict"] for row in rows), (proofs.lower > 0).tolist(),
                       broken.tolist(), strict=True))  # fmt: skip
    assert not any(seen[verdict, True, True] for verdict in ("sat", "unsat", "unknown"))
    assert not seen["sat", True, False], "proved, though an example is known"
    assert not seen["unsat", False, True], "attacked, though it is proved that none can be"
    assert seen["sat", False, True] >= 0.9 * (seen["sat", False, True] + seen["sat", False, False])
