"""The course of a race pays what it is given, and lets walks leave in one direction only."""

from itertools import groupby, pairwise

import pytest

from advkit.attacks.race_course import BESIDE, LONG, PACES, course, homewards, onwards, turns


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


@pytest.mark.parametrize("steps", [LONG, 151, 199, 400, 1000])
def test_turns_pay_for_all_that_is_beside_their_moves(steps: int) -> None:
    share = turns(steps)
    assert sum(share) + BESIDE == steps
    assert min(share) >= 0
    assert share.sparse > 10


@pytest.mark.parametrize("steps", [1, 7, 41, 42, 43, 100, 168])
def test_going_on_pays_its_steps_and_counts_its_rounds_on(steps: int) -> None:
    pace = PACES["L1"]
    moves = onwards(pace, steps, 5)
    assert [move.walks for move in moves] == [1] * steps
    assert moves[0].round == 5
    assert moves[0].leap
    assert all(b.round - a.round == a.returns for a, b in pairwise(moves))
    assert not moves[-1].returns
    home = homewards(steps, 5)
    assert len(home) == steps
    assert {(move.round, move.leap, move.returns) for move in home} == {(5, False, False)}
