"""Perturbations of sound within a band of frequencies: what a telephone lets through."""

import torch
from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, text_of
from advkit.attacks.options import Attack
from advkit.attacks.walks import radii
from advkit.engine import NORMS
from advkit.engine.stand_ins import replaced
from advkit.errors import UsageError


def in_band(attack: Attack, low: float, high: float, rate: int = 8000) -> Attack:
    """Return the attack whose perturbation has only frequencies from ``low`` to ``high`` Hz.

    ``attack`` is given the gradient with all other frequencies taken out, so that in L2, where
    steps go along it, it stays in the band by itself; what it returns is filtered once more, and
    brought back into ball and box, by which in norms other than L2 a little leaves the band. The
    last axis is time, at ``rate`` Hz. Raises UsageError for a band that there is not.
    """
    if not 0 <= low < high or low >= rate / 2:
        raise UsageError(f"the band {low:g}-{high:g} Hz is not possible at {rate} Hz",
                         f"from 0 to {rate / 2:g} Hz: --band 300-3400", code="E203")  # fmt: skip
    face = alone(face_of(attack), "in_band")

    def body(call: Call) -> Tensor:
        model = call.model
        through = call._replace(model=lambda z: model(replaced(z, filtered(z, low, high, rate))))
        change = filtered(through.run(attack) - call.x, low, high, rate)
        if call.eps is None:
            return (call.x + change).clamp(0, 1)
        return NORMS[call.norm].confine(call.x + change, call.x, radii(call.eps, call.x))

    name = face.card.name
    return attack_from(
        body,
        face,
        name=f"in_band({name})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return what {name} finds from {low:g} to {high:g} Hz alone.",
            "Only these frequencies of the gradient are followed.",
            face,
            face.cost,
            use="sounds that go over a telephone, or whose perturbation shall not hiss.",
            fails="where the model listens to other frequencies.",
        ),
    )


def filtered(x: Tensor, low: float, high: float, rate: int) -> Tensor:
    """Return signals (..., length) with the frequencies from ``low`` to ``high`` Hz alone."""
    length = x.shape[-1]
    spectrum = torch.fft.rfft(x)
    at = torch.arange(spectrum.shape[-1], device=x.device) * (rate / length)
    kept: Tensor = torch.fft.irfft(spectrum * ((at >= low) & (at <= high)), length)
    return kept
