from xml.etree import ElementTree as ET

import pytest

from advkit.reports.paper import write_figures
from advkit.reports.text_formats import Check, junit, markdown, model_card
from advkit.reports.threat_taxonomies import mapped
from tests.reports.sample_audit import sample_audit, sample_cards, sample_trust

CHECKS = [Check("linf@0.1 >= 0.6", 0.72, 0.69, True), Check("clean >= 0.9", 0.869, 0.847, False)]


def test_markdown_has_every_accuracy_and_says_what_is_not_met() -> None:
    text = markdown(sample_audit(), CHECKS)
    assert "| clean | 86.9% | 84.7 to 88.9% | 869 of 1,000 |" in text
    assert text.count("| Linf eps") == 5
    assert "| clean \\>= 0.9 | 86.9% | 84.7% | **not met** |" in text


def test_names_cannot_become_markup() -> None:
    name = "[x](http://e.example) <img src=y> `code` | a\n# b"
    text = markdown(sample_audit(verdict=name, command="```\n" + name, notes=[name]))
    assert "[x](" not in text.split("```")[0]
    assert "\n# b" not in text.split("```")[0]
    assert text.count("```") == 2


def test_junit_counts_what_failed() -> None:
    root = ET.fromstring(junit(sample_audit(), CHECKS))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("10", "1")
    assert len(suite) == 10
    (failed,) = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == "clean >= 0.9"
    assert "72.3%" in "".join(root.itertext())
    assert ET.fromstring(junit(sample_audit(command="\x00 <&>"), CHECKS)) is not None


@pytest.mark.parametrize(("overall", "failures"), [("ok", 0), ("repaired", 0), ("doubtful", 1)])
def test_what_speaks_against_the_numbers_is_said(overall: str, failures: int) -> None:
    audit = sample_audit(trust=sample_trust(overall))
    root = ET.fromstring(junit(audit))
    failed = [
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["zero_gradients"] * failures
    text = markdown(audit)
    assert f"Trust: **{overall}**" in text
    assert text.count("**failed**") == (overall != "ok")
    assert "Trust" not in markdown(sample_audit(trust=None))


def test_a_model_card_has_the_numbers_of_the_run() -> None:
    text = model_card(sample_audit())
    head = text.split("---")[1]
    assert "value: 0.8690" in head
    assert head.count("type: robust_accuracy") == 5
    assert "upper bound" in text


def test_attacks_map_to_the_terms_of_others() -> None:
    both = mapped(["gradients", "scores", "gradients of all samples", "nothing"])
    atlas = next(terms for source, terms in both.items() if "ATLAS" in source)
    assert "White-Box Optimization" in atlas
    assert "Black-Box Optimization" in atlas
    assert set(mapped([]).values()) == {""}


@pytest.mark.parametrize("form", ["pdf", "png", "svg"])
def test_figures_for_print_are_the_same_bytes_again(form: str, tmp_path) -> None:
    cards = sample_cards(2, size=12, channels=3)
    hostile = sample_audit(norm="Linf")
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    first = write_figures(hostile, cards, tmp_path / "a", form)
    again = write_figures(hostile, cards, tmp_path / "b", form)
    assert [file.name for file in first] == [
        f"{n}.{form}" for n in ("curve", "attacks", "examples")
    ]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.stat().st_size > 3000
