"""Options without effect on the given command line are rejected, and only those."""

from pathlib import Path

import pytest

from tests.cli.run_cli import Cli

NET = ("--model", "bundled:digits-cnn", "--no-progress")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("explain --attack apgd", "--attack apgd has no effect without --eps"),
        ("explain --eps none --norm L2", "--norm L2 has no effect without --eps"),
        ("embed --norm L2", "--norm L2 has no effect without --eps"),
        ("embed --arrows 3", "--arrows 3 has no effect without --eps"),
        ("dream --film gif", "--film gif has no effect without --frames"),
        ("dream --frames 0 --zoom 0.1", "--zoom 0.1 has no effect without --frames"),
        ("train --out a --norm L2", "--norm L2 has no effect without an --eps above 0"),
        ("train --out a --steps 3 --eps 0", "--steps 3 has no effect without an --eps above 0"),
        ("invert --images 2 --picture china", "--images 2 has no effect with --picture"),
        ("audit --suite quick --attacks pgd", "--suite quick has no effect with --attacks"),
        ("transfer --model a --model b --seeds 3", "--seeds 3 has no effect with --model"),
        ("transfer --model a --no-classical", "--classical has no effect with --model"),
        ("transfer --queries 9", "--queries 9 has no effect without --query-labels"),
        ("transfer --target a --query-labels --every", "--every has no effect with --query-labels"),
    ],
)
def test_it_is_refused_where_it_is_typed(cli: Cli, line: str, told: str) -> None:
    result = cli(*line.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == f"error[E207]: {told}"


def test_a_file_of_all_options_is_taken(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("explain", *NET, "--images", 1, "--method", "gradient", "--out", "run")
    Path("all.toml").write_text(cli(*words, "--print-config").out)
    assert 'attack = "pgd"' in Path("all.toml").read_text()
    assert cli("explain", "--config", "all.toml").code == 0
    attacked = ("--eps", 0.1, "--attack", "fgsm", "--out", "more")
    assert cli("explain", "--config", "all.toml", *attacked).code == 0


def test_size_is_that_of_the_painting(cli: Cli, tmp_path: Path) -> None:
    for command in ("style", "dream"):
        done = cli(command, *NET, "--size", 32, "--steps", 1, "--out", tmp_path / command, "--json")
        assert done.code == 0, done.err
        assert '"longest": 32' in done.out or '"size": 32' in done.out
