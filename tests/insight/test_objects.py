"""The cut compared with brute force, and objects of known shape (insight, row 3.21)."""

from itertools import product

import numpy as np
import pytest

from advkit.errors import InapplicableError, InputError
from advkit.insight.graph_cut import NEIGHBOURS, contrast_links, graph_cut
from advkit.insight.segmentation import box_of, box_overlap, largest, overlap, segment


def energy(mask: np.ndarray, cost: np.ndarray, links: list[np.ndarray]) -> float:
    height, width = mask.shape
    total = np.where(mask, cost[..., 1], cost[..., 0]).sum()
    for (down, across, _), link in zip(NEIGHBOURS, links, strict=True):
        for y, x in product(range(height), range(width)):
            y2, x2 = y + down, x + across
            if 0 <= y2 < height and 0 <= x2 < width and mask[y, x] != mask[y2, x2]:
                total += link[y, x]
    return float(total)


def everything(height: int, width: int) -> np.ndarray:
    """Return every labelling, (2 ** pixels, height, width)."""
    numbers = np.arange(2 ** (height * width))
    return (
        (numbers[:, None] >> np.arange(height * width) & 1).astype(bool).reshape(-1, height, width)
    )


def energies(cost: np.ndarray, links: list[np.ndarray]) -> np.ndarray:
    """Return the energy of every labelling, all at once."""
    height, width = cost.shape[:2]
    masks = everything(height, width)
    total = np.where(masks, cost[..., 1], cost[..., 0]).sum((1, 2))
    for (down, across, _), link in zip(NEIGHBOURS, links, strict=True):
        for y, x in product(range(height), range(width)):
            y2, x2 = y + down, x + across
            if 0 <= y2 < height and 0 <= x2 < width:
                total = total + link[y, x] * (masks[:, y, x] != masks[:, y2, x2])
    return total


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_is_the_least_of_all_65536(seed: int) -> None:
    random = np.random.default_rng(seed)
    image, cost = random.random((4, 4, 3)), 4 * random.random((4, 4, 2))
    links = contrast_links(image, gamma=[0.1, 1.0, 3.0][seed % 3])
    found = graph_cut(cost, links)
    assert energy(found, cost, links) == pytest.approx(energies(cost, links).min(), abs=0.02)
    assert seed % 3 or 0 < found.sum() < 16


def test_costs_that_forbid_are_kept() -> None:
    random = np.random.default_rng(7)
    cost = random.random((4, 4, 2))
    cost[0, 0, 0] = cost[3, 3, 1] = np.inf
    links = contrast_links(random.random((4, 4, 1)), gamma=0.3)
    found = graph_cut(cost, links)
    assert found[0, 0]
    assert not found[3, 3]
    assert energy(found, cost, links) == pytest.approx(energies(cost, links).min(), abs=0.02)
    with pytest.raises(InputError, match="neither"):
        graph_cut(np.full((2, 2, 2), np.nan), contrast_links(np.zeros((2, 2, 1)), 1))


def test_without_links_each_pixel_decides_for_itself() -> None:
    random = np.random.default_rng(3)
    image, cost = random.random((9, 7, 3)), random.random((9, 7, 2))
    found = graph_cut(cost, contrast_links(image, gamma=0))
    sure = np.abs(cost[..., 0] - cost[..., 1]) > 0.002
    assert np.array_equal(found[sure], (cost[..., 1] < cost[..., 0])[sure])


def test_links_beyond_all_price_leave_one_label_unless_seeds_are_hard() -> None:
    random = np.random.default_rng(4)
    image, cost = random.random((6, 6, 1)), random.random((6, 6, 2))
    cost[..., 1] += 0.5
    links = contrast_links(image, gamma=1e6)
    assert not graph_cut(cost, links).any()
    cost[2, 2, 0] = cost[0, 0, 1] = np.inf
    found = graph_cut(cost, links)
    assert found[2, 2]
    assert not found[0, 0]


def test_swapping_the_sides_gives_the_complement() -> None:
    random = np.random.default_rng(5)
    image, cost = random.random((8, 8, 3)), 3 * random.random((8, 8, 2))
    links = contrast_links(image, gamma=0.7)
    found = graph_cut(cost, links)
    assert 0 < found.sum() < 64
    assert np.array_equal(graph_cut(cost[..., ::-1], links), ~found)


def two_colours(size: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image of a disc on a ground, a map that marks its middle, and the disc."""
    y, x = np.mgrid[:size, :size]
    disc = np.hypot(y - 17, x - 22) < 9
    image = np.where(disc[..., None], [0.8, 0.3, 0.2], [0.2, 0.4, 0.6])
    saliency = np.exp(-((y - 17) ** 2 + (x - 22) ** 2) / 18)
    return image, saliency, disc


@pytest.mark.parametrize("hard", [False, True])
def test_two_flat_colours_are_told_apart_to_the_pixel(hard: bool) -> None:
    image, saliency, disc = two_colours()
    found = segment(image, saliency, hard=hard)
    assert np.array_equal(found.mask, disc)
    assert found.box == (9, 14, 26, 31)
    assert found.note == ""
    assert overlap(found.mask, disc) == 1


def test_a_noisy_object_is_found_and_specks_are_left() -> None:
    image, saliency, disc = two_colours()
    random = np.random.default_rng(0)
    image = (image + 0.12 * random.standard_normal(image.shape)).clip(0, 1)
    image[2:4, 2:4] = [0.8, 0.3, 0.2]  # a speck of the object's colour
    found = segment(image, saliency)
    assert overlap(found.mask, disc) > 0.95
    assert not found.mask[:6, :6].any()


def test_what_cannot_be_cut_is_said() -> None:
    image, saliency, _ = two_colours()
    with pytest.raises(InapplicableError, match="flat"):
        segment(image, np.ones_like(saliency))
    with pytest.raises(InapplicableError, match="flat"):
        segment(image, np.zeros_like(saliency))
    grey = segment(np.full_like(image, 0.5), saliency)  # one colour everywhere
    assert grey.note
    assert "everything" in grey.note or "ambiguous" in grey.note or "no object" in grey.note


def test_boxes_and_overlaps() -> None:
    mask = np.zeros((8, 9), dtype=bool)
    mask[2:5, 3:7] = True
    mask[7, 0] = True
    assert box_of(largest(mask)) == (2, 3, 5, 7)
    assert box_of(np.zeros((3, 3), dtype=bool)) == (0, 0, 0, 0)
    assert box_overlap((0, 0, 4, 4), (2, 2, 6, 6)) == pytest.approx(4 / 28)
    assert box_overlap((0, 0, 2, 2), (2, 2, 4, 4)) == 0
    assert np.isnan(overlap(np.zeros((2, 2), bool), np.zeros((2, 2), bool)))
