"""Attacks: ``attack(model, x, y, *, eps, norm, targets, seed, ids, ...) -> x_adv``.

Each takes images in [0, 1], (n, ...), and their labels (n,); stays within ``eps`` (a number, or one
per sample) of ``x`` in ``norm`` and in the box; and returns for every sample the best point that it
evaluated. ``eps=None``, the default of minimum-norm attacks, requests the nearest adversarial
example at any distance. Success is judged by `advkit.evaluate.measure`. The parameters after the
common ones in a signature are the attack's options, also on the command line
(``--attacks apgd:steps=50,loss=dlr``); the annotation of ``norm`` says which norms it has, and the
end of the docstring what it knows of the model, costs, and is good for (`attack_card`).

>>> model, images = advkit.load_model("bundled:digits-cnn"), advkit.load_data("bundled:digits")
>>> x, y = images.x[:10], images.y[:10]
>>> x_adv = advkit.attacks.apgd(model, x, y, eps=0.2, norm="Linf", steps=20)
>>> bool((x_adv - x).abs().max() <= 0.2 + 1e-6), int((model(x_adv).argmax(1) != y).sum())
(True, 9)

HIGHER_ORDER are functions from attacks to an attack, which has the same signature and the same
options: ``restarted(pgd, 5)(model, x, y, eps=8 / 255, steps=20)``.
"""

from collections.abc import Callable

from advkit.attacks.augmented_lagrangian import alma
from advkit.attacks.auto_pgd import apgd
from advkit.attacks.auto_pgd_targeted import apgd_targeted
from advkit.attacks.averaged_transforms import on_average
from advkit.attacks.basic_iterative import bim
from advkit.attacks.block_shuffle import bsr
from advkit.attacks.blurring import gaussian_blur
from advkit.attacks.boundary_walk import boundary
from advkit.attacks.box_constrained_lbfgs import lbfgs
from advkit.attacks.cards import AttackCard, attack_card
from advkit.attacks.carlini_wagner import cw
from advkit.attacks.changed_gradient import through
from advkit.attacks.checked_calls import checked
from advkit.attacks.coarse_corners import coarse_pgd
from advkit.attacks.contrast_change import contrast
from advkit.attacks.decoupled_direction_norm import ddn
from advkit.attacks.diverse_inputs import dim
from advkit.attacks.elastic_net import ead
from advkit.attacks.ensemble_fusion import ens
from advkit.attacks.fast_adaptive_boundary import fab
from advkit.attacks.fast_gradient import fgsm
from advkit.attacks.fast_minimum_norm import fmn
from advkit.attacks.few_pixel_evolution import one_pixel
from advkit.attacks.frequency_band import in_band
from advkit.attacks.geometric_decisions import geoda
from advkit.attacks.gradient_penalty import pgn
from advkit.attacks.hop_skip_jump import hopskipjump
from advkit.attacks.impulse_noise import salt_and_pepper
from advkit.attacks.intermediate_level import ila
from advkit.attacks.linear_closed_form import linear
from advkit.attacks.margin_decomposition import md
from advkit.attacks.minimised_budget import minimised
from advkit.attacks.mixed_images import admix
from advkit.attacks.momentum_iterative import mifgsm
from advkit.attacks.natural_evolution import nes
from advkit.attacks.nearest_linearised_boundary import deepfool
from advkit.attacks.nesterov_iterative import nifgsm
from advkit.attacks.normal_aligned import superdeepfool
from advkit.attacks.one_for_all import universal
from advkit.attacks.options import Attack, Member, norms_of, parse
from advkit.attacks.patch_wise import pifgsm
from advkit.attacks.pointwise_reset import pointwise
from advkit.attacks.primal_dual import pdgd
from advkit.attacks.printed_patch import patch
from advkit.attacks.probability_margin import pma
from advkit.attacks.projected_gradient import pgd
from advkit.attacks.proximal_primal_dual import pdpgd
from advkit.attacks.race_of_targets import race
from advkit.attacks.random_noise import noise
from advkit.attacks.reduced_precision import in_bfloat16
from advkit.attacks.restarts_on_survivors import restarted
from advkit.attacks.rotations_and_translations import rotation_translation
from advkit.attacks.saliency_map import jsma
from advkit.attacks.scale_invariant import sim
from advkit.attacks.simple_black_box import simba
from advkit.attacks.simultaneous_perturbation import spsa
from advkit.attacks.smooth_count import sigma_zero
from advkit.attacks.sparse_random_search import sparse_rs
from advkit.attacks.square_attack import square
from advkit.attacks.strongest_of_several import strongest
from advkit.attacks.targets_per_sample import targeted
from advkit.attacks.thinning_to_few import thinning
from advkit.attacks.trained_distortion import distortion
from advkit.attacks.translation_invariant import tim
from advkit.attacks.variance_reduced import svre
from advkit.attacks.variance_tuned import vmifgsm
from advkit.attacks.voting_folded_gaussian import vfga
from advkit.attacks.zeroth_order import zoo

