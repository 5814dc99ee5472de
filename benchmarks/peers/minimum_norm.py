"""Minimum-norm attacks of other libraries with the signature of advkit's."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ORDER = {"Linf": float("inf"), "L2": 2, "L1": 1, "L0": 0}
REACH = {"Linf": 1.0, "L2": 10.0, "L1": 100.0}  # initial eps of a search
HERE = f"{__name__}:"

STRONGEST = {
    "Linf": (
        f"{HERE}adv_lib_fmn:steps=500",
        f"{HERE}adv_lib_fmn:steps=1000",
        f"{HERE}adv_lib_pdpgd:steps=500",
        f"{HERE}adv_lib_fab:steps=100",
        f"{HERE}adv_lib_apgd:steps=49",
        f"{HERE}foolbox_fmn:steps=500",
        f"{HERE}torchattacks_fab:steps=45",
    ),
    "L2": (
        f"{HERE}adv_lib_ddn:steps=500",
        f"{HERE}adv_lib_fmn:steps=500",
        f"{HERE}adv_lib_alma:steps=500",
        f"{HERE}adv_lib_alma:steps=1000",
        f"{HERE}adv_lib_pdgd:steps=500",
        f"{HERE}adv_lib_fab:steps=100",
        f"{HERE}adv_lib_apgd:steps=49",
        f"{HERE}foolbox_cw:steps=55",
    ),
    "L1": (
        f"{HERE}adv_lib_fmn:steps=500",
        f"{HERE}adv_lib_pdpgd:steps=500",
        f"{HERE}adv_lib_alma:steps=500",
        f"{HERE}adv_lib_fab:steps=100",
        f"{HERE}adv_lib_apgd:steps=49",
        f"{HERE}foolbox_ead:steps=55",
    ),
    "L0": (
        f"{HERE}adv_lib_sigma_zero:steps=500",
        f"{HERE}adv_lib_fmn:steps=500",
        f"{HERE}adv_lib_vfga",
    ),
}


def _quiet(attack: Callable[[], Any]) -> Tensor:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attack()
    return found.detach()  # type: ignore[no-any-return]


def adv_lib_fmn(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 500, **_asked: Any
) -> Tensor:
    """Run FMN of adv-lib."""
    from adv_lib.attacks import fmn

    return _quiet(lambda: fmn(model, x, y, norm=ORDER[norm], steps=steps))


def adv_lib_ddn(model: Any, x: Tensor, y: Tensor, *, steps: int = 500, **_asked: Any) -> Tensor:
    """Run DDN of adv-lib, without its rounding to 256 levels."""
    from adv_lib.attacks import ddn

    return _quiet(lambda: ddn(model, x, y, steps=steps, levels=None))


def adv_lib_alma(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 500, **_asked: Any
) -> Tensor:
    """Run ALMA of adv-lib."""
    from adv_lib.attacks import alma

    return _quiet(lambda: alma(model, x, y, distance=norm.lower(), num_steps=steps))


def adv_lib_cw(model: Any, x: Tensor, y: Tensor, *, steps: int = 50, **_asked: Any) -> Tensor:
    """Run CW in Linf of adv-lib, ``steps`` for each weight and bound."""
    from adv_lib.attacks import carlini_wagner_linf

    return _quiet(lambda: carlini_wagner_linf(model, x, y, max_iterations=steps))


def adv_lib_pdgd(model: Any, x: Tensor, y: Tensor, *, steps: int = 500, **_asked: Any) -> Tensor:
    """Run PDGD of adv-lib."""
    from adv_lib.attacks import pdgd

    return _quiet(lambda: pdgd(model, x, y, num_steps=steps))


def adv_lib_pdpgd(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 500, **_asked: Any
) -> Tensor:
    """Run PDPGD of adv-lib."""
    from adv_lib.attacks import pdpgd

    return _quiet(lambda: pdpgd(model, x, y, norm=ORDER[norm], num_steps=steps))


def adv_lib_deepfool(model: Any, x: Tensor, y: Tensor, **_asked: Any) -> Tensor:
    """Run DeepFool of adv-lib in L2."""
    from adv_lib.attacks import df

    return _quiet(lambda: df(model, x, y))


def adv_lib_superdeepfool(model: Any, x: Tensor, y: Tensor, **_asked: Any) -> Tensor:
    """Run SuperDeepFool of adv-lib."""
    from adv_lib.attacks import sdf

    return _quiet(lambda: sdf(model, x, y))


def adv_lib_fab(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 100, **_asked: Any
) -> Tensor:
    """Run FAB of adv-lib, untargeted, without restarts."""
    from adv_lib.attacks import fab

    return _quiet(lambda: fab(model, x, y, norm=ORDER[norm], n_iter=steps))


def adv_lib_apgd(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 49, **_asked: Any
) -> Tensor:
    """Run APGD of adv-lib ten times, in a bisection over eps."""
    from adv_lib.attacks.auto_pgd import minimal_apgd

    return _quiet(
        lambda: minimal_apgd(
            model, x, y, norm=ORDER[norm], max_eps=REACH[norm], binary_search_steps=10, n_iter=steps
        )
    )


def adv_lib_sigma_zero(
    model: Any, x: Tensor, y: Tensor, *, steps: int = 500, **_asked: Any
) -> Tensor:
    """Run sigma-zero of adv-lib."""
    from adv_lib.attacks import sigma_zero

    return _quiet(lambda: sigma_zero(model, x, y, num_steps=steps))


def adv_lib_vfga(model: Any, x: Tensor, y: Tensor, **_asked: Any) -> Tensor:
    """Run VFGA of adv-lib."""
    from adv_lib.attacks import vfga

    return _quiet(lambda: vfga(model, x, y, targeted=False))


def _foolbox(model: Any, attack: Any, x: Tensor, y: Tensor) -> Tensor:
    import foolbox

    net = foolbox.PyTorchModel(model, bounds=(0, 1))
    return _quiet(lambda: attack(net, x, y, epsilons=None)[1])


def foolbox_fmn(model: Any, x: Tensor, y: Tensor, *, steps: int = 500, **_asked: Any) -> Tensor:
    """Run FMN of foolbox in Linf."""
    from foolbox.attacks import LInfFMNAttack

    return _foolbox(model, LInfFMNAttack(steps=steps), x, y)


def foolbox_cw(model: Any, x: Tensor, y: Tensor, *, steps: int = 55, **_asked: Any) -> Tensor:
    """Run Carlini and Wagner's L2 attack of foolbox, nine searches of ``steps``."""
    from foolbox.attacks import L2CarliniWagnerAttack

    return _foolbox(model, L2CarliniWagnerAttack(steps=steps), x, y)


def foolbox_ead(model: Any, x: Tensor, y: Tensor, *, steps: int = 55, **_asked: Any) -> Tensor:
    """Run EAD of foolbox, nine searches of ``steps``, by the L1 rule."""
    from foolbox.attacks import EADAttack

    return _foolbox(model, EADAttack(steps=steps, decision_rule="L1"), x, y)


def torchattacks_fab(
    model: Any, x: Tensor, y: Tensor, *, norm: str, steps: int = 45, **_asked: Any
) -> Tensor:
    """Run FAB of torchattacks, untargeted, without restarts, for any eps."""
    import torchattacks

    attack = torchattacks.FAB(model, norm=norm, eps=1.0, steps=steps, n_restarts=1)
    return _quiet(lambda: attack(x, y))
