"""The settings of a run of `advkit explain`, checked before anything is loaded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from advkit.attacks import ATTACKS, Member, parse
from advkit.errors import UsageError
from advkit.insight.methods import method_of

USUAL = ("gradient", "smooth_grad", "integrated_gradients", "guided_backprop", "grad_cam",
         "occlusion")  # fmt: skip


class Plan(NamedTuple):
    """Which maps of which score, and the stages that use them."""

    methods: tuple[Member, ...]
    target: str
    layer: str
    segment: bool
    faithfulness: bool
    attack: Member | None
    eps: float
    norm: str
    seed: int

    def told(self) -> dict[str, Any]:
        """Return the settings that the results depend on, as plain values."""
        return {
            "methods": {member.label: member.options for member in self.methods},
            **{name: getattr(self, name) for name in ("target", "layer", "segment", "faithfulness",
                                                      "eps", "norm", "seed")},
            "attack": {self.attack.label: self.attack.options} if self.attack else None,
        }  # fmt: skip


def planned(
    methods: Sequence[str] = USUAL,
    *,
    target: str = "predicted",
    layer: str = "",
    segment: bool = False,
    faithfulness: bool = False,
    attack: str = "pgd",
    eps: float | None = None,
    norm: str = "Linf",
    seed: int = 0,
) -> Plan:
    """Return the plan; without ``eps`` nothing is attacked. Raises UsageError."""
    members = tuple(method_of(text) for text in dict.fromkeys(methods))
    if not members:
        raise UsageError("no method is given", "such as gradient or grad_cam", code="E204")
    attacked = parse(attack, ATTACKS) if eps is not None else None
    return Plan(members, target, layer, segment, faithfulness, attacked, eps or 0.0, norm, seed)
