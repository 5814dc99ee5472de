"""A small linearity study for the tests of its page, computed on a few digits."""

from functools import cache

from advkit.api.linear_study import page_of
from advkit.benchmarks.linear_parts import Study
from advkit.benchmarks.linearity import study
from advkit.data import load_data
from advkit.reports import Linearity


@cache
def digits_study() -> Study:
    return study(load_data("bundled:digits", limit=60), classes=("3", "8"))


def sample_linearity() -> Linearity:
    return page_of(digits_study(), "advkit linearity --data bundled:digits", "2026-11-28T12:00:00")
