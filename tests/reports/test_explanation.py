"""The page of maps: shared and stated scales, nothing hidden, and no jet colour map."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from advkit.reports.explanation import MAX_ROWS, explanation_page
from advkit.reports.heat import (
    BACKGROUND,
    OBJECT,
    heat_uri,
    outlined,
    palette,
    scale_of,
    seeded,
)
from advkit.reports.map_checks import verdict
from tests.reports.sample_explanation import sample_explanation


def opened(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_a_signed_map_is_symmetric_and_white_at_nothing() -> None:
    maps = np.array([[[-2.0, 0.0], [1.0, 2.0]]])
    scale = scale_of(maps, signed=True)
    assert scale.low == -scale.high
    found = opened(heat_uri(maps[0], scale))
    assert (found[0, 1] > 240).all()
    assert found[0, 0, 2] > found[0, 0, 0]  # against: blue
    assert found[1, 1, 0] > found[1, 1, 2]  # for: red
    against, in_favour = palette(True)[0], palette(True)[-1]
    assert not np.array_equal(against, in_favour)


def test_an_unsigned_map_grows_lighter_all_the_way() -> None:
    light = palette(False) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -0.5).all()
    assert light[0] < 2
    found = opened(
        heat_uri(np.array([[0.0, 0.5], [1.0, 9.0]]), scale_of(np.ones((1, 2, 2)), False))
    )
    assert found[0, 0].sum() < found[0, 1].sum() < found[1, 0].sum()
    assert np.array_equal(found[1, 0], found[1, 1])  # beyond the scale: its end


@pytest.mark.parametrize("signed", [True, False])
def test_a_map_of_nothing_is_drawn_as_nothing(signed: bool) -> None:
    zero = np.zeros((1, 3, 3))
    found = opened(heat_uri(zero[0], scale_of(zero, signed)))
    assert (found == found[0, 0]).all()
    assert (found[0, 0] > 240).all() if signed else found[0, 0].sum() < 8


def test_one_scale_for_all_images_of_a_method() -> None:
    maps = np.stack([np.full((20, 20), 0.1), np.full((20, 20), 1.0)])
    scale = scale_of(maps, False)
    weak, strong = (opened(heat_uri(one, scale))[0, 0].sum() for one in maps)
    assert weak < 0.5 * strong
    spike = np.zeros((1, 100, 100))
    spike[0, 0, 0] = 50.0
    spike[0, 1:3] = 1.0
    assert scale_of(spike, False).high == pytest.approx(1.0)


def test_objects_and_seeds_are_marked_where_they_are() -> None:
    image, mask = np.full((30, 30, 1), 0.5), np.zeros((30, 30), dtype=bool)
    mask[10:20, 8:22] = True
    found = outlined(image, mask, (10, 8, 20, 22)).astype(int)
    assert (found[15, 15] == 128).all()
    assert (found[2, 2] > 180).all()
    assert tuple(found[10, 8]) == BACKGROUND  # the box
    marked = seeded(image, np.stack([~mask, mask])).astype(int)
    assert marked[15, 15, 0] > marked[15, 15, 2]
    assert marked[2, 2, 2] > marked[2, 2, 0]
    assert OBJECT != BACKGROUND


def test_the_page_says_all_and_escapes_all() -> None:
    page = explanation_page(sample_explanation())
    for said in ("does not apply to GELU", "features.28, 7 x 7", "no evidence: all 0",
                 "not learnt", "sound", "mean overlap (IoU) of masks 0.710", "2 of 3",
                 "0 everywhere on 1 image", "training mode", "change \u00d7"):  # fmt: skip
        assert said in page, said
    assert "&lt;net&gt;" in page
    assert "<net>" not in page
    assert page.count('class="strip"') == 3 + 3 + 2 * 3
    alts = re.findall(r'alt="([^"]*)"', page)
    assert alts
    assert all(alts)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "sound"),
        ({"shallow": True}, "shallow"),
        ({"faithful": False, "shallow": True}, "doubtful"),
        ({"learnt": False, "shallow": True}, "not learnt"),
    ],
)
def test_the_verdict_is_the_worst_that_was_seen(changes: dict, word: str) -> None:
    assert verdict(replace(sample_explanation().beliefs[0], **changes)) == word


def test_a_run_of_maps_alone_has_no_other_sections() -> None:
    plain = replace(sample_explanation(), cuts=(), beliefs=(), chance=None, attacked=None)
    page = explanation_page(plain)
    for name in ("objects", "belief", "attack"):
        assert f'id="{name}"' not in page
    assert page == explanation_page(plain)


def test_many_and_large_images_are_capped_and_the_page_says_so() -> None:
    many = replace(sample_explanation(MAX_ROWS + 5), cuts=(), attacked=None)
    page = explanation_page(many)
    assert page.count('class="strip"') == MAX_ROWS
    assert f"{MAX_ROWS} of {MAX_ROWS + 5} images shown" in page
    large = explanation_page(sample_explanation(8, size=224, channels=3))
    assert len(large) < 10_000_000
