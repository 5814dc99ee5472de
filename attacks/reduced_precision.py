"""Any attack in bfloat16, with its results confirmed and, if necessary, repaired in float32."""

import torch
from torch import Tensor

from advkit.attacks.options import Attack
from advkit.attacks.quick_copy import on_a_copy
from advkit.engine.objectives import Model


def in_bfloat16(attack: Attack) -> Attack:
    """Return the attack with the model in bfloat16, and every result checked in full precision.

    ``attack`` runs with the model under `torch.autocast`; images, distances and steps stay as they
    are. Results are confirmed and repaired in full precision, as in `on_a_copy`.
    """
    return on_a_copy(attack, in_half, "in_bfloat16")


def in_half(model: Model) -> Model:
    """Return the model under `torch.autocast` in bfloat16, with outputs in the type of ``x``."""

    def ask(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            output = model(x)
        return output.to(x.dtype) if output.is_floating_point() else output

    return ask
