"""Settings of each attack for the conformance tests, beyond its card, and their cases."""

from typing import Any, NamedTuple

import pytest
from torch import Tensor, nn

from advkit.attacks import ATTACKS, attack_card


class Subject(NamedTuple):
    """How to run one attack on a small net.

    ``options`` make it quick. ``random``: different seeds give different results. ``teeth``: how
    many of 32 images it must fool where the strongest attacks fool nearly all; 0 for baselines.
    """

    options: dict[str, Any] = {}  # noqa: RUF012
    random: bool = True
    teeth: int = 3


SUBJECTS: dict[str, Subject] = {
    # fixed budget
    "fgsm": Subject(random=False),
    "bim": Subject({"steps": 20}, random=False),
    "pgd": Subject({"steps": 20}),
    "coarse_pgd": Subject(),
    "mifgsm": Subject({"steps": 20}, random=False),
    "apgd": Subject({"steps": 25}),
    "apgd_targeted": Subject({"steps": 20}),
    # two phases
    "md": Subject({"steps": 14}),
    "pma": Subject({"steps": 14}),
    # transfer
    "nifgsm": Subject(random=False),
    "vmifgsm": Subject({"neighbours": 3}),
    "pifgsm": Subject(random=False),
    "pgn": Subject({"neighbours": 3}),
    "dim": Subject(),
    "tim": Subject(random=False),
    "sim": Subject({"scales": 2}, random=False),
    "admix": Subject({"mixes": 2, "scales": 2}),
    "bsr": Subject({"copies": 4}),
    "ila": Subject(random=False),
    "ens": Subject(random=False),
    "svre": Subject({"inner": 2}, random=False),
    # minimum norm
    "linear": Subject(random=False),
    "ddn": Subject({"steps": 20}, random=False),
    "deepfool": Subject({"steps": 10}, random=False),
    "superdeepfool": Subject({"steps": 15}, random=False),
    "fab": Subject({"steps": 20, "restarts": 2, "n_targets": 1}),
    "lbfgs": Subject({"steps": 8, "searches": 4}, random=False),
    "distortion": Subject(random=False),
    "fmn": Subject({"steps": 20}, random=False),
    "race": Subject({"steps": 30}, random=False),
    "pdgd": Subject({"steps": 60}, random=False),
    "pdpgd": Subject({"steps": 60}, random=False),
    "alma": Subject({"steps": 100}, random=False),
    "cw": Subject({"steps": 40, "searches": 2}, random=False),
    "ead": Subject({"steps": 30, "searches": 3}, random=False),
    # minimum norm, sparse
    "sigma_zero": Subject({"steps": 10, "swaps": 4}),
    "thinning": Subject({"steps": 2, "swaps": 1, "walks": 2}),
    "vfga": Subject({"steps": 8, "samples": 4}),
    "jsma": Subject({"steps": 8}, random=False),
    # score-based black box
    "square": Subject({"queries": 60}),
    "simba": Subject({"queries": 60}),
    "nes": Subject({"queries": 64, "pairs": 5}),
    "spsa": Subject({"queries": 64, "pairs": 5}),
    "zoo": Subject({"steps": 12, "coordinates": 16, "searches": 3}),
    "one_pixel": Subject({"population": 12, "steps": 3}),
    "sparse_rs": Subject({"queries": 40}),
    # decision-based black box
    "hopskipjump": Subject({"queries": 150, "probes": 10}),
    "geoda": Subject({"queries": 150, "probes": 20}),
    "boundary": Subject({"queries": 150}),
    "pointwise": Subject({"queries": 150}),
    # spatial and common
    "noise": Subject(teeth=0),
    "gaussian_blur": Subject({"rungs": 5, "bisections": 4}, random=False, teeth=0),
    "contrast": Subject({"rungs": 5, "bisections": 4}, random=False, teeth=0),
    "salt_and_pepper": Subject({"rungs": 5, "bisections": 4, "draws": 4}, teeth=0),
    "rotation_translation": Subject(
        {"angles": 1, "shifts": 1, "bisections": 4}, random=False, teeth=0
    ),
    # one perturbation for all
    "universal": Subject({"steps": 20}, random=False, teeth=0),
    "patch": Subject({"steps": 10, "draws": 3}, teeth=0),
}

EPS = {"Linf": 0.06, "L2": 0.5, "L1": 2.5, "L0": 12.0}
CARDS = {name: attack_card(name, attack) for name, attack in ATTACKS.items()}
CASES = [(name, norm) for name, card in CARDS.items() for norm in card.norms]
each = pytest.mark.parametrize(("name", "norm"), CASES)
each_attack = pytest.mark.parametrize("name", ATTACKS)


def run(name: str, model: nn.Module, x: Tensor, y: Tensor, **given: object) -> Tensor:
    """Run an attack with the options of its subject and the eps of its norm."""
    norm = given.get("norm", CARDS[name].norms[0])
    options = {"norm": norm, "eps": EPS[norm], **SUBJECTS[name].options, **given}
    return ATTACKS[name](model, x, y, **options)
