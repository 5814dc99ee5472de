import ast
import json
import pickle
import re
from pathlib import Path

import pytest

from advkit import errors
from advkit.cli import failures, stopping
from advkit.cli.explain_error import page
from advkit.error_codes import CODES
from tests.cli.run_cli import Cli

ROOT = Path(__file__).parents[2]
WHOLE = {"E070": 70, "E129": 129, "E130": 130, "E143": 143}


def families(base: type[errors.AdvkitError]) -> list[type[errors.AdvkitError]]:
    return [base] + [kind for sub in base.__subclasses__() for kind in families(sub)]


def test_the_page_of_codes_is_the_text_of_the_command() -> None:
    """Written by `python -m advkit.cli.explain_error > docs/errors.md`."""
    assert (ROOT / "docs/errors.md").read_text(encoding="utf-8") == page()


def test_every_code_that_is_raised_is_explained_and_every_explained_one_is_raised() -> None:
    files = [file for top in ("advkit", "attacks", "benchmarks", "reports")
             for file in (ROOT / top).rglob("*.py") if file.name != "error_codes.py"]  # fmt: skip
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    raised = set(re.findall(r'"(E\d{3})"', text))
    raised |= {"E129", "E130", "E143"}  # f"E{code}" in failures.py
    assert raised == set(CODES)


@pytest.mark.parametrize("kind", families(errors.AdvkitError))
def test_the_first_digit_is_the_exit_code(kind: type[errors.AdvkitError]) -> None:
    assert kind.code in CODES
    assert WHOLE.get(kind.code, int(kind.code[1])) == kind.exit_code


def test_a_code_has_the_digit_of_the_class_that_it_is_given_to() -> None:
    digits = {kind.__name__: kind.code[1] for kind in families(errors.AdvkitError)}
    seen = 0
    for top in ("advkit", "attacks", "benchmarks"):
        for file in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in digits:
                    given = [word.value for word in node.keywords if word.arg == "code"]
                    for code in given:
                        seen += 1
                        assert ast.unparse(code)[2] == digits[node.func.id], f"{file}:{node.lineno}"
    assert seen > 100


def test_a_code_goes_with_its_error_through_a_pickle() -> None:
    error = errors.InputError("no", "yes", code="E301")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.hint, again.code) == ("no", "yes", "E301")
    assert errors.InputError("no").code == "E300"
    assert errors.InapplicableError("no").code == "E316"


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_paragraph(cli: Cli, code: str) -> None:
    told = " ".join(cli("explain-error", code.lower()).out.split())
    for part in CODES[code]:
        assert part in told
        assert len(part) >= 15


def test_all_codes_and_json(cli: Cli) -> None:
    assert [line.split()[0] for line in cli("explain-error").out.splitlines()] == list(CODES)
    assert list(CODES) == sorted(CODES)
    (row,) = json.loads(cli("explain-error", "E203", "--json").out)
    assert row == {"code": "E203"} | CODES["E203"]._asdict()
    assert [row["code"] for row in json.loads(cli("explain-error", "--json").out)] == list(CODES)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("audt",), "E201", "did you mean audit?"),
        (("audit", "--limi", "3"), "E202", "--limit"),
        (("show", "attack", "pgd", "more"), "E202", "extra argument"),
        (("audit", "--limit", "-1"), "E203", "-1"),
        (("show",), "E204", "Missing argument"),
        (("audit", "--out"), "E204", "--out"),
        (("explain-error", "E2O3"), "E205", "did you mean E2"),
        (("show", "attack", "apdg"), "E205", "did you mean apgd?"),
    ],
)
def test_usage_is_told_in_one_line_with_its_code(
    cli: Cli, words: tuple[str, ...], code: str, told: str
) -> None:
    result = cli(*words)
    assert (result.code, result.out) == (2, "")
    (line,) = [line for line in result.err.splitlines() if line.startswith("error")]
    assert line.startswith(f"error[{code}]: ")
    assert told in result.err
    assert result.err.endswith(f"  more: advkit explain-error {code}\n")


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (MemoryError(), "E700", 7),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "E700", 7),
        (OSError(28, "No space left on device", "runs/a"), "E700", 7),
        (OSError(28, "No space left on device"), "E700", 7),
        (PermissionError(13, "Permission denied", "report.html"), "E311", 3),
        (FileNotFoundError(2, "No such file or directory", "a.npz"), "E301", 3),
        (KeyboardInterrupt(), "E130", 130),
        (stopping.Terminated(), "E143", 143),
        (stopping.HungUp(), "E129", 129),
        (failures.GateError("low"), "E100", 1),
        (failures.UntrustedError("masked"), "E600", 6),
        (ZeroDivisionError("division by zero"), "E070", 70),
    ],
)
def test_what_no_command_foresees(error: BaseException, code: str, exit_code: int) -> None:
    told = failures._told(error)
    assert (told.code, told.exit_code) == (code, exit_code)
    assert told.message
    assert "standard output" not in told.message, "which says so itself"
