"""Synthetic transfer studies for the tests of their pages."""

from itertools import permutations
from typing import Any

import numpy as np

from advkit.reports.query_page import LabelAudit
from advkit.reports.tables import Interval
from advkit.reports.transfer_tables import (
    Between,
    Method,
    NetRow,
    OneImage,
    Predictor,
    Transfer,
)
from tests.reports.sample_audit import wilson

NETS = ("cnn 0", "cnn 1", "robust cnn 0", "forest")
EPS = (0.1, 0.2, 0.3)


def share(count: int, n: int = 100) -> Interval:
    return wilson(count, n)


def sample_transfer(name: str = "", **changes: Any) -> Transfer:
    """Return a study; ``name`` is a prefix of every name that a user can choose."""
    nets = [name + net for net in NETS]
    sources = nets[:3]
    rng = np.random.default_rng(0)
    clean = rng.random((8, 8, 1))
    shown = name + "dim"

    def cells(least: int) -> list[Between]:
        return [Between(s, t, share(least + 10 * i + j))
                for i, s in enumerate(sources) for j, t in enumerate(nets)]  # fmt: skip

    study: dict[str, Any] = {
        "verdict": f"{name}An image fools another net in 43.7% of cases.",
        "shown": shown, "noise": "noise:draws=1", "norm": "Linf", "eps": 0.2,
        "nets": [NetRow(net, net, share(90), net in sources, "robust" in net) for net in nets],
        "methods": [
            Method(shown, share(44), share(80), share(12), 0.6, 0.3, 12, 10),
            Method("noise:draws=1", share(10), None, None, None, 0.3, 1, 0),
        ],
        "cells": cells(20), "targeted": cells(0),
        "curves": {attack: [(eps, share(10 * (i + 1) + k)) for i, eps in enumerate(EPS)]
                   for k, attack in enumerate((shown, "noise:draws=1"))},
        "itself": [(eps, share(30 * (i + 1))) for i, eps in enumerate(EPS)],
        "by_target": [(net, share(10 + i)) for i, net in enumerate(nets)],
        "by_source": [(net, share(40 - i)) for i, net in enumerate(sources)],
        "robust_gap": [("standard", "robust", share(17))],
        "predictors": [Predictor("gradient", "cosine of the input gradients", 0.2, 0.07, 6)],
        "points": [(a, b, a[:2] == b[:2], 0.1 * i - 0.1, 0.1 * i)
                   for i, (a, b) in enumerate(permutations(sources, 2))],
        "ensembles": [(1, share(40)), (2, share(60))],
        "image": OneImage(
            name + "digits/1", name + "three", clean,
            [np.clip(clean + 0.2 * rng.choice([-1, 1], clean.shape), 0, 1) for _ in sources],
            sources, nets, [[name + "three", "two", "two", "nine"]] * 3, 9,
        ),
        "data": {"name": name + "digits", "n": 200}, "training": name + "on halves", "seed": 0,
        "steps": 10, "targets": "random", "command": name + "advkit transfer",
        "environment": {"torch": name + "2"}, "notes": [name + "a note"],
        "started": "2026-11-28", "finished": "2026-11-28", "findings": [name + "So it is here."],
    }  # fmt: skip
    return Transfer(**{**study, **changes})


def sample_label_audit(name: str = "") -> LabelAudit:
    rounds = [(128 * 2**i, 0.7 + 0.05 * i, share(25 + 10 * i)) for i in range(5)]
    return LabelAudit(
        verdict=f"{name}With 2,048 labels 72.4% are fooled.", target=name + "net", norm="Linf",
        eps=0.2, clean=share(90), rounds=rounds, noise=share(4), white_box=share(93),
        budget={"queries": 2048, "first": 128, "architectures": [name + "cnn"], "attack": "ens"},
        data={"name": name + "digits", "n": 200}, own={"name": name + "more", "n": 1437},
        command=name + "advkit transfer", environment={"torch": "2"}, notes=[name + "note"],
        started="2026-11-28", finished="2026-11-28",
    )  # fmt: skip
