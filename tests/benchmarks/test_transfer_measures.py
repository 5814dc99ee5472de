"""Transfer measures on handmade tables."""

import numpy as np
import pytest
import torch

from advkit.benchmarks.label_queries import augmented, target_labels
from advkit.benchmarks.likeness import cka, codes, explained
from advkit.benchmarks.transfer_findings import _agrees
from advkit.benchmarks.transfer_measures import (
    Clean,
    Pair,
    across,
    best,
    difference,
    mean_share,
    pair,
    pair_rows,
    same_by_chance,
    same_class,
)
from advkit.benchmarks.transfer_runs import Key, Net, Read
from advkit.models.classifier import Classifier
from tests.attacks.problems import cnn, images

Y = np.zeros(6, dtype=np.int64)
CLEAN = Clean(Y, np.array([[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 2, 0]]), np.array([1, 1, 1, 2, 2, 2]))
SAID = np.array([[1, 1, 2, 0, 1, 1], [1, 2, 2, 0, 0, 1]])
NETS = [Net(name, name, Classifier(cnn(), name=name)) for name in "ab"]


def read(tried: int = 5) -> Read:
    return Read(SAID, np.arange(6) < tried)


def test_only_samples_that_both_read_right_count() -> None:
    one = pair(CLEAN, read(), CLEAN.right[0], 1, targeted=False)
    assert one.counted.tolist() == [True] * 4 + [False] * 2
    assert one.fooled.tolist() == [True, True, True, False, False, False]
    aimed = pair(CLEAN, read(), CLEAN.right[0], 1, targeted=True)
    assert aimed.fooled.tolist() == [True] + [False] * 5


def test_a_row_for_every_pair() -> None:
    rows = list(pair_rows(CLEAN, {Key("a", "bim", 0.1): read()}, NETS))
    itself, other = rows
    assert (itself["white_box"], itself["n"], itself["count"]) == (True, 5, 4)
    assert (other["white_box"], other["n"], other["count"]) == (False, 4, 3)
    assert other["success"] == 0.75
    assert other["low"] < 0.75 < other["high"]
    assert (other["fool_both"], other["same_class"]) == (3, 2)


def test_which_class_by_chance() -> None:
    """Three fooled of one label: a says 1, 1, 2 and b says 1, 2, 2: 4 of 9 meet at random."""
    import pandas as pd

    key = Key("a", "bim", 0.1)
    rows = pd.DataFrame(pair_rows(CLEAN, {key: read()}, NETS))
    assert same_class(rows) == 2 / 3
    assert same_by_chance(CLEAN, {key: read()}, NETS, key) == pytest.approx(4 / 9)


def made(n: int, share: float, seed: int) -> Pair:
    flags = np.random.default_rng(seed).random(n) < share
    return Pair(np.ones(n, dtype=bool), flags)


def test_the_mean_of_pairs_and_its_interval() -> None:
    one, two = made(400, 0.3, 0), made(400, 0.5, 1)
    found = mean_share([one, two], 0)
    assert found is not None
    assert found["value"] == pytest.approx((one.fooled.mean() + two.fooled.mean()) / 2)
    assert (found["n"], found["pairs"], found["count"]) == (
        800,
        2,
        one.fooled.sum() + two.fooled.sum(),
    )
    spread = np.sqrt((0.3 * 0.7 + 0.5 * 0.5) / 4 / 400)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * spread, rel=0.2)
    assert mean_share([], 0) is None
    assert mean_share([Pair(np.zeros(3, dtype=bool), np.zeros(3, dtype=bool))], 0) is None


def test_the_same_images_stand_behind_every_pair() -> None:
    """Ten pairs that fall on the same images tell no more than one."""
    one = made(400, 0.4, 0)
    alone, often = mean_share([one], 0), mean_share([one] * 10, 0)
    assert alone
    assert often
    assert (alone["low"], alone["high"]) == pytest.approx((often["low"], often["high"]))


def test_a_difference_is_taken_on_the_same_images() -> None:
    low, high = made(400, 0.4, 0), made(400, 0.4, 0)
    high.fooled[np.flatnonzero(~high.fooled)[:20]] = True
    found = difference([high], [low], 0)
    assert found is not None
    assert found["value"] == pytest.approx(0.05)
    assert 0.02 < found["low"] < 0.05 < found["high"] < 0.08
    nothing = difference([low], [low], 0)
    assert nothing == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert _agrees(found) == "This study agrees."
    assert "No conclusion" in _agrees(nothing)
    assert "opposite" in _agrees({"value": -1.0, "low": -2.0, "high": -0.5})


def test_the_best_attack_is_that_with_the_highest_mean() -> None:
    weak = read()._replace(classes=np.zeros((2, 6), dtype=np.int64))
    reads = {
        Key(s, a, 0.1): (read() if a == "bim" else weak) for s in "ab" for a in ("fgsm", "bim")
    }
    assert best(CLEAN, reads, NETS, ["fgsm", "bim"], 0.1) == "bim"
    assert len(across(CLEAN, reads, NETS, Key("", "bim", 0.1))) == 2
    assert len(across(CLEAN, reads, NETS, Key("", "bim", 0.1), white=True)) == 2
    assert not across(CLEAN, reads, NETS, Key("", "bim", 0.2))


def test_codes_that_are_turned_are_the_same_code() -> None:
    a = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))
    assert cka(a, 3 * a @ turn + 1) == pytest.approx(1)
    other = torch.randn(50, 6, generator=torch.Generator().manual_seed(2))
    assert cka(a, other) < 0.4
    assert cka(a, torch.zeros(50, 2)) == 0
    centred = [each.double() - each.double().mean(0) for each in (a, other)]
    p, q = centred
    slow = (p.T @ q).norm() ** 2 / ((p.T @ p).norm() * (q.T @ q).norm())
    assert cka(a, other) == pytest.approx(float(slow))


def test_the_code_is_what_the_last_linear_layer_is_given() -> None:
    net, x = cnn(), images(70)
    found = codes(Net("a", "a", Classifier(net, name="a")), x)
    torch.testing.assert_close(found, net[:-1](x).flatten(1))


def test_what_explains_all_and_what_explains_nothing() -> None:
    rng = np.random.default_rng(0)
    success = rng.random((9, 9))
    alike = {"same": success**3, "flat": np.ones((9, 9)), "else": rng.random((9, 9))}
    rows = {row["name"]: row for row in explained(success, alike, 0)}
    assert rows["same"]["rho"] == pytest.approx(1)
    assert rows["same"]["p"] < 0.01
    assert rows["same"]["pairs"] == 72
    assert abs(rows["else"]["rho"]) < 0.4
    assert rows["else"]["p"] > 0.05
    assert "flat" not in rows


def test_what_an_attacker_asks_next() -> None:
    net, x = Classifier(cnn(), name="net"), images(9)
    labels = target_labels(net, x)
    assert (labels == net(x).argmax(1)).all()
    moved = augmented([net, net], x, labels, 0.1)
    assert ((moved - x).abs() <= 0.1 + 1e-6).all()
    assert ((moved >= 0) & (moved <= 1)).all()
    before, after = (net(each).gather(1, labels[:, None]) for each in (x, moved))
    assert (after < before).all()
