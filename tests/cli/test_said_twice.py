"""Options of one value that are given two, in the words of who gave them."""

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
