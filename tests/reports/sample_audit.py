"""A synthetic audit with every kind of result, and drawn pictures: no data set, no model."""

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from advkit.evaluate.trust_checks import TEXTS
from advkit.reports import AttackRow, Audit, Card, Guess, Interval
from advkit.reports.tables import Check, Trust

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# Images (of 1,000) that each attack fooled, by eps; 869 were classified correctly when clean.
FOOLED = {
    0.02: {"noise": 3, "fgsm": 14, "pgd": 2, "apgd": 1, "apgd-targeted": 0, "square": 0},
    0.05: {"noise": 6, "fgsm": 41, "pgd": 11, "apgd": 3, "apgd-targeted": 1, "square": 0},
    0.1: {"noise": 12, "fgsm": 83, "pgd": 37, "apgd": 9, "apgd-targeted": 4, "square": 1},
    0.15: {"noise": 22, "fgsm": 190, "pgd": 122, "apgd": 25, "apgd-targeted": 11, "square": 0},
    0.2: {"noise": 41, "fgsm": 301, "pgd": 297, "apgd": 48, "apgd-targeted": 17, "square": 2},
}
COST = {
    "noise": (16.0, 0.0, 0.4),
    "fgsm": (2.0, 1.0, 0.2),
    "pgd": (40.7, 40.0, 9.6),
    "apgd": (100.4, 100.0, 21.8),
    "apgd-targeted": (872.0, 870.1, 55.31),
    "square": (4912.3, 0.0, 60.2),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "noise": {"draws": 16},
    "fgsm": {},
    "pgd": {"steps": 40, "step": 0.01, "restarts": 1},
    "apgd": {"steps": 100, "loss": "cross-entropy", "rho": 0.75},
    "apgd-targeted": {"steps": 100, "targets": 9},
    "square": {"queries": 5000, "p_init": 0.8},
}
COMMAND = (
    "advkit audit --model bundled:fashion-mnist-cnn-robust --data bundled:fashion-mnist"
    " --norm Linf --eps 0.02,0.05,0.1,0.15,0.2 --suite standard --limit 1000 --seed 0"
)


def wilson(count: int, n: int) -> Interval:
    """Return the 95% Wilson interval of ``count`` in ``n``."""
    z, share = 1.959964, count / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), count, n)


def sample_audit(eps: tuple[float, ...] = tuple(FOOLED), **changes: Any) -> Audit:
    """Return an audit at ``eps``, of those of `FOOLED`, with any field replaced."""
    audit = Audit(
        verdict=(
            "At Linf eps 0.1 an attack can get 14.6% more of the images misread:"
            " robust accuracy is at most 72.3% (clean 86.9%)."
        ),
        model={
            "name": "fashion-mnist-cnn-robust",
            "spec": "bundled:fashion-mnist-cnn-robust",
            "classes": 10,
            "parameters": "421,642",
            "fingerprint": "9b2f3c64d1e7a0558c9b1f2a6d7e3b4c5a697887766554433221100ffeeddcca",
        },
        data={
            "name": "fashion-mnist",
            "spec": "bundled:fashion-mnist",
            "images": "1,000 of 1 x 28 x 28",
            "fingerprint": "07d1c2b3a4958677665544332211000f1e2d3c4b5a69788796a5b4c3d2e1f001",
        },
        norm="Linf",
        clean=wilson(869, 1000),
        robust=[(at, wilson(869 - sum(FOOLED[at].values()), 1000)) for at in eps],
        curve=_curve(max(eps)),
        added={at: FOOLED[at] for at in eps},
        attacks=[row for at in eps for row in _rows(at)],
        suite="standard",
        seed=0,
        command=COMMAND,
        environment={
            "advkit": "0.1.0",
            "python": "3.11.7",
            "torch": "2.14.1",
            "device": "cpu, 2 threads",
            "platform": "Linux x86_64",
        },
        notes=["The images are the first 1,000 of the test set."],
        started="2026-11-24T22:41:21Z",
        finished="2026-11-24T22:45:03Z",
        trust=sample_trust(),
        maps_to={"OWASP Machine Learning Security Top 10": "ML01 Input Manipulation"},
    )
    return replace(audit, **changes)


