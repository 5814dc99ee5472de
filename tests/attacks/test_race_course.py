"""The course of a race pays what it is given, and lets walks leave in one direction only."""

from itertools import groupby, pairwise

import pytest

from advkit.attacks.race_course import PACES, course


@pytest.mark.parametrize("norm", PACES)
@pytest.mark.parametrize("walks", [1, 2, 5, 10])
@pytest.mark.parametrize("steps", [1, 9, 49, 100, 333, 499, 1000])
def test_a_course_is_paid_in_full(norm: str, steps: int, walks: int) -> None:
    moves = course(PACES[norm], steps, walks)
    sizes = [move.walks for move in moves]
    assert sum(sizes) == steps
    assert max(sizes) <= walks
    assert all(after <= before for before, after in pairwise(sizes))
    assert all(0 <= move.gone < 1 for move in moves)
    assert not moves[-1].returns, "the last move would look at a place seen before"
    rounds = [list(group) for _, group in groupby(moves, key=lambda move: move.round)]
    assert [group[-1].returns for group in rounds[:-1]] == [True] * (len(rounds) - 1)
    assert all(not move.returns for group in rounds for move in group[:-1])
    assert all(a.gone <= b.gone for group in rounds for a, b in pairwise(group))


def test_rounds_after_the_first_begin_with_a_leap() -> None:
    moves = course(PACES["L2"], 499, 10)
    assert moves[0].walks == 10
    later = [list(group) for number, group in groupby(moves, lambda m: m.round) if number]
    assert len(later) > 3
    leaps = PACES["L2"].leaps
    for number, group in enumerate(later, start=1):
        assert sum(move.leap for move in group) == leaps[number % len(leaps)]
        assert group[0].walks == 1
