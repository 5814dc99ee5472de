import pytest

from advkit.reports.robustness_curve import NARROW, WIDE, Series, accuracy_curve, interval_bar
from advkit.reports.svg import text_width
from advkit.reports.tables import Interval
from tests.reports.sample_audit import sample_audit, wilson
from tests.reports.svg_reading import axis, corners, eps, numbers, of_class, parsed, share

CURVE = [(0.0, wilson(90, 100)), (3 / 255, wilson(60, 100)), (5 / 255, wilson(20, 100))]
MARKED = [(2 / 255, wilson(90, 100)), (4 / 255, wilson(60, 100)), (8 / 255, wilson(20, 100))]
LABEL_DROP = 4  # a y label's baseline lies this many pixels below the rule that it names


def draw(*series: Series, width: int = WIDE, norm: str = "Linf") -> str:
    return accuracy_curve(series, name="c", norm=norm, title="T", desc="D", width=width)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_marked_point_stands_at_its_value(width: int) -> None:
    root = parsed(draw(Series("a", CURVE, MARKED), width=width))
    to_eps, to_share = axis(root, "x", eps), axis(root, "y", share)
    dots = list(root.iter("circle"))
    assert len(dots) == len(MARKED)
    for dot, (at, interval) in zip(dots, MARKED, strict=True):
        x, y = numbers(dot, "cx", "cy")
        assert to_eps(x) == pytest.approx(at, abs=1e-4)
        assert to_share(y + LABEL_DROP) == pytest.approx(interval.value, abs=1e-4)


def test_whiskers_and_band_end_at_the_interval() -> None:
    root = parsed(draw(Series("a", CURVE, MARKED)))
    to_share = axis(root, "y", share)
    for line, (_, at) in zip(of_class(root, "whisker"), MARKED, strict=True):
        low, high = (to_share(y + LABEL_DROP) for y in numbers(line, "y1", "y2"))
        assert (low, high) == pytest.approx((at.low, at.high), abs=1e-4)
    (band,) = of_class(root, "band")
    heights = [to_share(y + LABEL_DROP) for _, y in corners(band)]
    assert min(heights) == pytest.approx(CURVE[-1][1].low, abs=1e-4)
    assert max(heights) == pytest.approx(CURVE[0][1].high, abs=1e-4)


def test_the_line_is_a_right_continuous_step_function() -> None:
    root = parsed(draw(Series("a", CURVE, MARKED)))
    to_eps, to_share = axis(root, "x", eps), axis(root, "y", share)
    (line,) = of_class(root, "line", "path")
    seen = [(to_eps(x) * 255, to_share(y + LABEL_DROP)) for x, y in corners(line)]
    expected = [(0, 0.9), (3, 0.9), (3, 0.6), (5, 0.6), (5, 0.2), (8, 0.2)]
    assert seen == [pytest.approx(corner, abs=0.02) for corner in expected]


def test_axis_counts_in_255ths_only_where_every_audited_eps_does() -> None:
    fractions = draw(Series("a", CURVE, MARKED))
    assert all(f">{n}/255<" in fractions for n in (2, 4, 6, 8))
    mixed = draw(Series("a", CURVE, [*MARKED, (0.1, wilson(0, 100))]))
    assert "/255<" not in mixed
    assert "/255<" not in draw(Series("a", CURVE, MARKED), norm="L2")


def test_series_differ_by_dash_and_marker_and_have_a_legend() -> None:
    root = parsed(draw(Series("one", CURVE, MARKED), Series("two", CURVE, MARKED)))
    first, second = of_class(root, "line", "path")
    assert first.get("stroke-dasharray") is None
    assert second.get("stroke-dasharray")
    assert len(list(root.iter("circle"))) == len(MARKED) + 1
    (legend,) = of_class(root, "legend")
    assert [text.text for text in legend.iter("text")] == ["one", "two"]


def test_values_are_printed_where_they_do_not_collide() -> None:
    close = [(0.1 + i / 1000, wilson(50 - i, 100)) for i in range(10)]
    root = parsed(draw(Series("a", close, close)))
    values = of_class(root, "value")
    assert [text.text for text in values] == ["41.0%"]  # that of the largest eps, which is quoted
    apart = [(0.0, wilson(100, 100)), (0.1, wilson(50, 100)), (0.2, wilson(0, 100))]
    root = parsed(draw(Series("a", apart, apart)))
    values = of_class(root, "value")
    assert [text.text for text in values] == ["100.0%", "50.0%", "0.0%"]
    (axis_name, _) = of_class(root, "axis-name")
    assert numbers(values[0], "x")[0] > numbers(axis_name, "x")[0] + text_width(axis_name.text)


def test_eps_zero_alone_can_be_drawn() -> None:
    parsed(draw(Series("a", [(0.0, wilson(9, 10))], [(0.0, wilson(9, 10))])))


def test_same_numbers_same_bytes_and_no_style_attribute() -> None:
    audit = sample_audit()
    series = Series("a", audit.curve, audit.robust)
    assert draw(series) == draw(series)
    assert "style=" not in draw(series)
    assert "#" not in draw(series)  # no colour of its own: light, dark and print decide


def test_interval_bar_is_to_scale_and_hidden_from_readers() -> None:
    root = parsed(interval_bar(Interval(0.5, 0.25, 0.75, 50, 100)))
    assert root.get("aria-hidden") == "true"
    assert numbers(of_class(root, "extent")[0], "x", "width") == [30, 60]
    assert numbers(of_class(root, "at")[0], "x") == [60]
