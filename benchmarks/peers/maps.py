"""Cost of attribution maps over that of the necessary passes, compared with captum.

    python benchmarks/peers/maps.py [images] [size]

On one thread, in CPU seconds of that thread, so that other load is not counted. Every round times
all contestants in turn; the ratio is the median over rounds.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision import models

from advkit.engine.objectives import class_score
from advkit.insight import Look, attribution
from advkit.insight.gradients import integrate

ROUNDS = 7


def bare(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the input gradient by one forward and one backward pass."""
    x = x.detach().requires_grad_(True)
    value = net(x).gather(1, y[:, None]).sum()
    return torch.autograd.grad(value, x)[0]


def to_layer(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return a manual Grad-CAM of layer4: the net split in two, a gradient of the second part."""
    with torch.no_grad():
        h = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        a = net.layer4(net.layer3(net.layer2(net.layer1(h))))
    a.requires_grad_(True)
    logits = net.fc(torch.flatten(net.avgpool(a), 1))
    g = torch.autograd.grad(logits.gather(1, y[:, None]).sum(), a)[0]
    return (g.mean((2, 3), keepdim=True) * a).sum(1).clamp_min(0)


def fifty(net: nn.Module, x: Tensor, y: Tensor, chunk: int) -> Tensor:
    """Return the sum of 50 bare passes, in batches of ``chunk`` rows."""
    rows = x.repeat_interleave(50, 0)
    labels = y.repeat_interleave(50)
    return sum(bare(net, rows[i : i + chunk], labels[i : i + chunk]).sum()
               for i in range(0, len(rows), chunk))  # fmt: skip


def contests(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, dict[str, Callable[[], object]]]:
    """Return, per row, the baseline, advkit's map and captum's."""
    from captum import attr

    leaf = x.clone().requires_grad_(True)
    look = Look(net, x[:2], class_score(net, y[:2]))
    rules = {
        "gradient": lambda: attr.Saliency(net).attribute(leaf, target=y, abs=False),
        "guided_backprop": lambda: attr.GuidedBackprop(net).attribute(leaf, target=y),
        "deconvnet": lambda: attr.Deconvolution(net).attribute(leaf, target=y),
    }
    found: dict[str, dict[str, Callable[[], object]]] = {
        name: {
            "bare": lambda: bare(net, x, y),
            "advkit": lambda name=name: attribution(net, x, y, method=name),
            "captum": peer,
        }
        for name, peer in rules.items()
    }
    found["grad_cam"] = {
        "bare": lambda: to_layer(net, x, y),
        "advkit": lambda: attribution(net, x, y, method="grad_cam", layer="layer4"),
        "captum": lambda: attr.LayerGradCam(net, net.layer4).attribute(x, target=y),
    }
    found["integrated_gradients, 50"] = {
        **{f"bare, {k} rows": lambda k=k: fifty(net, x[:2], y[:2], k) for k in (16, 32, 50)},
        "advkit": lambda: integrate(look, steps=50, tolerance=1e9),
        "captum": lambda: attr.IntegratedGradients(net).attribute(
            x[:2], target=y[:2], internal_batch_size=32
        ),
    }
    return found


def main(images: int = 8, size: int = 64) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = models.resnet18(weights=None).eval().requires_grad_(False)
    x, y = torch.rand(images, 3, size, size), torch.arange(images)
    print(f"resnet18, {images} images of {size} x {size}, {torch.get_num_threads()} threads")  # noqa: T201
    for name, runs in contests(net, x, y).items():
        taken: dict[str, list[float]] = {who: [] for who in runs}
        for _ in range(ROUNDS + 1):
            for who, run in runs.items():
                began = time.process_time()
                run()
                taken[who].append(time.process_time() - began)
        base = [min(times) for times in zip(*(taken[w][1:] for w in runs if w[:4] == "bare"),
                                            strict=True)]  # fmt: skip
        for who in ("advkit", "captum"):
            ratios = [a / b for a, b in zip(taken[who][1:], base, strict=True)]
            print(f"{name:26}{who:8}{statistics.median(ratios):6.3f} x "  # noqa: T201
                  f"{1000 * statistics.median(base):8.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
