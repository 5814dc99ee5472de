"""Any attack, with a substitute gradient if the model's own is misleading."""

from collections.abc import Callable

from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, text_of
from advkit.attacks.options import Attack
from advkit.engine.objectives import Model


def through(attack: Attack, change: Callable[[Model], Model]) -> Attack:
    """Return ``attack`` on ``change(model)``: the same outputs, another gradient.

    For models whose own gradient is missing or misleads (Athalye et al. 2018): ``change`` is
    `advkit.engine.straight_through` to pass rounding, thresholds and detours outside torch;
    `before_softmax` to reach the logits; `backwards_turned`; or a function of your own, such as one
    that omits a preprocessing step. The judge queries the model itself. It costs what ``attack``
    costs.
    """
    face = alone(face_of(attack), "through")

    def body(call: Call) -> Tensor:
        return call._replace(model=change(call.model)).run(attack)

    name, what = face.card.name, getattr(change, "__name__", "change")
    return attack_from(
        body,
        face,
        name=f"{what}({name})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return what {name} finds with the gradient of {what}(model).",
            "The outputs are the model's own (BPDA, Athalye et al. 2018).",
            face,
            face.cost,
            use="models whose own gradient is missing or misleads.",
            fails="where the substitute gradient is no better.",
        ),
    )
