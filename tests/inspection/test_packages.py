import configparser
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from advkit.inspection.packages import EXTRAS, NEEDED, extras, needed

ROOT = Path(__file__).parents[2]


def config() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


def test_what_is_needed_is_what_setup_says() -> None:
    lines = config()["options"]["install_requires"].split()
    assert dict(line.split(">=") for line in lines) == NEEDED


def test_extras_are_those_of_setup() -> None:
    there = config()["options.extras_require"]
    assert set(EXTRAS) == set(there) - {"test", "docs", "peers", "all"}
    for name, (package, _) in EXTRAS.items():
        assert package in there[name]


def test_old_and_missing_packages() -> None:
    has = dict.fromkeys(NEEDED, "99.0") | {"torch": "2.9.1+cpu", "numpy": "1.26.4"}
    has.pop("click")

    def installed(name: str) -> str:
        if name not in has:
            raise PackageNotFoundError(name)
        return has[name]

    found = {each.name: each for each in needed(installed)}
    assert [name for name, each in found.items() if each.state == "fail"] == ["torch", "click"]
    assert found["torch"].advice == "pip install -U 'torch>=2.10'"
    assert "is missing" in found["click"].seen
    assert {each.version for each in extras(installed)} == {""}


def test_an_extra_that_is_installed_but_broken() -> None:
    def imported(name: str) -> None:
        if name == "timm":
            raise ImportError("cannot import name 'x'\nfrom 'y'")

    found = {each.name: each for each in extras(lambda _name: "1.0", imported)}
    broken = [name for name, each in found.items() if each.broken]
    assert broken == ["timm"]
    assert found["timm"].broken == "ImportError: cannot import name 'x' from 'y'"
    assert found["timm"].get == 'pip install --force-reinstall "advkit[timm]"'


@pytest.mark.parametrize(("has", "bad"), [("2.10.0", False), ("2.9", True), ("2.10.0a1", False)])
def test_versions_are_compared_as_numbers(has: str, bad: bool) -> None:
    first = next(iter(needed(lambda _name: has)))
    assert (first.name, first.state == "fail") == ("torch", bad)
