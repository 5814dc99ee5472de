import re

import pytest

from advkit.reports import query_page, transfer_page
from advkit.reports.matrix import heat_map
from tests.reports.sample_transfer import NETS, sample_label_audit, sample_transfer
from tests.reports.test_page import HOSTILE, NAMES, Elements

PAGES = {
    "transfer": lambda name="": transfer_page(sample_transfer(name)),
    "labels": lambda name="": query_page(sample_label_audit(name)),
}


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("name", NAMES)
def test_no_name_becomes_markup(kind: str, name: str) -> None:
    page = PAGES[kind](name)
    elements = Elements(page)
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    assert HOSTILE not in page
    assert not [tag for tag, _ in elements.found if tag == "img" and tag == "script"]
    assert sum(tag == "script" for tag, _ in elements.found) == 1
    assert all(src.startswith("data:image/png") for src in elements.values("src"))


@pytest.mark.parametrize("kind", PAGES)
def test_every_link_of_the_contents_leads_somewhere(kind: str) -> None:
    elements = Elements(PAGES[kind]())
    links = [href[1:] for href in elements.values("href") if href.startswith("#")]
    assert set(links) <= set(elements.values("id"))
    labels = {one for text in elements.values("aria-labelledby") for one in text.split()}
    assert labels <= set(elements.values("id"))


def test_numbers_of_the_page_are_those_of_the_study() -> None:
    page = transfer_page(sample_transfer())
    study = sample_transfer()
    assert study.verdict in page
    for cell in study.cells:
        assert f"{cell.source}, {cell.target}: {100 * cell.share.value:.0f}" in page
    for text in ("noise:draws=1", "So it is here.", "44.0%", "Mantel", "a note", "17.0%"):
        assert text in page
    assert page.count("made on ") >= 3


def test_a_study_without_the_rest() -> None:
    page = transfer_page(sample_transfer(
        image=None, ensembles=[], robust_gap=[], predictors=[], points=[], notes=[], findings=[],
        targeted=[], itself=[], training="",
    ))  # fmt: skip
    for text in ("One image, every net", "Notes on this run", "What others report",
                 "What predicts which pairs", "From which net to which"):  # fmt: skip
        assert text not in page
    assert "Untargeted success in percent" in page
    elements = Elements(page)
    assert "notes" not in elements.values("id")


def test_marked_cells_are_framed_and_no_head_is_cut_off() -> None:
    names = ["short", "robust cnn 1 and more"]
    drawing = str(heat_map(
        [[0.5, 0.25], [0.75, 0.0]], names, names, name="m", title="t", desc="d", down="a",
        across="b", text=lambda share: f"{100 * share:.0f}", marked={(0, 0), (1, 1)},
    ))  # fmt: skip
    assert drawing.count('class="whisker"') == 2
    assert NETS
    plain = str(heat_map([[1.0]], ["a"], ["b"], name="m", title="t", desc="d", down="a",
                         across="b", text=str))  # fmt: skip
    assert "whisker" not in plain


def test_the_page_of_labels() -> None:
    page = query_page(sample_label_audit())
    for text in ("2,048", "65.0%", "93.0%", "4.0%", "Agreement"):
        assert text in page
    assert not re.search(r"<dd>None</dd>", page)
