"""t-SNE compared with scikit-learn and with its definition; statistics of codes."""

import math

import numpy as np
import pytest
from sklearn.manifold._t_sne import _joint_probabilities

from advkit.errors import InputError
from advkit.evaluate.embed_run import _apart, near_of
from advkit.insight.embedding import (
    affinities,
    conditional,
    divergence,
    grid_places,
    linear_probe,
    neighbour_purity,
    reduced,
    squared,
    tsne,
)
from advkit.insight.likeness import peak_signal_to_noise, picture_ssim

RANDOM = np.random.default_rng(0)
CODES = RANDOM.normal(size=(40, 6))


def test_every_row_has_the_entropy_of_the_perplexity() -> None:
    p = conditional(CODES, 7.0)
    entropies = [-(row[row > 0] * np.log(row[row > 0])).sum() for row in p]
    assert np.allclose(entropies, math.log(7), atol=1e-5)
    assert np.allclose(p.sum(1), 1)
    assert (np.diag(p) == 0).all()


def test_affinities_are_those_of_scikit_learn() -> None:
    p = affinities(CODES, 7.0)
    assert np.allclose(p, p.T)
    assert p.sum() == pytest.approx(1)
    squares = ((CODES[:, None] - CODES[None]) ** 2).sum(-1)
    from scipy.spatial.distance import squareform

    theirs = squareform(_joint_probabilities(squares.astype(np.float32), 7.0, 0))
    assert np.allclose(p, theirs, atol=1e-6)


def test_affinities_do_not_see_rotation_place_or_scale() -> None:
    turn, _ = np.linalg.qr(RANDOM.normal(size=(6, 6)))
    assert np.allclose(affinities(3.7 * CODES @ turn + 5, 7.0), affinities(CODES, 7.0), atol=1e-8)


def test_the_slope_of_the_divergence() -> None:
    p, places = affinities(CODES, 7.0), RANDOM.normal(size=(40, 2))
    _, slope = divergence(p, places)
    d, h = RANDOM.normal(size=(40, 2)), 1e-6
    rise = (divergence(p, places + h * d)[0] - divergence(p, places - h * d)[0]) / (2 * h)
    assert rise == pytest.approx(float((slope * d).sum()), rel=1e-6)


def clusters(n: int = 60, apart: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(n) % 3
    centres = apart * np.eye(3, 8)
    return centres[labels] + np.random.default_rng(1).normal(size=(n, 8)), labels


def test_clusters_stay_clusters() -> None:
    codes, labels = clusters()
    found = tsne(codes, perplexity=10)
    assert neighbour_purity(found.places, labels, 1) == 1
    assert found.settings["perplexity"] == 10
    assert found.places.min() >= 0
    assert found.places.max() <= 1
    p = affinities(reduced(codes, 50), 10)
    assert found.divergence < divergence(p, squared(codes[:, :2]))[0]
    assert np.array_equal(found.places, tsne(codes, perplexity=10).places)


def test_perplexity_is_lowered_for_few_images() -> None:
    assert tsne(CODES[:10]).settings["perplexity"] == 3
    with pytest.raises(InputError, match="4 images are too few"):
        tsne(CODES[:4])


def test_purity_and_probe() -> None:
    codes, labels = clusters()
    assert neighbour_purity(codes, labels, 5) == 1
    assert linear_probe(codes, labels) == (60, 60, 5)
    shuffled = np.random.default_rng(2).permutation(labels)
    assert neighbour_purity(codes, shuffled, 5) < 0.5
    found = linear_probe(codes, shuffled)
    assert found is not None
    assert found.right < 35


def test_classes_of_one_image_are_left_out_of_the_probe() -> None:
    codes, labels = clusters()
    labels[0] = 7
    found = linear_probe(codes, labels)
    assert found is not None
    assert (found.right, found.n, found.folds) == (59, 59, 5)
    assert linear_probe(codes[:4], np.array([0, 1, 1, 1])) is None


def test_the_grid_holds_everyone_once() -> None:
    places = RANDOM.random((17, 2))
    cells, side = grid_places(places)
    assert side == 5
    assert len(set(cells.tolist())) == 17
    on_a_grid = np.stack(np.meshgrid([1 / 6, 0.5, 5 / 6], [1 / 6, 0.5, 5 / 6]), -1).reshape(-1, 2)
    assert grid_places(on_a_grid)[0].tolist() == list(range(9))


def test_likeness_of_pictures() -> None:
    a, b = np.full((12, 12, 1), 0.5), np.full((12, 12, 1), 0.6)
    assert peak_signal_to_noise(a, b) == pytest.approx(20)
    assert peak_signal_to_noise(a, a) == float("inf")
    first = 0.01**2
    assert picture_ssim(a, b) == pytest.approx((0.6 + first) / (0.61 + first))
    x = RANDOM.random((12, 12, 3))
    assert picture_ssim(x, x) == pytest.approx(1)
    assert picture_ssim(x, 1 - x) < 0


def test_the_attacked_are_counted_among_others_as_they_were_too() -> None:
    """Of two clusters, one image lay on the wrong side at first, and one was moved there."""
    codes = np.concatenate([np.zeros((12, 2)), np.full((12, 2), 9.0)])
    codes += np.random.default_rng(0).normal(0, 0.01, codes.shape)
    labels = np.repeat([0, 1], 12)
    labels[1] = 1
    moved = codes[:3] + np.array([[9.0, 9.0], [0.0, 0.0], [0.0, 0.0]])
    assert _apart(codes, moved, labels) == [1, 2]
    assert _apart(codes, moved[:0], labels) is None


def test_no_more_neighbours_are_looked_at_than_a_class_has() -> None:
    assert near_of(np.repeat(np.arange(10), 30)) == 10
    assert near_of(np.repeat(np.arange(10), 5)) == 4
    assert near_of(np.arange(10)) == 1
