"""Plant gradient masking in a robust net, and show the result of an audit for each defect.

    python -m advkit.benchmarks.planted_defects --limit 200

Every defect has an unmasked counterpart with a usable gradient. The table shows the robust accuracy
of that by a thorough attack, that of the masked net by PGD alone and by an audit, and the checks
that failed.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advkit.attacks import ATTACKS
from advkit.benchmarks.masked_gradients import DEFECTS, Defect
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.evaluate.audit import audit
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model

NET, EPS = "bundled:fashion-mnist-cnn-robust", (0.05, 0.1, 0.15)


def verdicts(
    net: nn.Module, samples: Samples, eps: tuple[float, ...], suite: str = "quick"
) -> tuple[list[float], list[str]]:
    """Return the robust accuracy per eps, and the names of the failed checks."""
    with tempfile.TemporaryDirectory() as folder:
        found = audit(
            Classifier(net, name="net"), samples, eps=eps, suite=suite, jobs=1, out=Path(folder)
        )
    failed = [check["name"] for check in found["trust"]["checks"] if check["state"] == "fail"]
    return [row["value"] for row in found["robust"]], failed


def left_by(
    attack: str, net: nn.Module, samples: Samples, eps: tuple[float, ...], **options: Any
) -> list[float]:
    """Return the robust accuracy per eps under one attack."""
    model, left = Classifier(net, name="net"), []
    for radius in eps:
        run = ATTACKS[attack]
        x_adv = run(model, samples.x, samples.y, norm="Linf", eps=radius, **options)
        with torch.no_grad():
            left.append(float((model(x_adv).argmax(1) == samples.y).float().mean()))
    return left


def by_pgd(net: nn.Module, samples: Samples, eps: tuple[float, ...]) -> list[float]:
    """Return the robust accuracy under PGD of 40 steps on the cross entropy, the usual report."""
    return left_by("pgd", net, samples, eps, steps=40)


def by_hand(
    defect: Defect, net: nn.Module, samples: Samples, eps: tuple[float, ...]
) -> list[float]:
    """Return the robust accuracy of the unmasked net under a thorough attack."""
    options = {"steps": 50, "n_targets": 2, "try_steps": 5}
    return left_by("apgd_targeted", defect.unmask(net), samples, eps, **options)


def main() -> None:
    """Print the table of all defects in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--defects", nargs="*", default=list(DEFECTS))
    args = parser.parse_args()
    samples, net = load_data("bundled:fashion-mnist", limit=args.limit), load_model(NET)
    head = "| defect | PGD reports | unmasked by hand | audit | failed checks |"
    sys.stdout.write(f"{head}\n|---|---|---|---|---|\n")
    for name in args.defects:
        masked = DEFECTS[name].mask(net)
        rows = [by_pgd(masked, samples, EPS), by_hand(DEFECTS[name], net, samples, EPS)]
        found, failed = verdicts(masked, samples, EPS, args.suite)
        cells = [" ".join(f"{value:.3f}" for value in row) for row in (*rows, found)]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} | {', '.join(failed)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