ATTACKS: dict[str, Attack] = {
    # fixed budget
    "fgsm": fgsm,
    "bim": bim,
    "pgd": pgd,
    "coarse_pgd": coarse_pgd,
    "mifgsm": mifgsm,
    "apgd": apgd,
    "apgd_targeted": apgd_targeted,
    # two phases
    "md": md,
    "pma": pma,
    # transfer
    "nifgsm": nifgsm,
    "vmifgsm": vmifgsm,
    "pifgsm": pifgsm,
    "pgn": pgn,
    "dim": dim,
    "tim": tim,
    "sim": sim,
    "admix": admix,
    "bsr": bsr,
    "ila": ila,
    "ens": ens,
    "svre": svre,
    # minimum norm
    "linear": linear,
    "ddn": ddn,
    "deepfool": deepfool,
    "superdeepfool": superdeepfool,
    "fab": fab,
    "lbfgs": lbfgs,
    "distortion": distortion,
    "fmn": fmn,
    "race": race,
    "pdgd": pdgd,
    "pdpgd": pdpgd,
    "alma": alma,
    "cw": cw,
    "ead": ead,
    # minimum norm, sparse
    "sigma_zero": sigma_zero,
    "thinning": thinning,
    "vfga": vfga,
    "jsma": jsma,
    # score-based black box
    "square": square,
    "simba": simba,
    "nes": nes,
    "spsa": spsa,
    "zoo": zoo,
    "one_pixel": one_pixel,
    "sparse_rs": sparse_rs,
    # decision-based black box
    "hopskipjump": hopskipjump,
    "geoda": geoda,
    "boundary": boundary,
    "pointwise": pointwise,
    # spatial and common
    "noise": noise,
    "gaussian_blur": gaussian_blur,
    "contrast": contrast,
    "salt_and_pepper": salt_and_pepper,
    "rotation_translation": rotation_translation,
    # one perturbation for all
    "universal": universal,
    "patch": patch,
}

ATTACKS = {name: checked(attack) for name, attack in ATTACKS.items()}
for _attack in ATTACKS.values():
    _attack.__module__ = __name__  # where pickle looks the attack up
globals().update(ATTACKS)  # so that `advkit.attacks.pgd` is ATTACKS["pgd"]

HIGHER_ORDER: dict[str, Callable[..., Attack]] = {
    # functions from attacks to an attack
    "restarted": restarted,
    "targeted": targeted,
    "strongest": strongest,
    "on_average": on_average,
    "minimised": minimised,
    "in_bfloat16": in_bfloat16,
    "through": through,
    "in_band": in_band,
}

__all__ = [
    "ATTACKS",
    "HIGHER_ORDER",
    "Attack",
    "AttackCard",
    "Member",
    "attack_card",
    "norms_of",
    "parse",
]
