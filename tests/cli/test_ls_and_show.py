import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advkit.attacks import ATTACKS, HIGHER_ORDER, attack_card, parse
from advkit.data.specs import SCHEMES
from tests.cli.run_cli import Cli


def test_the_table_of_attacks(cli: Cli) -> None:
    result = cli("ls", "attacks")
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines() if line.strip()}
    for name, attack in ATTACKS.items():
        card = attack_card(name, attack)
        assert " ".join(card.norms) in lines[name]
        assert card.knows.split()[0] in lines[name]
        assert ("least" if card.minimum_norm else "fixed") in lines[name]
        forward, backward = card.passes(features=784, pixels=784)
        assert f" {forward + backward:,} " in lines[name]
        assert card.paper.partition(", ")[0] in lines[name]
    for name in HIGHER_ORDER:
        assert name in result.out


@pytest.mark.parametrize("width", [70, 80, 120])
def test_it_fits_the_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (("ls", "attacks"), ("show", "attack", "pgd"), ("show", "attack", "restarted")):
        lines = cli(*words).out.splitlines()
        assert max(map(len, lines)) <= width
    assert ("arXiv:1706.06083" in cli("ls", "attacks").out) is (width > 100)


def test_filters_and_json(cli: Cli) -> None:
    rows = json.loads(cli("ls", "attacks", "--json").out)
    assert [row["name"] for row in rows] == list(ATTACKS)
    assert rows[0]["passes"] == {"forward": 1, "backward": 1}
    for words, kept in (
        (("--norm", "L2"), lambda row: "L2" in row["norms"]),
        (("--knows", "scores"), lambda row: row["knows"] == "scores"),
        (("--norm", "L2", "--knows", "gradients"),
         lambda row: "L2" in row["norms"] and row["knows"].startswith("gradients")),
    ):  # fmt: skip
        found = json.loads(cli("ls", "attacks", *words, "--json").out)
        assert found == [row for row in rows if kept(row)]
        assert 0 < len(found) < len(rows) or words == ("--norm", "L2")
    nothing = cli("ls", "attacks", "--knows", "nothing", "--norm", "L2", "--json")
    assert nothing.code == 0
    assert isinstance(json.loads(nothing.out), list)


def test_models_data_and_norms(cli: Cli) -> None:
    assert "bundled:digits-cnn" in cli("ls", "models").out
    assert "npz:FILE" in cli("ls", "data").out
    listed = {row["name"].partition(":")[0] for row in json.loads(cli("ls", "data", "--json").out)}
    assert set(SCHEMES) <= listed
    rows = json.loads(cli("ls", "norms", "--json").out)
    assert [row["name"] for row in rows] == ["Linf", "L2", "L1", "L0"]
    assert "ddn" in rows[1]["attacks"]
    assert cli("ls", "models", "--norm", "L2").code == 2
    assert cli("ls", "atacks").code == 2


@pytest.mark.parametrize("name", ATTACKS)
def test_all_about_one_attack(cli: Cli, name: str) -> None:
    result = cli("show", "attack", name)
    assert result.code == 0
    card = attack_card(name, ATTACKS[name])
    told = " ".join(result.out.split())
    for text in (card.summary, card.formula, card.cost, card.use, card.fails, card.paper):
        assert " ".join(text.replace("`", "").split()) in told
    facts = json.loads(cli("show", "attack", name, "--json").out)
    assert {o["name"]: o["default"] for o in facts["options"]} == card.options
    for option in facts["options"]:
        assert {"choice", "bool", "int", "float", "str"} >= {option["kind"]}
        assert option["allowed"]
    assert facts["example"] in result.out


def test_the_examples_that_it_gives_can_be_run(cli: Cli) -> None:
    from advkit.evaluate.attack_plan import planned

    for name in ATTACKS:
        words = json.loads(cli("show", "attack", name, "--json").out)["example"].split()
        given = dict(zip(words[3::2], words[4::2], strict=True))
        plan = planned(words[2], norm=given.get("--norm"), eps=0.1 if "--eps" in given else None)
        assert plan.member.label == name


def test_what_an_option_may_be_is_what_is_taken() -> None:
    from advkit.attacks.options import options_of

    for name, attack in ATTACKS.items():
        for option in options_of(attack):
            for value in option.allowed.replace(" or more", "").split(", "):
                parse(f"{name}:{option.name}={value}", ATTACKS)


def test_ones_own_attack_and_the_functions_from_attacks_to_attacks(cli: Cli) -> None:
    mine = "tests.cli.test_attack_command:universal"
    result = cli("show", "attack", mine)
    assert "scores of all samples" in result.out
    assert f"advkit attack {mine} --eps 8/255" in result.out
    for name in HIGHER_ORDER:
        page = cli("show", "attack", name)
        assert page.code == 0
        assert "advkit a" in page.out
        assert json.loads(cli("show", "attack", name, "--json").out)["name"] == name


def test_an_unknown_attack_is_answered_with_the_nearest(cli: Cli) -> None:
    result = cli("show", "attack", "apdg")
    assert (result.code, result.out) == (2, "")
    assert "did you mean apgd?" in result.err
    assert "--attacks" not in result.err


def test_a_card_needs_torch_and_nothing_slower() -> None:
    code = (
        "import sys; sys.argv = ['advkit', *sys.argv[1:]];"
        "from advkit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'pandas', 'sklearn', 'torchvision', 'matplotlib', 'PIL', 'scipy'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    for words in (["ls", "attacks"], ["show", "attack", "pgd"]):
        subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)


def test_a_reader_that_goes_away_is_no_failure() -> None:
    line = f"set -o pipefail; {sys.executable} -m advkit ls attacks | head -1"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
