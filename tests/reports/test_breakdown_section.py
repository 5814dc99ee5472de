"""Classes, confusions, distances and extremes on the page are those of the breakdown."""

from dataclasses import replace

from advkit.reports.breakdown import class_table, confusion, distances, extremes
from tests.reports.sample_audit import CLASSES
from tests.reports.sample_default import default_sized_audit, sample_breakdown

AUDIT, PARTS = default_sized_audit(), sample_breakdown()


def test_classes_come_with_the_least_robust_first() -> None:
    table = class_table(AUDIT, PARTS)
    assert [row[0].text for row in table.rows] == list(reversed(CLASSES))
    assert [cell.text for cell in table.rows[0][1:6]] == ["100", "90.0%", "79.0%", "68.0%", "57.0%"]


def test_confusion_draws_every_pair_and_its_number() -> None:
    figure = confusion(AUDIT, PARTS)
    assert figure
    shown = {(row[0].text, row[1].text): row[2].value for row in figure.data.rows}
    assert shown == {(true, read): n for true, read, n in PARTS.confusion}
    assert all(f">{name}<" in figure.wide for name in CLASSES)
    assert confusion(AUDIT, replace(PARTS, confusion=[])) is None


def test_distances_say_what_lies_beyond_the_edge() -> None:
    figure = distances(AUDIT, PARTS)
    assert figure
    assert sum(row[2].value or 0 for row in figure.data.rows) == sum(PARTS.distances)
    assert "18 correct images are beyond 0.233 or without an example" in figure.caption


def test_an_image_without_an_example_has_no_distance() -> None:
    table = extremes(replace(PARTS, hardest=[("test-1", "Bag", None)]))
    assert (table.rows[-1][-1].text, table.rows[-1][-1].value) == ("none found", None)
    assert [row[0].text for row in table.rows] == ["first"] * 6 + ["last"]
