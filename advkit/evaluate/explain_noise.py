"""Infidelity and max-sensitivity of maps under small noise."""

from functools import partial

import numpy as np
from torch import Tensor

from advkit.attacks import Member
from advkit.evaluate.explain_maps import Maps, Scene, full_size, maps_at
from advkit.insight.sensitivity import infidelity, max_sensitivity

DRAWS = 3
"""Noisy copies of each image that every method maps again."""
NOISE = 0.02
"""Standard deviation or size of the noise: small enough for gradients to predict its effect."""


def under_noise(scene: Scene, maps: Maps) -> list[dict[str, float | None]]:
    """Return per method the medians over images of infidelity and max-sensitivity.

    For noise too small to see (Yeh et al. 2019). Infidelity is relative to that of a map of zeros:
    0 predicts every effect of the noise on the score, 1 none. None if it is undefined for all
    images.
    """
    members = {member.label: member for member in scene.plan.methods}
    rows = []
    for number, (label, values) in enumerate(maps.items()):
        member = members[label]
        missed, nothing = infidelity(scene.look, _like_images(scene, member, values),
                                     noise=NOISE)  # fmt: skip
        moved = max_sensitivity(
            scene.look,
            partial(maps_at, member=member),
            draws=DRAWS,
            radius=NOISE,
            first=values,
        )
        rows.append({"infidelity": _median(missed / nothing), "max_sensitivity": _median(moved)})
        scene.progress("noise", number + 1, len(maps))
    return rows


def _like_images(scene: Scene, member: Member, values: Tensor) -> Tensor:
    """Return the map for every channel, the same one if the method does not separate channels."""
    x = scene.look.x
    own: Tensor = member.attack(scene.look)
    if own.shape == x.shape:
        return own
    return full_size(values, x)[:, None].expand_as(x)


def _median(values: Tensor) -> float | None:
    known = values[values.isfinite()].double().cpu().numpy()
    return float(np.median(known)) if len(known) else None
