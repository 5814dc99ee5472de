"""The slider over the ten numbers, with and without a script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advkit.reports import linearity_page
from tests.reports.sample_linearity import sample_linearity

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("linearity") / "report.html"
    file.write_text(linearity_page(sample_linearity()), encoding="utf-8")
    return file


def test_the_slider_shows_one_state_after_another(visit: Visit, page_file: Path) -> None:
    page = visit(page_file)
    slider, shown = page.locator(".chooser input"), page.locator(".frame:visible")
    assert page.locator(".chooser output").inner_text() == "0.50"
    slider.focus()
    for presses, label, said in ((4, "0.30", "on the boundary"), (1, "0.25", "0.3775: class 0")):
        for _ in range(presses):
            slider.press("ArrowLeft")
        assert shown.count() == 1
        assert shown.get_attribute("data-label") == label
        assert page.locator(".chooser output").inner_text() == label
        assert slider.get_attribute("aria-valuetext") == label
        assert said in shown.inner_text()
    slider.press("Home")
    assert "= \u22123, so P(class 1) = 0.0474" in shown.inner_text()
    slider.press("End")
    assert shown.get_attribute("data-label") == "1.00"


def test_without_a_script_the_state_at_one_half_stands(visit: Visit, page_file: Path) -> None:
    page = visit(page_file, java_script_enabled=False)
    shown = page.locator(".frame:visible")
    assert shown.count() == 1
    assert "eps = 0.50" in shown.inner_text()
    assert "0.8808" in shown.inner_text()
    assert not page.locator(".chooser").is_visible()
