"""A synthetic run of maps with every kind of result: no data set, no model."""

import numpy as np

from advkit.reports.cards import Guess
from advkit.reports.explained import Attacked, Belief, Chance, Cut, Explained, Maps, Seen

ENVIRONMENT = {"python": "3.11", "advkit": "0.1.0", "torch": "2.14.1", "device": "cpu"}


def drawn(n: int, size: int, channels: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    one = 0.5 + 0.4 * np.sin(7 * x + 4 * y)
    return np.stack([(one * (0.6 + 0.1 * i))[..., None].repeat(channels, -1) for i in range(n)])


def sample_explanation(n: int = 3, size: int = 28, channels: int = 1) -> Explained:
    """Return a run with maps of two kinds, a rejected method, cuts, beliefs and an attack."""
    random = np.random.default_rng(0)
    images = drawn(n, size, channels)
    signed = random.standard_normal((n, size, size)) * 0.2
    plain = np.abs(random.standard_normal((n, size, size))) * images[..., 0]
    plain[-1] = 0
    mask = np.zeros((size, size), dtype=bool)
    mask[size // 4 : size // 2, size // 3 : 2 * size // 3] = True
    box = [size // 4, size // 3, size // 2, 2 * size // 3]
    curve = np.linspace(0.9, 0.1, 9)
    band = {"mean": curve.tolist(), "low": (curve - 0.05).tolist(), "high": (curve + 0.05).tolist()}
    guesses = [Guess("Sneaker", 0.81), Guess("Sandal", 0.12)]
    keys = ("spearman", "ssim", "top_overlap", "concentration", "concentration_after",
            "change_within")  # fmt: skip
    return Explained(
        verdict="On 3 images, of 2 methods 1 can be believed for <net>: gradient.",
        target="the logit of the predicted class",
        model={"name": "<net>", "sha256": "ab" * 32},
        data={"name": "made up", "n": n},
        environment=ENVIRONMENT,
        command="advkit explain --method gradient,hires_cam,guided_backprop --faithfulness",
        notes=["the model was in training mode; it was put into eval mode"],
        started="2026-11-28T10:00:00+00:00",
        finished="2026-11-28T10:01:00+00:00",
        seen=[Seen(f"made/up/{i}", "Ankle boot", "Sneaker", guesses, images[i]) for i in range(n)],
        methods=[
            Maps("gradient", False, "Not what the image owes its class to.", maps=plain,
                 after=plain * 0.7, size=[size, size], flat=1, seconds=0.2),
            Maps("hires_cam", True, "As coarse as its layer.", maps=signed, after=-signed,
                 layer="features.28", size=[7, 7], seconds=0.1),
            Maps("guided_backprop", False, "It redraws edges.",
                 refused="guided_backprop does not apply to GELU: it is no rectifier"),
        ],
        cuts=[Cut(mask, np.stack([~mask, mask]), box, float(mask.mean()), "", 0.71, 0.8)
              for _ in range(n)],
        cut_by="gradient",
        beliefs=[
            Belief("gradient", n, curve.tolist(), curve[::-1].tolist(), 0.3, 0.7, 3, 3,
                   [(0.0, 1.0), (0.5, 0.4), (1.0, 0.05)], 0.2, (2, 3, 15), True, True),
            Belief("hires_cam", n, curve.tolist(), curve[::-1].tolist(), 0.5, 0.5, 1, 0,
                   [(0.0, 1.0), (0.5, 0.9), (1.0, 0.8)], 0.6, (1, 3, 15), False, False),
        ],
        chance=Chance(band, {key: value[::-1] for key, value in band.items()}, 10,
                      "probability of the class"),
        attacked=Attacked("pgd", "Linf", 8 / 255, [True] * (n - 1) + [False],
                          (images + 0.03).clip(0, 1), [Guess("Bag", 0.6)] * n,
                          [(name, dict.fromkeys(keys, 0.5)) for name in ("gradient", "hires_cam")]),
        run={"seed": 0},
    )  # fmt: skip
