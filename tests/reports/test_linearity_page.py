"""The page of linearity: its numbers, omitted parts, and escaping of names."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from advkit.reports import Shot, linearity_page
from advkit.reports.axes import powers_of_ten
from advkit.reports.linear_parts import pictures
from advkit.reports.lines import Line, line_chart
from tests.reports.sample_linearity import sample_linearity

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\u202e"


@pytest.fixture(scope="module")
def page() -> str:
    return linearity_page(sample_linearity())


def test_the_ten_numbers_and_the_flips_are_on_the_page(page: str) -> None:
    for text in ("0.0474", "0.8808", "0.948683", "= 2, so P(class 1) = 0.8808: class 1.",
                 "so P(class 1) = 0.5000: on the boundary.",
                 "= \u22123, so P(class 1) = 0.0474: class 0."):  # fmt: skip
        assert text in page, text
    frames = re.findall(r'<div class="frame" data-label="([\d.]+)"( hidden)?>', page)
    assert [label for label, _ in frames] == [f"{i / 20:.2f}" for i in range(21)]
    assert [label for label, hidden in frames if not hidden] == ["0.50"], "one without a script"


def test_every_part_has_its_figures_with_their_command_and_words(page: str) -> None:
    figures = re.findall(r'<div class="exhibit" id="([^"]+)">', page)
    wanted = ["dimension", "curve-two-Linf", "curve-two-L2", "spread-two", "curve-all-Linf",
              "curve-all-L2", "spread-all", "path", "way-bundled-digits-cnn", "manifold",
              "probes"]  # fmt: skip
    assert figures == wanted
    assert page.count("<summary>Command</summary>") == len(wanted)
    assert page.count("<summary>How to read this</summary>") == len(wanted)
    assert page.count("<summary>What this does not show</summary>") == len(wanted)
    assert "advkit linearity --data bundled:digits" in page


def test_every_picture_says_what_it_shows(page: str) -> None:
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) > 30
    for picture in pictures:
        assert re.search(r'alt="[^"]{8,}"', picture), picture
        assert 'src="data:image/png;base64,' in picture


def test_the_headline_is_what_the_table_says() -> None:
    study = sample_linearity()
    for name, value in (("missed_two", 3), ("missed_all", 7)):
        table = study.tables[name].assign(missed=value)
        study = replace(study, tables={**study.tables, name: table})
    page = linearity_page(study)
    assert "linear model misses 3 of" in page
    assert "and at most 7 of" in page


def test_parts_that_were_not_asked_for_are_not_there() -> None:
    study = sample_linearity()
    only = {name: study.tables[name] for name in ("numbers", "scores", "flips")}
    page = linearity_page(replace(study, tables=only))
    assert 'id="numbers"' in page
    for name in ("dimensions", "images", "decay", "nets", "data"):
        assert f'id="{name}"' not in page
        assert f'href="#{name}"' not in page


def test_names_are_only_text() -> None:
    study = sample_linearity()
    about = {**study.about, "data": HOSTILE, "pair": [HOSTILE, HOSTILE], "models": [HOSTILE]}
    tables = {name: table.assign(**{
        column: HOSTILE for column in ("net", "layer", "id", "label") if column in table
    }) for name, table in study.tables.items()}  # fmt: skip
    page = linearity_page(replace(study, about=about, tables=tables, notes=[HOSTILE]))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page


def test_where_nothing_is_right_there_is_no_chart_of_distances() -> None:
    study = sample_linearity()
    none = study.tables["distances_two"].assign(right=False, Linf=0.0)
    page = linearity_page(replace(study, tables={**study.tables, "distances_two": none}))
    assert 'id="spread-two"' not in page
    assert 'id="spread-all"' in page


def test_templates_share_one_scale_and_a_change_has_its_own() -> None:
    def shot(head: str, peak: float) -> Shot:
        return Shot("g", head, "", "", True, np.full((4, 4, 1), peak))

    drawn = pictures([shot("a", 0.5), shot("b", -2.0), shot("change", 0.25)], "g")
    assert [one.detail for one in drawn] == ["\u00b12", "\u00b12", "\u00b10.25"]
    assert not pictures([shot("a", 1.0)], "other")
    assert not np.isnan([one.width for one in pictures([shot("a", 0.0)], "g")]).any()


def test_axes_of_powers_and_marks_without_a_line() -> None:
    assert powers_of_ten(1, 5.2, 6) == [(float(i), f"{10**i:,}") for i in range(1, 6)]
    assert powers_of_ten(-1.1, 2, 2) == [(-1.0, "0.1"), (1.0, "10")]
    lines = [Line("exact", [(0, 0), (1, 1)]), Line("tried", [(0, 0), (0.5, 1), (1, 1)], dots=True)]
    drawn = line_chart(lines, name="x", title="t", desc="d", across="a", up="u")
    assert drawn.count('<path d="') == 1
    assert drawn.count("<rect") == 3 + 1  # the third is the legend's


def test_tables_of_frames_write_what_is_not_finite() -> None:
    from advkit.reports.linear_parts import Of, table_of

    table = table_of(pd.DataFrame({"a": [1.0, np.inf]}), "t", [Of("a", "A")])
    assert [row[0].text for row in table.rows] == ["1", "none"]