def sample_trust(overall: str = "repaired") -> Trust:
    """Return trust checks with one of each outcome."""
    kinds = {
        "zero_gradients": ("fail", "The gradient of the margin is zero at 30 of 32 images."),
        "noise_beats_attack": ("pass", "At eps 0.1 noise fools 1 of 32 images and PGD 9 of 32."),
        "transfer_wins": ("not run", "No --surrogate model was given."),
        "wrong_gradients": ("not applicable", "There is no gradient to check."),
    }
    kinds = {name: row for name, row in kinds.items() if overall != "ok" or row[0] != "fail"}
    checks = [Check(name, *row, *TEXTS[name]) for name, row in kinds.items()]
    return Trust(overall, "Without a gradient an attack stands still.", checks)


def _curve(high: float) -> list[tuple[float, Interval]]:
    """Return a curve of 200 points that passes through every audited eps."""
    at = [0.0, *FOOLED]
    standing = [869, *(869 - sum(fooled.values()) for fooled in FOOLED.values())]
    grid = np.linspace(0, high, 201)
    return [(float(x), wilson(int(np.interp(x, at, standing)), 1000)) for x in grid]


def _rows(eps: float) -> list[AttackRow]:
    rows, standing = [], 869
    for attack, fooled in FOOLED[eps].items():
        row = AttackRow(attack, eps, standing, fooled, 0, *COST[attack], OPTIONS[attack])
        rows.append(row)
        standing -= fooled
    return rows


def drawn(kind: int, size: int = 28, channels: int = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Draw a soft disc, square or ring on a gradient: (size, size, channels) in [0, 1]."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1) - 0.5
    shape = (
        np.hypot(x, y),
        np.maximum(abs(x), abs(y)),
        abs(np.hypot(x, y) - 0.3) + 0.2,
        abs(x) + abs(y) / 2,
    )[kind % 4]
    body = np.clip((0.33 - shape) * 12, 0, 1)
    shade = 0.35 + 0.6 * np.stack([np.cos(x + c) * (0.7 + 0.5 * y) for c in range(channels)], -1)
    return np.clip(body[..., None] * shade, 0, 1)


def sample_cards(
    number: int = 12, size: int = 28, channels: int = 1, eps: float = 0.1
) -> list[Card]:
    """Return cards of drawn pictures, each perturbed by at most ``eps`` per value."""
    cards = []
    for index in range(number):
        clean = drawn(index, size, channels)
        signs = np.sign(np.random.default_rng(index).normal(size=clean.shape))
        label, other = CLASSES[index % 10], CLASSES[(index * 3 + 4) % 10]
        sure, fooled = 0.99 - index / 40, 0.5 + index / 30
        card = Card(
            sample=f"test-{index:05d}",
            label=label,
            clean=clean,
            adversarial=np.clip(clean + eps * signs, 0, 1),
            before=guesses(label, other, sure),
            after=guesses(other, label, fooled),
            margins=[round(-4 + 0.31 * at * (1 + index / 20), 3) for at in range(21)],
            attack=list(COST)[index % 6],
            eps=eps,
            size=eps,
            sizes={"L0": 700.0, "L1": 784 * eps, "L2": 28 * eps, "Linf": eps},
            maps=(clean.mean(-1) * 0.4, np.abs(signs[..., 0]) * clean.mean(-1)),
            likeness=0.42,
        )
        cards.append(card)
    return cards


def guesses(first: str, second: str, share: float) -> list[Guess]:
    """Return five classes: the first has probability ``share``, the second most of the rest."""
    rest = [name for name in CLASSES if name not in (first, second)][:3]
    others = [0.7, 0.2, 0.06, 0.04]
    return [
        Guess(first, share),
        *(
            Guess(name, (1 - share) * part)
            for name, part in zip([second, *rest], others, strict=True)
        ),
    ]
