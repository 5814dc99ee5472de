"""Errors for options with one value that are given two."""

from pathlib import Path

import pytest

from tests.cli.run_cli import Cli


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("attack pgd --eps 8/255 --eps 4/255", "attack takes one --eps, not 8/255 and 4/255"),
        ("linearity --eps 8/255 --eps=0.1", "linearity takes one --eps, not 8/255 and 0.1"),
        ("attack pgd --eps none --eps 30dB", "attack takes one --eps, not none and 30dB"),
        ("audit --norm Linf --norm L2", "audit takes one --norm, not Linf and L2"),
        ("audit -j2 --jobs 3", "audit takes one --jobs, not 2 and 3"),
        ("audit --fold --no-fold", "audit takes one of --fold and --no-fold"),
        ("dream --film gif --film webp", "dream takes one --film, not gif and webp"),
        ("report run --format md --format csv", "report takes one --format, not md and csv"),
    ],
)
def test_two_values_are_refused(cli: Cli, line: str, told: str) -> None:
    result = cli(*line.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == f"error[E203]: advkit {told}"


ONCE = "leave one out, or run it once for each"
FORM = "write 'linf@8/255 >= 0.40' or 'clean >= 0.9'"


@pytest.mark.parametrize(
    ("line", "told", "hint"),
    [
        ("audit --model ./a.py:make,./b.py:make",
         "advkit audit takes one --model, not ./a.py:make and ./b.py:make", ONCE),
        ("explain --model bundled:a?mean=0.5,0.4,b.pt",
         "advkit explain takes one --model, not bundled:a?mean=0.5,0.4 and b.pt", ONCE),
        ("audit --data npz:a.npz,npz:b.npz",
         "advkit audit takes one --data, not npz:a.npz and npz:b.npz", ONCE),
        ("inspect a.pt,b.pt", "advkit inspect takes one MODEL, not a.pt and b.pt", ONCE),
        ("transfer --model a:b,c:d", "--model a:b,c:d gives several values",
         "repeat the option: --model a:b --model c:d"),
        ("audit --surrogate a:b,c:d", "--surrogate a:b,c:d gives several values",
         "repeat the option: --surrogate a:b --surrogate c:d"),
        ("audit --require clean>=0.9,linf@0.1>=0.2",
         "--require 'clean>=0.9,linf@0.1>=0.2' gives several values",
         f"repeat the option: --require 'clean>=0.9' --require 'linf@0.1>=0.2'; {FORM}"),
        ("audit --require x,y", "--require 'x,y' gives several values",
         f"repeat the option: --require 'x' --require 'y'; {FORM}"),
    ],
)  # fmt: skip
def test_two_with_a_comma_between_are_two(cli: Cli, line: str, told: str, hint: str) -> None:
    result = cli(*line.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[:2] == [f"error[E203]: {told}", f"  {hint}"]


def test_a_comma_of_a_name_or_of_a_query_is_none_between_two(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a,b.pt"
    file.touch()
    for spec in (file, f"npz:{file}", "./a.py:make?mean=0.5,0.4,0.3&words=a,b"):
        result = cli("audit", "--model", spec, "--print-config")
        assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "audit --norm L2 --norm L2 --fresh --fresh -v -v -q -q",
        "audit --eps 0.1 --eps 0.2 --require clean>=0 --require L2@1>=0 -o a.md -o b.md",
        "embed --layer 1 --layer 2",
    ],
)
def test_the_same_twice_is_one_and_lists_are_lists(cli: Cli, line: str) -> None:
    result = cli(*line.split(), "--print-config")
    assert (result.code, result.err) == (0, "")
