import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advkit.reports import audit_page
from tests.browser.axe import looked_at
from tests.reports.sample_audit import COMMAND, sample_audit, sample_cards

Visit = Callable[..., Any]
PHONE = {"width": 360, "height": 740}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def colours(page: Any) -> tuple[str, str]:
    body = "getComputedStyle(document.body)"
    return page.evaluate(f"[{body}.backgroundColor, {body}.color]")


def test_the_first_screen_has_verdict_numbers_and_curve(visit: Visit) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    height = "element => element.getBoundingClientRect().top"
    assert page.locator("h1").evaluate(height) < 300
    assert page.locator(".tiles").evaluate(height) < 500
    assert page.locator("#curve").evaluate(height) < 800
    assert page.title() == "Audit of fashion-mnist-cnn-robust · advkit"


@pytest.mark.parametrize("width", [360, 480, 700, 900, 1100, 1440, 2560])
def test_no_width_scrolls_sideways(visit: Visit, width: int) -> None:
    page = visit(viewport={"width": width, "height": 900})
    assert page.evaluate(OVERFLOW) == 0
    drawn = "[...document.querySelectorAll('#curve svg')].filter(s => s.checkVisibility()).length"
    assert page.evaluate(drawn) == 1


def test_text_is_readable_on_a_phone(visit: Visit) -> None:
    page = visit(viewport=PHONE)
    sizes = page.evaluate(
        """[...document.querySelectorAll('.narrow svg')].map(
            s => 12 * s.getBoundingClientRect().width / s.viewBox.baseVal.width)"""
    )
    assert min(sizes) >= 11
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('p, td, th, dd, dt, a, li, figcaption')]
            .filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize)))"""
    )
    assert smallest >= 12


def test_without_javascript_everything_is_there(visit: Visit) -> None:
    page = visit(java_script_enabled=False, viewport=PHONE)
    text = page.locator("main").inner_text()
    for words in (
        "86.9%",
        "84.7 to 88.9%",
        "apgd-targeted",
        "true Sneaker",
        COMMAND,
        "upper bound",
    ):
        assert words in text
    for control in ("#theme", ".copy", "th button"):
        assert page.locator(f"{control}:visible").count() == 0
    assert page.locator("#curve svg:visible").count() == 1
    page.locator("#curve .data summary").click()
    assert page.locator("#curve td:visible").count() > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_and_can_be_switched(visit: Visit, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    before = colours(page)
    light = ["rgb(255, 255, 255)", "rgb(26, 30, 35)"]
    assert (before == light) == (scheme == "light")
    page.get_by_role("button", name="Dark" if scheme == "light" else "Light").click()
    assert (colours(page) == light) == (scheme == "dark")
    page.get_by_role("button", name=scheme.title()).click()
    assert colours(page) == before


def test_a_table_sorts_by_keyboard_alone(visit: Visit) -> None:
    page = visit()
    heading = page.locator("table.sortable th", has_text="fooled")
    for _ in range(60):
        page.keyboard.press("Tab")
        if heading.evaluate("th => th.contains(document.activeElement)"):
            break
    page.keyboard.press("Enter")
    values = [
        int(text) for text in page.locator("table.sortable td:nth-child(4)").all_inner_texts()
    ]
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values == sorted(values)
    assert "sorted by fooled, ascending" in page.locator("#said").inner_text()
    page.keyboard.press("Enter")
    values = [
        int(text) for text in page.locator("table.sortable td:nth-child(4)").all_inner_texts()
    ]
    assert values == sorted(values, reverse=True)
    assert page.locator("th[aria-sort]").count() == 1


def test_numbers_sort_as_numbers_and_words_as_words(visit: Visit) -> None:
    page = visit()
    page.locator("th button", has_text="forward / image").click()
    column = page.locator("table.sortable td:nth-child(7)").all_inner_texts()
    numbers = [float(text.replace(",", "")) for text in column]
    assert numbers == sorted(numbers)
    page.locator("th button", has_text="attack").click()
    names = page.locator("table.sortable td:nth-child(2)").all_inner_texts()
    assert names == sorted(names)


def test_skip_link_is_first_and_leads_to_the_content(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_command_is_copied_exactly(visit: Visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == COMMAND


def test_pictures_load_and_keep_their_pixels(visit: Visit) -> None:
    page = visit(viewport={"width": 1440, "height": 900})
    shown = page.locator(".triplet .picture img").evaluate_all(
        "all => all.map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"
    )
    assert len(shown) == 36
    assert all(done and seen == 3 * own for done, own, seen in shown)


def test_it_prints_with_every_table_unfolded(visit: Visit) -> None:
    page = visit(color_scheme="dark")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    pages = max(int(n) for n in re.findall(rb"/Count (\d+)", pdf))
    assert pages >= 3
    page.emulate_media(media="print")
    assert colours(page)[0] == "rgb(255, 255, 255)"
    assert page.locator("#theme:visible, .copy:visible, .contents:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(visit: Visit, scheme: str) -> None:
    """On a wide screen: test_every_page.py."""
    page = visit(color_scheme=scheme, viewport=PHONE)
    for summary in page.locator("summary").all():
        summary.click()
    found = looked_at(page, scheme)
    assert found.violations_count == 0, found.generate_report()


def test_hostile_names_do_nothing(visit: Visit, tmp_path: Path) -> None:
    name = (
        "</title></style></script><script>document.title='x'</script><img src=x onerror=alert(1)>"
    )
    cards = [replace(card, label=name, sample=name) for card in sample_cards(2)]
    path = tmp_path / "hostile.html"
    audit = sample_audit(verdict=name, model={"name": name}, command=name)
    path.write_text(audit_page(audit, cards), encoding="utf-8")
    page = visit(path, viewport=PHONE)
    assert page.locator("h1").inner_text() == name
    assert page.title().startswith("Audit of </title>")
    assert page.locator("img[onerror]").count() == 0
    assert page.evaluate(OVERFLOW) == 0


def test_photographs_fit_a_phone(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "photographs.html"
    cards = sample_cards(2, size=224, channels=3, eps=8 / 255)
    path.write_text(audit_page(sample_audit(), cards), encoding="utf-8")
    assert visit(path, viewport=PHONE).evaluate(OVERFLOW) == 0
