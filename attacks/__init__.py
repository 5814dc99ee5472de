"""Attacks: ``attack(model, x, y, *, eps, norm, targets, seed, ids, ...) -> x_adv``.

Each takes images in [0, 1], (n, ...), and their labels (n,); stays within ``eps`` (a number, or
one per sample) of ``x`` in ``norm`` and in the box; and returns for every sample the best point
that it evaluated. ``eps=None``, the default of those that can, asks for the nearest fooling point
at any distance. It claims nothing: `advkit.evaluate.measure` judges. What follows the common
parameters in a signature are the attack's options, also on the command line
(``--attacks apgd:steps=50,loss=dlr``); the annotation of ``norm`` says which norms it has, and
the end of the docstring what it knows of the model, costs, and is good for (`attack_card`).
"""

from advkit.attacks.auto_pgd import apgd
from advkit.attacks.auto_pgd_targeted import apgd_targeted
from advkit.attacks.cards import AttackCard, attack_card
from advkit.attacks.decoupled_direction_norm import ddn
from advkit.attacks.fast_gradient import fgsm
from advkit.attacks.few_pixel_evolution import one_pixel
from advkit.attacks.options import Attack, Member, norms_of, parse
from advkit.attacks.projected_gradient import pgd
from advkit.attacks.random_noise import noise
from advkit.attacks.saliency_map import jsma
from advkit.attacks.smooth_count import sigma_zero
from advkit.attacks.square_attack import square
from advkit.attacks.thinning_to_few import thinning
from advkit.attacks.voting_folded_gaussian import vfga

ATTACKS: dict[str, Attack] = {
    # fixed budget
    "fgsm": fgsm,
    "pgd": pgd,
    "apgd": apgd,
    "apgd_targeted": apgd_targeted,
    # minimum norm
    "ddn": ddn,
    # minimum norm, sparse
    "sigma_zero": sigma_zero,
    "thinning": thinning,
    "vfga": vfga,
    "jsma": jsma,
    # score-based black box
    "square": square,
    "one_pixel": one_pixel,
    # spatial and common
    "noise": noise,
}

__all__ = ["ATTACKS", "Attack", "AttackCard", "Member", "attack_card", "norms_of", "parse"]
