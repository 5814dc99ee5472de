"""The slider that overlays maps on their images, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advkit.reports.explanation import explanation_page
from tests.reports.sample_explanation import sample_explanation

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("maps") / "maps.html"
    file.write_text(explanation_page(sample_explanation()), encoding="utf-8")
    return file


def test_the_slider_uncovers_the_image_in_grey(visit: Visit, maps: Path) -> None:
    page = visit(maps, viewport={"width": 1200, "height": 900})
    stage = page.locator("section").first.locator(".stage").first
    under, over = (stage.locator("img").nth(i) for i in (0, 1))
    image = page.locator(".strip").first.locator("img").first
    assert under.get_attribute("src") == image.get_attribute("src")
    assert "grayscale" in under.evaluate("one => getComputedStyle(one).filter")
    point = "one => { const at = one.getBoundingClientRect(); return document.elementFromPoint(" \
            "at.x + at.width / 2, at.y + at.height / 2) === one; }"  # fmt: skip
    assert over.evaluate(point), "the map lies above the image"
    slider = page.locator(".fade input").first
    slider.focus()
    assert over.evaluate("one => getComputedStyle(one).opacity") == "1"
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    assert over.evaluate("one => getComputedStyle(one).opacity") == "0.6"


def test_without_javascript_maps_are_bare(visit: Visit, maps: Path) -> None:
    page = visit(maps, java_script_enabled=False)
    assert page.locator(".stage").count() == 0
    assert page.locator(".strip img").count() == 3 * 3 + 3 * 4 + 3 * 6
