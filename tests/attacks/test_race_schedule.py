"""The schedule of a race: it spends its budget exactly, and the set of runs only shrinks."""

from itertools import pairwise

import pytest

from advkit.attacks.race_schedule import PACES, onwards, paid, schedule

every_norm = pytest.mark.parametrize("norm", PACES)


@every_norm
@pytest.mark.parametrize("walks", [1, 2, 5, 10])
@pytest.mark.parametrize("steps", [1, 9, 24, 49, 100, 333, 499, 1000])
def test_a_course_is_paid_in_full(norm: str, steps: int, walks: int) -> None:
    first, later = schedule(PACES[norm], steps, walks)
    sizes = [move.walks for move in first]
    assert sum(sizes) + sum(map(paid, later)) == steps
    assert 1 <= max(sizes) <= walks
    assert all(after <= before for before, after in pairwise(sizes))
    assert {move.walks for moves in later for move in moves} <= {1}
    for moves in [first, *later]:
        assert all(0 <= move.gone < 1 for move in moves)
        assert all(a.gone <= b.gone for a, b in pairwise(moves))


@pytest.mark.parametrize(("norm", "walks"), [("L2", 3), ("L1", 5)])
def test_rounds_after_the_first_begin_with_a_leap(norm: str, walks: int) -> None:
    first, later = schedule(PACES[norm], 499, 5)
    leaps = PACES[norm].leaps
    assert first[0].walks == walks
    assert len(later) > 3
    for number, moves in enumerate([first, *later]):
        leap = leaps[number % len(leaps)]
        assert [move.leap for move in moves] == [True] * leap + [False] * (len(moves) - leap)


@every_norm
@pytest.mark.parametrize("steps", [1, 7, 18, 23, 43, 100, 168])
def test_going_on_pays_its_steps(norm: str, steps: int) -> None:
    rounds = onwards(PACES[norm], steps)
    assert sum(map(paid, rounds)) == steps
    assert {move.walks for moves in rounds for move in moves} <= {1}
    assert all(moves[0].leap == (norm != "Linf") for moves in rounds if moves)
