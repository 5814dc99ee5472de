"""Compare transfer attacks with torchattacks: same nets, same images, no more passes.

    python benchmarks/peers/transfer.py --model A.safetensors --model B.safetensors ... \
        --data 'torchvision:FashionMNIST?root=data&split=test' --eps 0.1 --limit 200

Every net is a source and a target of every other. torchattacks takes ``--steps`` steps of length
eps / steps, with momentum 1 and its defaults otherwise; advkit takes one step less, as it also
evaluates the image and the last point. Passes are counted at the nets. Shares are of the images
that both nets classify correctly; the difference is of means over pairs, with a bootstrap interval
over images. ``--seeds`` is for random methods: torchattacks makes one random choice for all images
at once, so that a single seed may be misleading.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advkit.attacks import ATTACKS, parse
from advkit.benchmarks.transfer_measures import Clean, difference, mean_share, pair
from advkit.benchmarks.transfer_runs import Net, Read, read_by
from advkit.data.samples import Samples, take
from advkit.data.specs import load_data
from advkit.engine import metered
from advkit.evaluate.workers import one_thread_each
from advkit.models.specs import load_model

Theirs = Callable[[Any, torch.nn.Module, float, int], Any]

METHODS: dict[str, tuple[str, Theirs]] = {
    "BIM": (
        "bim:stop=false,",
        lambda ta, net, eps, steps: ta.BIM(net, eps, eps / steps, steps),
    ),
    "MI-FGSM": (
        "mifgsm:stop=false,",
        lambda ta, net, eps, steps: ta.MIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "NI-FGSM": (
        "nifgsm:",
        lambda ta, net, eps, steps: ta.NIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "VMI-FGSM, 5 neighbours": (
        "vmifgsm:neighbours=5,",
        lambda ta, net, eps, steps: ta.VMIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "VNI-FGSM, 5 neighbours": (
        "nifgsm+vmifgsm:neighbours=5,",
        lambda ta, net, eps, steps: ta.VNIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "DIM": (
        "dim:",
        lambda ta, net, eps, steps: ta.DIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "TIM with DIM": (
        "dim+tim:",
        lambda ta, net, eps, steps: ta.TIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
    "SI-NI-FGSM": (
        "nifgsm+sim:",
        lambda ta, net, eps, steps: ta.SINIFGSM(net, eps, eps / steps, steps, 1.0),
    ),
}
HEAD = "| method | advkit | torchattacks | difference, 95% interval | passes | passes, peer |"


def examples(
    make: Callable[[Tensor, Tensor], Tensor], net: Net, samples: Samples, right: Any, seed: int
) -> tuple[Tensor, float]:
    """Return examples (n, ...) made on ``net`` for its correct samples, and passes per image."""
    x_adv, at = samples.x.clone(), np.flatnonzero(right)
    part = take(samples, at.tolist())
    torch.manual_seed(seed)
    with metered(net.model) as meter:
        x_adv[at] = make(part.x, part.y).detach().clamp(0, 1)
    return x_adv, (meter.forwards + meter.backwards) / len(at)


def compare(
    nets: Sequence[Net], samples: Samples, eps: float, steps: int, text: str, theirs: Theirs,
    seeds: int,
) -> dict[str, Any]:  # fmt: skip
    """Return the pairs of nets of both libraries for each seed, and passes per image."""
    import torchattacks

    y = samples.y.numpy()
    clean = Clean(
        y, np.stack([read_by(net.model, samples.x, samples.y, 256) for net in nets]), None
    )
    ours = parse(f"{text}steps={steps - 1},step={1 / (steps - 1)}", ATTACKS).attack
    found: dict[str, Any] = {"ours": [], "theirs": [], "passes": {"ours": [], "theirs": []}}
    for seed, (s, net) in product(range(seeds), enumerate(nets)):
        peer = theirs(torchattacks, net.model, eps, steps)
        for side, make in (
            ("ours", partial(ours, net.model, eps=eps, seed=seed)),
            ("theirs", peer),
        ):
            x_adv, passes = examples(make, net, samples, clean.right[s], seed)
            assert float((x_adv - samples.x).abs().max()) <= eps + 1e-6, (text, side)  # noqa: S101
            said = np.stack([read_by(other.model, x_adv, samples.y, 256) for other in nets])
            told = Read(said, clean.right[s])
            found[side] += [pair(clean, told, clean.right[s], t, False)
                            for t in range(len(nets)) if t != s]  # fmt: skip
            found["passes"][side].append(passes)
    return found


def row(name: str, found: dict[str, Any]) -> str:
    """Return the line of the table."""
    ours, theirs = (mean_share(found[side], 0) for side in ("ours", "theirs"))
    gap = difference(found["ours"], found["theirs"], 0)
    assert ours and theirs and gap  # noqa: S101, PT018
    passes = [float(np.mean(found["passes"][side])) for side in ("ours", "theirs")]
    spread = f"{gap['value']:+.3f}, {gap['low']:+.3f} to {gap['high']:+.3f}"
    shares = f"{ours['value']:.3f} | {theirs['value']:.3f}"
    return f"| {name} | {shares} | {spread} | {passes[0]:.0f} | {passes[1]:.0f} |"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--eps", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--method", action="append", choices=list(METHODS))
    asked = parser.parse_args()
    samples = load_data(asked.data, limit=asked.limit)
    nets = [Net(spec, spec, load_model(spec, classes=samples.classes)) for spec in asked.model]
    print(HEAD, "|---|---|---|---|---|---|", sep="\n")  # noqa: T201
    with one_thread_each():
        for name in asked.method or METHODS:
            try:
                found = compare(nets, samples, asked.eps, asked.steps, *METHODS[name],
                                asked.seeds)  # fmt: skip
                told = row(name, found)
            except RuntimeError as error:  # a peer that accepts colour images only
                told = f"| {name} | | {str(error)[:60]} | | | |"
            print(told, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
