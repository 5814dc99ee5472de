"""Errors of `advkit attack`, and failing attacks."""

from pathlib import Path

import pytest
from torch import Tensor

from tests.cli.run_cli import QUICK_ATTACK, Cli


def fragile(model: object, x: Tensor, y: Tensor, *, eps: float, norm: str, seed: int, ids: object
            ) -> Tensor:  # fmt: skip
    """An attack of a user's own with a bug."""
    raise KeyError("no such class")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("pdg",), 2, "did you mean pgd?"),
        (("pgd:stepps=3",), 2, "did you mean steps?"),
        (("fgsm", "--eps", "8"), 2, "did you mean 8/255 = 0.0314?"),
        (("fgsm", "--eps", "nan"), 2, "not a finite number"),
        (("fgsm", "--eps", "-1"), 2, "-1 is not a radius"),
        (("fgsm", "--eps", "some"), 2, "'some' is not a number"),
        (("fgsm", "--norm", "L0"), 2, "it has Linf, L2, L1"),
        (("fgsm", "--norm", "L7"), 2, "L7"),
        (("ddn", "--targets", "3.5"), 2, "no class of 10"),
        (("ddn", "--targets", "secnd"), 2, "did you mean second?"),
        (("ddn", "--targets", "10"), 2, "no class of 10"),
        (("fgsm", "--average", "0"), 2, "0 is not in the range"),
        (("fgsm", "--transform", "noise"), 2, "add --average"),
        (("fgsm", "--restarts", "0"), 2, "0 is not in the range"),
        (("fgsm", "--limit", "0"), 5, "nothing"),
        (("fgsm", "--data", "npz:none.npz"), 3, "none.npz"),
        (("tests.cli.test_attack_refusals:fragile", "--eps", "0.1"), 3, "no such class"),
        (("--eps", "0.1"), 2, "Missing argument"),
    ],
)
def test_bad_input_is_one_clear_line_with_its_exit_code(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    result = cli.but(("attack", *QUICK_ATTACK, "--out", tmp_path / "run"), *words)
    assert (result.code, result.out) == (code, ""), result.err
    assert says in result.err
    assert "Traceback" not in result.err
