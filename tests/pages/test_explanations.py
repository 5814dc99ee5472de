"""Verdicts derived from the measurements of a run."""

import pytest

from advkit.pages.explanations import beliefs_of
from advkit.reports.map_checks import verdict


def told(half: float, last: float, beats: int) -> dict:
    """Return what a run of 6 images keeps of one method."""
    row = {"label": "guided_backprop", "deletion_curve": [1.0, 0.0], "insertion_curve": [0.0, 1.0],
           "deletion": [0.2] * 6, "insertion": [0.8] * 6, "beats_chance_deleting": beats,
           "beats_chance_inserting": 0, "edges": 0.1,
           "cascade": [[0.0, 1.0], [0.34, 0.9], [0.66, half], [1.0, last]]}  # fmt: skip
    return {"n": 6, "methods": [row]}


@pytest.mark.parametrize(
    ("half", "last", "beats", "word"),
    [
        (0.1, 0.1, 4, "sound"),
        (0.8, 0.1, 4, "shallow"),
        (0.1, 0.1, 3, "doubtful"),  # half of the images is not more than half
        (0.8, 0.5, 6, "not learnt"),
        (0.49, 0.49, 4, "sound"),
    ],
)
def test_verdicts_at_their_bounds(half: float, last: float, beats: int, word: str) -> None:
    (found,) = beliefs_of(told(half, last, beats))
    assert verdict(found) == word
    assert found.deletion == pytest.approx(0.2)
    assert beliefs_of(None) == []
