import re
from dataclasses import replace

import pytest

from advkit.reports import audit_page
from advkit.reports.trust_panel import QUESTIONS, climb, panel
from tests.reports.sample_audit import sample_audit, sample_trust
from tests.reports.sample_default import default_sized_audit, sample_courses


@pytest.mark.parametrize("overall", ["ok", "repaired", "doubtful"])
def test_the_page_says_at_the_top_whether_to_trust_it(overall: str) -> None:
    page = audit_page(sample_audit(trust=sample_trust(overall)), [])
    top = page[page.index("<h1") : page.index('id="curve"')]
    assert QUESTIONS[overall] in top
    assert f'class="trust {overall}"' in top
    assert ("zero at 30 of 32" in top) is (overall != "ok")


def test_failed_checks_come_first_and_every_outcome_is_in_words() -> None:
    found = panel(sample_trust())
    assert [row[1].text for row in found.table.rows] == [
        "✗ failed", "✓ passed", "not run", "does not apply"]  # fmt: skip
    assert [row[1].warning for row in found.table.rows] == [True, False, False, False]
    assert found.why == "1 of 2 checks passed; 1 failed:"


def test_that_a_black_box_shows_little_is_said_at_the_top() -> None:
    """The page said "Nothing says otherwise" alone."""
    told = "The model is a black box: attacks saw its answers alone."
    calm = [check for check in sample_trust().checks if check.state != "fail"]
    found = panel(replace(sample_trust(), overall="ok", headline=told, checks=calm))
    assert found.why == f"{told} 1 of 1 checks passed."
    plain = panel(replace(sample_trust(), overall="ok", headline="All is well.", checks=calm))
    assert plain.why == "1 of 1 checks passed."


def test_a_run_from_before_there_were_checks_has_a_page() -> None:
    page = audit_page(sample_audit(trust=None), [])
    assert not re.search(r'class="trust|href="#trust"', page)


def test_the_way_of_those_that_stand_is_drawn_with_its_numbers() -> None:
    figure = climb(default_sized_audit())
    assert figure
    assert [row[0].text for row in figure.data.rows] == ["0", "5", "20", "50", "100"]
    assert [row[2].value for row in figure.data.rows] == sample_courses().middle
    assert "nearest -0.1" in figure.caption.replace("\N{MINUS SIGN}", "-")
    assert "fooled above" in figure.wide
    assert climb(sample_audit(trust=sample_trust())) is None
