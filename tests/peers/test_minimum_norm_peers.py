"""Minimum-norm attacks compared with other libraries: same net, images and passes."""

from importlib.util import find_spec

import numpy as np
import pytest

import advkit
from advkit.attacks import ATTACKS
from advkit.attacks.options import parse
from advkit.benchmarks.minimum_norm import Distances, run_attack
from advkit.benchmarks.peers import minimum_norm as peers

ROBUST, STANDARD = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist-cnn"
pytestmark = pytest.mark.filterwarnings("ignore")

PAIRS = [
    ("fmn:steps=100", "adv_lib_fmn:steps=100", "Linf"),
    ("fmn:steps=100", "foolbox_fmn:steps=100", "Linf"),
    ("fmn:steps=100", "adv_lib_fmn:steps=100", "L2"),
    ("fmn:steps=100", "adv_lib_fmn:steps=100", "L1"),
    ("ddn:steps=100", "adv_lib_ddn:steps=100", "L2"),
    ("fab:steps=20", "adv_lib_fab:steps=20", "Linf"),
    ("fab:steps=20", "adv_lib_fab:steps=20", "L2"),
    ("fab:steps=20", "adv_lib_fab:steps=20", "L1"),
    ("fab:steps=20", "torchattacks_fab:steps=20", "Linf"),
    ("pdgd:steps=240", "adv_lib_pdgd:steps=250", "L2"),
    ("pdpgd:steps=490", "adv_lib_pdpgd:steps=500", "L1"),
    ("pdpgd:steps=240", "adv_lib_pdpgd:steps=250", "L2"),
    ("pdpgd:steps=240", "adv_lib_pdpgd:steps=250", "Linf"),
    ("alma:steps=240", "adv_lib_alma:steps=250", "L2"),
    ("alma:steps=240", "adv_lib_alma:steps=250", "L1"),
    ("cw:searches=9,steps=21", "foolbox_cw:steps=30", "L2"),
    ("cw:searches=4,steps=55", "adv_lib_cw:steps=10", "Linf"),
    ("ead:searches=6,steps=22", "foolbox_ead:steps=30", "L1"),
    # adv-lib overshoots by each move, not by their sum: hardly at all where it ends.
    ("deepfool:overshoot=0", "adv_lib_deepfool", "L2"),
    ("superdeepfool:steps=70", "adv_lib_superdeepfool", "L2"),
    ("race:steps=49", "adv_lib_pdgd:steps=250", "L2"),
    ("race:steps=49", "adv_lib_fmn:steps=250", "Linf"),
    ("race:steps=249", "adv_lib_pdpgd:steps=250", "L1"),
]


def run(text: str, norm: str, net: str) -> tuple[Distances, float]:
    model, data = advkit.load_model(net), advkit.load_data("bundled:fashion-mnist", limit=72)
    return run_attack(parse(text, ATTACKS), model, data, norm)[1:3]


@pytest.mark.parametrize("net", [ROBUST, STANDARD])
@pytest.mark.parametrize(("ours", "theirs", "norm"), PAIRS)
def test_is_as_near_as_that_of_a_peer(ours: str, theirs: str, norm: str, net: str) -> None:
    library = theirs.split("_")[0].replace("adv", "adv_lib")
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    near, passes = run(ours, norm, net)
    far, paid = run(f"{peers.__name__}:{theirs}", norm, net)
    reach = max(near[np.isfinite(near)].max(), far[np.isfinite(far)].max())
    assert np.isfinite(near).sum() >= np.isfinite(far).sum()
    assert np.minimum(near, reach).mean() <= 1.01 * np.minimum(far, reach).mean()
    assert passes <= 1.01 * paid
