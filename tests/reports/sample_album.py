"""A sample album with every optional part."""

import numpy as np

from advkit.reports.album import Album, Chart, Framed, Group


def sample_album(strips: int = 2, side: int = 28, name: str = "3") -> Album:
    random = np.random.default_rng(0)
    grey = [random.integers(0, 256, (side, side), dtype=np.uint8) for _ in range(3)]
    colour = random.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    row = [Framed(one, f"{name} {i}", f"score {i}.50", "p 0.99") for i, one in enumerate(grey)]
    return Album(
        title="What net sees",
        kind="pictures",
        verdict="3 pictures that excite 3 targets of net most.",
        lead="Each picture follows one gradient.",
        groups=[
            Group("pictures", "What excites it most", "By spectrum.", entry="Classes",
                  strips=[(f"strip {i}", f"strip {i}", row) for i in range(strips)]),
            Group("wide", "A large one", "", strips=[("large", "a caption", [
                Framed(colour, "result", "loss 0.1", "")])], wide=True),
            Group("numbers", "Numbers", "", columns=[("layer", False), ("SSIM", True)],
                  rows=[["1", 0.91234], ["9", None], ["8", -0.25]], under="SSIM: 1 is the same."),
            Group("steps", "How it rose", "", entry="", chart=Chart(
                "Score by step", "steps", "score", [("3", [(i, i * 0.5) for i in range(60)])],
                "Higher is better.")),
        ],
        limits=["A prior was added."],
        model={"name": name, "sha256": "0" * 64},
        data={},
        run={"seed": 0},
        environment={"python": "3.12"},
        command="advkit visualize",
        notes=["dead: 1[3]: gradient exactly 0 at every start"],
        started="2026-11-01T10:00:00+00:00",
        finished="2026-11-01T10:01:00+00:00",
    )  # fmt: skip
