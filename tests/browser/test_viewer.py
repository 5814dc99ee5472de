"""The image viewer, and the filter above a table, by mouse and by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advkit.reports import audit_page
from tests.reports.sample_audit import sample_audit, sample_cards

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photographs") / "report.html"
    page = audit_page(sample_audit(), sample_cards(3, size=48, channels=3))
    file.write_text(page, encoding="utf-8")
    return file


def opened(page: Any) -> Any:
    """Open the first closer look; return its card."""
    card = page.locator(".card").first
    card.locator("summary").click()
    card.locator(".viewer").wait_for()
    return card


def uncovered(card: Any) -> str:
    return card.locator(".stage img").last.evaluate("img => img.style.clipPath")


def test_the_slider_uncovers_by_keyboard(visit: Visit, photographs: Path) -> None:
    card = opened(visit(photographs))
    slider = card.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    assert uncovered(card) == "inset(0px 49% 0px 0px)"
    slider.press("End")
    assert uncovered(card) in ("inset(0px)", "inset(0px 0% 0px 0px)")
    slider.press("Home")
    assert uncovered(card) == "inset(0px 100% 0px 0px)"


def test_the_stage_shows_the_two_pictures_of_the_card(visit: Visit, photographs: Path) -> None:
    card = opened(visit(photographs))
    source = "all => all.map(i => i.src)"
    stage = card.locator(".stage img").evaluate_all(source)
    pictures = card.locator(".picture img").evaluate_all(source)
    assert stage == [pictures[0], pictures[2]]


def test_blink_shows_one_after_the_other_and_stops(visit: Visit, photographs: Path) -> None:
    page = visit(photographs)
    card = opened(page)
    blink = card.get_by_role("button", name="Blink")
    blink.press("Enter")
    assert blink.get_attribute("aria-pressed") == "true"
    seen = set()
    for _ in range(8):
        page.wait_for_timeout(250)
        seen.add(uncovered(card))
    assert len(seen) == 2
    blink.press("Enter")
    assert blink.get_attribute("aria-pressed") == "false"
    assert uncovered(card) == "inset(0px 50% 0px 0px)"


def test_a_channel_is_shown_alone_and_grey(visit: Visit, photographs: Path, tmp_path: Path) -> None:
    from PIL import Image

    page = visit(photographs)
    card = opened(page)
    card.locator("select").select_option("green")
    shot = tmp_path / "shot.png"
    card.locator(".picture img").first.screenshot(path=shot)
    pixels = Image.open(shot).convert("RGB")
    middle = [pixels.getpixel((x, 40)) for x in range(10, 80, 7)]
    assert all(r == g == b for r, g, b in middle)
    card.locator("select").select_option("all")
    card.locator(".picture img").first.screenshot(path=shot)
    pixels = Image.open(shot).convert("RGB")
    assert any(len(set(pixels.getpixel((x, 40)))) > 1 for x in range(10, 80, 7))


def test_grey_pictures_have_no_channels(visit: Visit) -> None:
    assert opened(visit()).locator("select").count() == 0


def test_the_filter_keeps_rows_with_every_word(visit: Visit) -> None:
    page = visit()
    box = page.get_by_label("Show rows with")
    box.fill("apgd 0.1")
    rows = page.locator("table.sortable tbody tr")
    shown = [row.inner_text() for row in rows.all() if row.is_visible()]
    assert 0 < len(shown) < rows.count()
    assert all("apgd" in text and "0.1" in text for text in shown)
    assert f"{len(shown)} of {rows.count()}" in page.locator(".matches").inner_text()
    box.fill("")
    assert all(row.is_visible() for row in rows.all())
