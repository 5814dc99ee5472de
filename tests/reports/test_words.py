import pytest

from advkit.reports.tables import Interval
from advkit.reports.words import (
    bare,
    count,
    decimal,
    eps_both,
    eps_text,
    mean,
    options_of,
    percent,
    seconds,
    short,
    slug,
    spread,
    visible,
)


@pytest.mark.parametrize(
    ("eps", "norm", "text", "both"),
    [
        (8 / 255, "Linf", "8/255", "8/255 (0.0314)"),
        (1 / 255, "Linf", "1/255", "1/255 (0.00392)"),
        (0.1, "Linf", "0.1", "0.1"),
        (0.2, "Linf", "0.2", "0.2 (51/255)"),
        (1.0, "Linf", "1", "1 (255/255)"),
        (0.0, "Linf", "0", "0"),
        (0.0314, "Linf", "0.0314", "0.0314"),
        (8 / 255, "L2", "0.0314", "0.0314"),
        (128 / 255, "L2", "0.502", "0.502"),
        (1500.0, "L1", "1500", "1500"),
    ],
)
def test_eps_is_a_fraction_of_255_only_where_it_is_one(
    eps: float, norm: str, text: str, both: str
) -> None:
    assert (eps_text(eps, norm), eps_both(eps, norm)) == (text, both)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0%"), (1, "100.0%"), (0.7234, "72.3%"), (0.9999, ">99.9%"), (0.0001, "<0.1%")],
)
def test_percent_says_all_or_nothing_only_when_it_is(share: float, text: str) -> None:
    assert percent(share) == text


def test_numbers_read_well() -> None:
    assert spread(Interval(0.87, 0.849, 0.8905, 869, 1000)) == "84.9 to 89.0%"
    assert [count(12345), mean(40.0), mean(40.71), mean(4912.3)] == [
        "12,345",
        "40",
        "40.7",
        "4,912",
    ]
    assert [seconds(0), seconds(0.004), seconds(9.62), seconds(1234.5)] == [
        "0.0",
        "0.004",
        "9.6",
        "1,234.5",
    ]
    assert [decimal(0.03137), decimal(0), decimal(2.5)] == ["0.0314", "0", "2.5"]


def test_hidden_characters_are_shown_for_what_they_are() -> None:
    assert visible("a\u202eb\x00c\ud800d\uffff") == "a<U+202E>b<U+0000>c<U+D800>d<U+FFFF>"
    assert visible("naïve 数据 \U0001f600\n\t") == "naïve 数据 \U0001f600\n\t"
    visible("".join(map(chr, range(0x110000)))).encode("utf-8")


def test_long_names_are_cut_and_ids_are_plain() -> None:
    assert short("x" * 60) == "x" * 60
    assert short("x" * 10_000) == "x" * 59 + "…"
    assert slug('a/b "c"<d>é') == "a-b-c-d"
    assert slug("数据") == "x"
    assert len(slug("x" * 10_000)) == 48


def test_an_attack_loses_its_options_but_not_its_module() -> None:
    assert bare("pgd:steps=40,step=0.1") == "pgd"
    assert bare("pgd") == "pgd"
    assert bare("mine.attacks:wild") == "mine.attacks:wild"
    assert bare("mine.attacks:wild:steps=2") == "mine.attacks:wild"
    assert bare("straight_through+smoothed(apgd:steps=30,loss=ce)") == (
        "straight_through+smoothed(apgd)")  # fmt: skip
    assert options_of("smoothed(apgd:steps=30,loss=ce)") == ["steps=30", "loss=ce"]
    assert options_of("mine.attacks:wild") == []
