"""The names of `advkit`: each has an example that works."""

import doctest
from pathlib import Path

import pytest
import torch

import advkit

MODULES = ("attacks", "insight")


def test_there_are_about_fifteen_names() -> None:
    assert len(advkit.__all__) <= 18
    assert set(advkit.__all__) <= set(dir(advkit))


@pytest.mark.parametrize("name", [name for name in advkit.__all__ if name != "__version__"])
def test_the_example_of_a_name_works(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(advkit, name)
    space = {"advkit": advkit, "torch": torch, "Path": Path}
    test = doctest.DocTestParser().get_doctest(thing.__doc__, space, name, None, None)
    assert test.examples, f"advkit.{name} has no example in its docstring"
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)
