from pathlib import Path

import pytest
import torch

from advkit.attacks import ATTACKS, norms_of, parse
from advkit.attacks.auto_pgd import checkpoints
from advkit.attacks.square_attack import share_at
from advkit.errors import InputError, UsageError


def test_a_name_alone_has_all_defaults_on_record() -> None:
    member = parse("apgd", ATTACKS)
    assert member.options == {"steps": 100, "loss": "ce", "restarts": 1}
    assert norms_of(member.attack) == ("Linf", "L2", "L1")


def test_options_are_converted_by_their_types() -> None:
    member = parse("pgd:steps=7,step=1/4,random=false,loss=dlr", ATTACKS)
    assert (member.options["steps"], member.options["step"]) == (7, 0.25)
    assert member.options["random"] is False
    assert member.options["loss"] == "dlr"
    assert member.attack.keywords == member.options


def test_what_a_report_prints_can_be_asked_for() -> None:
    for name in ATTACKS:
        options = parse(name, ATTACKS).options
        text = ",".join(f"{key}={value}" for key, value in options.items())
        assert parse(f"{name}:{text}", ATTACKS).options == options


def test_an_attack_of_ones_own() -> None:
    member = parse("advkit.attacks.projected_gradient:pgd:steps=3", {})
    assert member.options["steps"] == 3


def test_an_attack_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from beside import SHARE\n\n\ndef pull(model, x, y, *, eps, share: float = SHARE):\n"
        "    return x - share * eps\n"
    )
    Path("beside.py").write_text("SHARE = 0.25\n")
    assert parse("./mine.py:pull", {}).options == {"share": 0.25}
    member = parse("./mine.py:pull:share=1/2", {})
    assert member.own
    assert member.attack(None, torch.ones(2), None, eps=0.5).tolist() == [0.75, 0.75]
    for text, says in {"./mine.py:push": "there is no 'push'", "./none.py:pull": "none.py"}.items():
        with pytest.raises(InputError, match=says):
            parse(text, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pdg", "did you mean pgd?"),
        ("pgd:stepps=3", "did you mean steps?"),
        ("pgd:steps=many", "pgd:steps=many is not possible"),
        ("pgd:loss=cw", "allowed: ('ce', 'dlr', 'margin', 'probability')"),
        ("pgd:step=nan", "pgd:step=nan is not possible"),
        ("pgd:steps=0", "pgd:steps=0 is not possible"),
        ("no.such.module:attack", "cannot be imported"),
        ("advkit.attacks:nothing", "cannot be imported"),
        ("advkit.attacks:ATTACKS", "is a dict, not a function"),
    ],
)
def test_what_does_not_exist_is_said_with_the_request(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, ATTACKS)
    assert says in f"{caught.value} {caught.value.hint}"


def test_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100)[:8] == (22, 41, 57, 70, 80, 87, 93, 99)


def test_the_schedule_of_square_is_stretched_over_the_budget() -> None:
    assert [share_at(i, 10_000, 0.8) for i in (0, 10, 11, 51, 9_999)] == [
        0.8, 0.8, 0.4, 0.2, 0.8 / 512,
    ]  # fmt: skip
    assert share_at(999, 1000, 0.8) == share_at(9990, 10_000, 0.8)
