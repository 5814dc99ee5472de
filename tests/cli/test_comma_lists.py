"""Comma-separated names, in every option that takes several names."""

import json
from pathlib import Path

import pytest

from advkit.insight.stimuli import apart
from tests.cli.run_cli import Cli

NET = ("--model", "bundled:digits-cnn", "--no-progress", "--json")


def record(cli: Cli, out: Path, line: str) -> dict:
    done = cli(*line.split(), *NET, "--out", out)
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def test_ways_and_classes(cli: Cli, tmp_path: Path) -> None:
    found = record(cli, tmp_path, "fool --way noise,zero --class 3,7,3 --steps 2")
    assert found["options"]["ways"] == ["noise", "zero"]
    assert found["lead"].endswith("2 classes, 2 ways.")


def test_a_class_by_name_and_by_number_is_one(cli: Cli, tmp_path: Path) -> None:
    """Pictures that are made once are counted once."""
    rest = (*NET[2:], "--model", "bundled:fashion-mnist-logistic", "--class", "Bag,8", "--steps", 1)
    fooled = cli("fool", "--way", "noise", *rest, "--out", tmp_path / "fool")
    assert json.loads(fooled.out)["lead"].endswith("1 class, 1 way.")
    seen = cli("visualize", *rest, "--out", tmp_path / "see")
    told = json.loads(seen.out)["verdict"]
    assert told.startswith("1 picture that maximises 1 target of ")


def test_classes_and_neurons(cli: Cli, tmp_path: Path) -> None:
    found = record(cli, tmp_path, "visualize --class 3,5 --neuron 4[17],4[3,1,1] --steps 2")
    heads = [one["head"] for one in found["groups"][0]["strips"][0]["pictures"]]
    assert heads == ["3", "5", "4[17]", "4[3,1,1]"]


@pytest.mark.parametrize(
    ("line", "layers"),
    [
        ("invert --layer 1,9 --images 1 --steps 2", ["1", "9"]),
        ("embed --layer 8 --layer 8,9 --images 40", ["8", "9"]),
        ("dream --layer 1,4 --layer 1 --steps 1 --longest 32 --octaves 1", ["1", "4"]),
    ],
)
def test_layers_each_once(cli: Cli, tmp_path: Path, line: str, layers: list[str]) -> None:
    assert record(cli, tmp_path, line)["options"]["layers"] == layers


def test_layers_of_styles_and_parts(cli: Cli) -> None:
    told = cli("style", "--layer", "1,4", "--content-layer", "4,6", "--print-config").out
    assert 'style-layer = ["1", "4"]' in told
    assert 'content-layer = ["4", "6"]' in told
    assert (
        'only = ["dream", "style"]' in cli("gallery", "--only", "dream,style", "--print-config").out
    )
    assert 'part = ["nets"]' in cli("linearity", "--part", "nets, nets", "--print-config").out


def test_a_name_with_a_comma_in_it_is_one() -> None:
    names = ["tench, Tinca tinca", "goldfish"]
    assert apart(["tench, Tinca tinca", "goldfish,1"], names) == [*names, "1"]
    assert apart(["4[1],8#0[2,0,0]-4[3]", "4[1]"], names) == ["4[1]", "8#0[2,0,0]-4[3]"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gallery --only dreem,style", "did you mean dream?"),
        ("style --share 1,2", "repeat the option: --share 1 --share 2"),
        ("style --style a.jpg,b.jpg", "repeat the option: --style a.jpg --style b.jpg"),
        ("visualize --layer conv1", "a channel is conv1[CHANNEL], a unit conv1[CHANNEL,y,x]"),
        ("visualize --layer 1", "a channel is 1[CHANNEL], a unit 1[CHANNEL,y,x]"),
        ("fool --class x,3", "known: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ],
)
def test_hints_fit_the_option(cli: Cli, tmp_path: Path, line: str, told: str) -> None:
    refused = cli(*line.split(), *NET, "--out", tmp_path)
    assert refused.code in (2, 3)
    assert told in map(str.strip, refused.err.splitlines())
