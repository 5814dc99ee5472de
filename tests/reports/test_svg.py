import pytest

from advkit.reports.svg import drawing, element, linear, number, ticks, whole_ticks


def test_children_and_attributes_are_escaped() -> None:
    hostile = "</svg><script>alert(1)</script>"
    assert "<script" not in element("text", hostile, x=hostile)
    assert element("g", element("a", "<"), class_="x", stroke_width=None) == (
        '<g class="x"><a>&lt;</a></g>'
    )


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.126, "0.13"), (-0.001, "0"), (120.50, "120.5"), (100, "100")]
)
def test_coordinates_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("high", [1e-4, 0.0314, 0.1, 0.2, 0.3, 0.75, 1, 3, 7.1, 42, 1500])
@pytest.mark.parametrize("most", [4, 6, 8])
def test_ticks_are_few_even_and_within(high: float, most: int) -> None:
    marks = ticks(high, most)
    assert marks[0] == 0
    assert 2 <= len(marks) <= most + 1
    assert marks[-1] <= high * 1.00001
    assert marks == pytest.approx([i * marks[1] for i in range(len(marks))])


def test_ticks_are_nice() -> None:
    assert ticks(0.2, 6) == [0, 0.05, 0.1, 0.15, 0.2]
    assert whole_ticks(8, 6) == [0, 2, 4, 6, 8]
    assert whole_ticks(1, 6) == [0, 1]
    assert whole_ticks(16, 4) == [0, 4, 8, 12, 16]


def test_a_drawing_is_named_and_described() -> None:
    svg = drawing("it", "A title", "What it shows", 100, 50)
    assert 'role="img"' in svg
    assert 'aria-labelledby="it-title it-desc"' in svg
    assert '<title id="it-title">A title</title><desc id="it-desc">What it shows</desc>' in svg


def test_linear_takes_ends_to_ends() -> None:
    scale = linear(0, 2, 10, 110)
    assert [scale(0), scale(1), scale(2)] == [10, 60, 110]
