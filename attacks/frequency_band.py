"""Perturbations of sound within a frequency band, such as that of a telephone."""

import torch
from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, text_of
from advkit.attacks.options import Attack
from advkit.attacks.walks import radii
from advkit.engine import NORMS
from advkit.engine.substitute_gradients import replaced
from advkit.errors import UsageError


def in_band(attack: Attack, low: float, high: float, rate: int = 8000) -> Attack:
    """Return the attack whose perturbation has only frequencies from ``low`` to ``high`` Hz.

    ``attack`` is given the gradient with all other frequencies removed, so that in L2, where steps
    follow it, the perturbation stays in the band by itself. The result is filtered once more and
    projected onto ball and box; in norms other than L2 that leaves a little energy outside the
    band. The last axis is time, at ``rate`` Hz. Raises UsageError for a band that does not exist.
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
            f"Return what {name} finds within {low:g} to {high:g} Hz.",
            "Only these frequencies of the gradient are followed.",
            face,
            face.cost,
            use="sounds that go over a telephone, or whose perturbation must not hiss.",
            fails="where the model relies on other frequencies.",
        ),
    )


def filtered(x: Tensor, low: float, high: float, rate: int) -> Tensor:
    """Return signals (..., length) restricted to frequencies from ``low`` to ``high`` Hz."""
    length = x.shape[-1]
    spectrum = torch.fft.rfft(x)
    at = torch.arange(spectrum.shape[-1], device=x.device) * (rate / length)
    kept: Tensor = torch.fft.irfft(spectrum * ((at >= low) & (at <= high)), length)
    return kept
