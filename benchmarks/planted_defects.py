"""Plant ways to hide a gradient into an honest robust net; see what an audit makes of each.

    python -m advkit.benchmarks.planted_defects --limit 200

Every defect comes with the same net as its author knows it: the gradient unmasked by hand. The
table shows the verdict of the suite on that, what PGD alone would have reported of the masked net,
the verdict of the audit, and which checks failed.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.attacks import ATTACKS
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.evaluate.audit import audit
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model

NET, EPS = "bundled:fashion-mnist-cnn-robust", (0.05, 0.1, 0.15)
DRAWS = 64


class Before(nn.Module):
    """A net behind a preprocessing."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, n_classes)."""
        return self.net(self.change(x))  # type: ignore[no-any-return]


class After(nn.Module):
    """A net, and something done to its logits."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Tensor:
        """Return what is done to the logits."""
        return self.change(self.net(x))


class Random(nn.Module):
    """A net behind a preprocessing that draws a number from 0 to 1 for every pixel.

    With ``fixed`` it is the mean over as many draws, which are the same every time.
    """

    def __init__(
        self, net: nn.Module, change: Callable[[Tensor, Tensor], Tensor], fixed: int = 0
    ) -> None:
        super().__init__()
        self.net, self.change, self.fixed = net, change, fixed

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, or their mean over fixed draws."""
        if not self.fixed:
            return self.net(self.change(x, torch.rand_like(x)))  # type: ignore[no-any-return]
        generator = torch.Generator().manual_seed(0)
        draws = torch.rand(self.fixed, *x.shape[1:], generator=generator)
        return torch.stack([self.net(self.change(x, draw)) for draw in draws]).mean(0)


class WinnersTakeAll(nn.Module):
    """Only the largest share of all activations passes (Xiao et al. 2020)."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with all but the winners set to 0."""
        flat = x.flatten(1)
        least = flat.topk(max(int(flat.shape[1] * self.part), 1), dim=1).values[:, -1]
        return x * (flat >= least[:, None]).to(x.dtype).view_as(x)


def quantised(x: Tensor) -> Tensor:
    """Round to 4 bits."""
    return (x * 15).round() / 15


def thermometer(x: Tensor) -> Tensor:
    """Return the mean of 16 bits per pixel (Buckman et al. 2018): a first layer adds them up."""
    levels = (torch.arange(16) / 16 + 1 / 32).view(-1, *[1] * (x.ndim - 1))
    return (x[:, None] > levels).float().mean(1)


def jpeg(x: Tensor) -> Tensor:
    """Compress every channel as a grey JPEG of quality 75, outside torch."""
    planes = (x.detach().clamp(0, 1) * 255).round().byte().flatten(0, 1).cpu().numpy()
    back = []
    for plane in planes:
        file = io.BytesIO()
        Image.fromarray(plane).save(file, "jpeg", quality=75)
        back.append(np.asarray(Image.open(file), dtype=np.float32) / 255)
    return torch.from_numpy(np.stack(back)).view_as(x)


def turned(x: Tensor) -> Tensor:
    """Return ``x``, whose gradient comes back with the opposite sign."""
    same = x.view_as(x)
    if same.requires_grad:
        same.register_hook(torch.neg)  # type: ignore[no-untyped-call]
    return same


def noisy(x: Tensor, draw: Tensor) -> Tensor:
    """Add noise of up to 0.03."""
    return x + 0.03 * (2 * draw - 1)


def dropped(x: Tensor, draw: Tensor) -> Tensor:
    """Set 5% of all pixels to 0, as dropout does."""
    return x * (draw > 0.05) / 0.95


def _passed_on(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: x + (change(x) - x).detach()


def _with_winners(net: nn.Module) -> nn.Module:
    copy = deepcopy(net)
    for name, module in list(copy.named_modules()):
        if isinstance(module, nn.ReLU):
            copy.set_submodule(name, WinnersTakeAll(0.15))
    return copy


class Defect(NamedTuple):
    """How to mask a net, how its author would unmask it, and the check that must notice."""

    mask: Callable[[nn.Module], nn.Module]
    unmask: Callable[[nn.Module], nn.Module]
    check: str


def _before(change: Callable[[Tensor], Tensor]) -> Defect:
    return Defect(
        lambda net: Before(net, change),
        lambda net: Before(net, _passed_on(change)),
        "zero_gradients",
    )


def _random(change: Callable[[Tensor, Tensor], Tensor]) -> Defect:
    return Defect(
        lambda net: Random(net, change),
        lambda net: Random(net, change, DRAWS),
        "randomised_predictions",
    )


DEFECTS: dict[str, Defect] = {
    "input quantisation": _before(quantised),
    "logits times 10,000": Defect(
        lambda net: After(net, lambda z: z * 1e4), lambda net: net, "saturated_loss"
    ),
    "saturated softmax": Defect(
        lambda net: After(net, lambda z: F.softmax(z * 100, 1)), lambda net: net, "softmax_outputs"
    ),
    "noise at inference": _random(noisy),
    "dropout left on": _random(dropped),
    "JPEG preprocessing": _before(jpeg),
    "k winners take all": Defect(_with_winners, lambda net: net, "wrong_gradients"),
    "detached graph": _before(lambda x: x.detach()),
    "thermometer encoding": _before(thermometer),
    "sign flip": Defect(lambda net: Before(net, turned), lambda net: net, "wrong_gradients"),
}
"""That of k winners has no way back of its own: it is held against the net without them."""


def verdicts(
    net: nn.Module, samples: Samples, eps: tuple[float, ...], suite: str = "quick"
) -> tuple[list[float], list[str]]:
    """Return robust accuracy by eps, and the names of the checks that failed."""
    with tempfile.TemporaryDirectory() as folder:
        found = audit(
            Classifier(net, name="net"), samples, eps=eps, suite=suite, jobs=1, out=Path(folder)
        )
    failed = [check["name"] for check in found["trust"]["checks"] if check["state"] == "fail"]
    return [row["value"] for row in found["robust"]], failed


def left_by(
    attack: str, net: nn.Module, samples: Samples, eps: tuple[float, ...], **options: Any
) -> list[float]:
    """Return the robust accuracy by eps that one attack leaves."""
    model, left = Classifier(net, name="net"), []
    for radius in eps:
        run = ATTACKS[attack]
        x_adv = run(model, samples.x, samples.y, norm="Linf", eps=radius, **options)
        with torch.no_grad():
            left.append(float((model(x_adv).argmax(1) == samples.y).float().mean()))
    return left


def by_pgd(net: nn.Module, samples: Samples, eps: tuple[float, ...]) -> list[float]:
    """Return what PGD of 40 steps on the cross entropy leaves: what is usually reported."""
    return left_by("pgd", net, samples, eps, steps=40)


def by_hand(
    defect: Defect, net: nn.Module, samples: Samples, eps: tuple[float, ...]
) -> list[float]:
    """Return what a thorough attack leaves of the net as its author unmasks it."""
    options = {"steps": 50, "n_targets": 2, "try_steps": 5}
    return left_by("apgd_targeted", defect.unmask(net), samples, eps, **options)


def main() -> None:
    """Print a table of all defects as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--defects", nargs="*", default=list(DEFECTS))
    args = parser.parse_args()
    samples, net = load_data("bundled:fashion-mnist", limit=args.limit), load_model(NET)
    head = "| defect | PGD believes | unmasked by hand | audit | failed checks |"
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
