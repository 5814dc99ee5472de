"""Tables on a terminal: long names wrap, numbers are complete, and lines fit the width."""

import pytest

from advkit.cli.audit_page import attack_lines
from advkit.cli.layout import columns

LONG = "apgd_targeted:steps=60,n_targets=2,try_steps=5,loss=probability,by_distance=false"
OWN = "./a/folder/of/mine/with/a/name/that/goes/on/and/on/attacks.py:one_of_mine:steps=5"
ROWS = [
    {"attack": name, "eps": eps, "tried": 10_000, "fooled": 9_999, "forwards": 1000.0,
     "backwards": 999.0, "seconds": 12_345.6}
    for name, eps in (("pgd", 0.1), (LONG, 0.03137), (OWN, None))
]  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_names_of_attacks_are_whole(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = attack_lines(ROWS)
    lines = told.splitlines()
    assert max(map(len, lines)) <= width
    names = "".join(line[:38].strip() if width == 80 else line[:78].strip() for line in lines)
    assert LONG in names
    assert OWN in names
    assert told.count("1999.0  12345.6") == 3
    assert lines[1].split() == ["pgd", "0.1", "10,000", "9,999", "1999.0", "12345.6"]


def test_into_a_pipe_a_row_is_a_line() -> None:
    assert [line.split()[0] for line in attack_lines(ROWS).splitlines()[1:]] == ["pgd", LONG, OWN]


def test_of_texts_the_last_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = columns(("method", "result"), [(LONG, "it does not apply, for many reasons")])
    assert max(map(len, told.splitlines())) <= 80
    assert "it does not apply..." in told
    assert "".join(line[:58].strip() for line in told.splitlines()[1:]) == LONG


def test_where_no_attack_ran_there_is_no_head_without_rows() -> None:
    assert "tried" not in attack_lines([])
