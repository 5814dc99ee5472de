"""Parts of the speech study besides its curves: masking, band, rooms, other clips and models."""

from typing import Any

import numpy as np
import torch

from advkit.attacks import ATTACKS
from advkit.attacks.averaged_transforms import fooled_share, on_average
from advkit.attacks.below_hearing import masked
from advkit.attacks.frequency_band import in_band
from advkit.attacks.one_for_all import learn_universal
from advkit.attacks.rooms import in_room
from advkit.benchmarks.speech import Curve, Study
from advkit.data.samples import Samples
from advkit.engine.norms import rows
from advkit.engine.psychoacoustics import excess, masking
from advkit.evaluate.intervals import Share, wilson
from advkit.models.classifier import Classifier

LOUD = 20.0
"""Decibels below the speech, for perturbations under harder conditions than the curves."""
BAND = (300.0, 3400.0)


def hidden(study: Study, plain: Curve, steps: int) -> tuple[dict[str, Any], torch.Tensor]:
    """Return the audibility of masked and of ``plain`` examples, and the masked examples."""
    clips, rate = study.right, study.right.rate or 0
    x_adv = masked(study.model, clips.x, clips.y, targets=study.targets, rate=rate, steps=steps)
    fooled, snr = study.judged(x_adv, study.targets)
    threshold = masking(2 * clips.x - 1, rate)

    def heard(x: torch.Tensor) -> dict[str, float]:
        over = excess(2 * (x - clips.x), threshold)
        return {"mean_excess": float(over.mean()), "share_above": float((over > 1).double().mean())}

    told = {
        "success": wilson(int(fooled.sum()), len(fooled)),
        "snr": float(np.median(snr[fooled])) if fooled.any() else None,
        "hidden": heard(x_adv),
        "plain": heard(plain.x_adv[: len(fooled)]),
    }
    return told, x_adv


def banded(study: Study, steps: int) -> dict[str, Any]:
    """Return the success of perturbations within the telephone band, at `LOUD`."""
    attack = in_band(ATTACKS["apgd"], *BAND, study.right.rate or 0)
    x_adv = attack(study.model, study.right.x, study.right.y, eps=study.radius(LOUD), norm="L2",
                   targets=study.targets, steps=steps, loss="ce", seed=study.seed,
                   ids=study.right.ids)  # fmt: skip
    fooled, _ = study.judged(x_adv, study.targets)
    return {"success": wilson(int(fooled.sum()), len(fooled)), "snr": LOUD, "band": list(BAND)}


def in_rooms(study: Study, steps: int, draws: int) -> dict[str, Any]:
    """Return the share of new rooms in which plain and room-averaged examples fool."""
    clips, room = study.right, in_room()
    given: dict[str, Any] = {"eps": study.radius(LOUD), "norm": "L2", "steps": steps, "loss": "ce",
                             "seed": study.seed, "ids": clips.ids,
                             "targets": study.targets}  # fmt: skip
    found = {}
    for name, attack in (("plain", ATTACKS["apgd"]),
                         ("averaged", on_average(ATTACKS["apgd"], room, draws))):  # fmt: skip
        x_adv = attack(study.model, clips.x, clips.y, **given)
        share = fooled_share(study.model, x_adv, clips.y, room, targets=study.targets,
                             seed=study.seed, ids=clips.ids)  # fmt: skip
        found[name] = float(share.mean())
    return {**found, "clips": len(clips.ids), "rooms": 32, "snr": LOUD}


def one_for_all(study: Study, learned_on: Samples, steps: int) -> dict[str, Any]:
    """Return the success at `LOUD` of a universal perturbation, and of noise of equal loudness.

    The perturbation is learned on other clips than those that success is measured on. It has one
    loudness: `LOUD` below the median clip.
    """
    eps = float(study.radius(LOUD).median())
    x, y = learned_on.x, learned_on.y
    pattern = learn_universal(study.model, x, y, eps=eps, norm="L2", steps=steps, step=0.2)
    noise = torch.randn(pattern.shape, generator=torch.Generator().manual_seed(study.seed))
    noise = noise.to(pattern) / noise.norm()

    def success(sound: torch.Tensor) -> Share:
        fooled, _ = study.judged((study.right.x + eps * sound).clamp(0, 1), None)
        return wilson(int(fooled.sum()), len(fooled))

    return {"success": success(pattern), "noise": success(noise), "snr": LOUD,
            "learned_on": len(y)}  # fmt: skip


def transferred(study: Study, other: Classifier, steps: int) -> dict[str, Any]:
    """Return how often this model's examples, at `LOUD`, fool an independently trained model."""
    clips = study.right
    x_adv = ATTACKS["apgd"](study.model, clips.x, clips.y, eps=study.radius(LOUD), norm="L2",
                            steps=steps, loss="ce", seed=study.seed, ids=clips.ids)  # fmt: skip
    own, _ = study.judged(x_adv, None)
    with torch.no_grad():
        right = other(clips.x).argmax(1) == clips.y
        misread = other(x_adv).argmax(1) != clips.y
        change = (x_adv - clips.x).flip(1)
        reversed_noise = other((clips.x + change).clamp(0, 1)).argmax(1) != clips.y

    def share(hits: torch.Tensor) -> Share:
        return wilson(int((hits & right).sum()), int(right.sum()))

    return {"own": wilson(int(own.sum()), len(own)), "success": share(misread),
            "backwards": share(reversed_noise), "snr": LOUD, "other": other.name}  # fmt: skip


def closed_form(study: Study, linear: Classifier) -> dict[str, Any]:
    """Return the distances found by an attack on a linear net's log-mel input, over the exact ones.

    The input is the spectrogram, scaled down around 0.5 so that the box does not constrain; the
    exact L2 distance between two classes is the margin over the norm of their weight difference.
    """
    heard, head = linear.net[0], linear.net[-1]  # type: ignore[index]
    with torch.no_grad():
        features = heard(linear._normalise(study.right.x)).flatten(1)
    weight, bias = head.weight, head.bias

    z = 0.5 + features / 40
    logits = features @ weight.T + bias
    read = logits.argmax(1)
    pair = torch.stack([read, (read + 1) % weight.shape[0]], 1)
    first, second = weight[pair[:, 0]], weight[pair[:, 1]]
    gap = logits.gather(1, pair[:, :1]) - logits.gather(1, pair[:, 1:])
    exact = gap[:, 0] / (40 * (first - second).norm(dim=1))

    def found(i: int) -> torch.Tensor:
        two, shift, first = weight[pair[i]], bias[pair[i]], torch.zeros_like(read[:1])
        return ATTACKS["ddn"](lambda v: (v - 0.5) * 40 @ two.T + shift, z[i : i + 1], first,
                              eps=None, norm="L2", steps=100)  # fmt: skip

    ratios = [float((found(i) - z[i]).norm() / exact[i]) for i in range(len(z))]
    return {"clips": len(z), "least": min(ratios), "most": max(ratios)}


def amplified(change: torch.Tensor, peak: float = 0.5) -> torch.Tensor:
    """Return a perturbation scaled so that its peak is ``peak``, (n, length)."""
    return change * rows(peak / change.abs().amax(1).clamp_min(1e-9), change)
