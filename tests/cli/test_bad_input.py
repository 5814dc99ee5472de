"""Every invalid input of the list gives a one-line error and its exit code, and changes no file.

The list is section 4.4 of the conventions; `ELSEWHERE` names the tests of its other entries.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli import bad_inputs as bad
from tests.cli.run_cli import Cli, Result

ROOT = Path(__file__).parents[2]
USUAL = ("audit", "--model", f"{bad.HERE}net", "--data", "bundled:digits", "--limit", 6,
         "--attacks", "fgsm", "--eps", 0.1, "--bounds", "off", "--out", "run")  # fmt: skip

PLANTED = "evaluate/test_planted_defects.py"
CAUGHT = f"{PLANTED}::test_a_planted_defect_is_caught_and_the_verdict_repaired"
ELSEWHERE: dict[int, list[str]] = {
    6: ["models/test_load_gate.py::test_no_loader_executes_what_it_is_given"],
    10: ["models/test_skops.py::test_unknown_types_are_refused_unless_the_file_is_trusted"],
    13: ["models/test_onnx.py::test_what_is_no_model_is_refused"],
    14: ["models/test_onnx.py::"
         "test_an_operator_that_onnx2torch_lacks_makes_a_black_box_that_answers",
         "models/test_onnx.py::test_an_opset_that_onnxruntime_does_not_know_is_told"],
    15: ["models/test_onnx.py::test_data_outside_of_the_folder_is_not_opened"],
    24: ["models/test_probe.py::test_probabilities_are_told",
         CAUGHT],
    26: ["evaluate/test_unruly_models.py::test_gradients_that_are_nan_are_counted_and_told"],
    27: [CAUGHT,
         "cli/test_audit_command.py::test_strict_exits_6_where_the_number_is_not_to_be_trusted"],
    28: ["evaluate/test_randomised.py::"
         "test_a_random_model_gets_the_same_verdict_again_and_when_it_goes_on"],
    29: ["models/test_classifier.py::test_eval_mode_for_ever",
         "models/test_probe.py::test_notes_of_the_classifier_come_first"],
    30: ["evaluate/test_unruly_models.py::test_a_model_that_does_not_stay_the_same_is_refused",
         "models/test_probe.py::test_a_pass_that_changes_its_input"],
    31: ["cli/test_audit_command.py::"
         "test_nothing_right_when_clean_still_makes_a_report_and_exits_5",
         "cli/test_audit_command.py::test_accuracy_of_guessing_is_told_and_refused_with_strict",
         "evaluate/test_audit.py::test_names_of_classes_must_not_be_in_another_order"],
    32: ["models/test_probe.py::test_outputs_that_are_no_logits",
         "evaluate/test_unruly_models.py::test_few_classes_are_attacked_by_the_whole_suite"],
    39: ["data/test_npz.py::test_floats_in_range", "data/test_npz.py::test_layouts"],
    42: ["data/test_image_folder.py::test_decompression_bombs"],
    43: ["data/test_npz.py::test_object_arrays_are_not_opened",
         "data/test_npz.py::test_a_small_file_that_claims_to_be_large"],
    44: ["data/test_image_folder.py::test_links_are_not_followed"],
    45: ["data/test_csv_table.py::test_nothing_outside_the_root_is_opened"],
    46: ["data/test_audio_folder.py::test_what_cannot_be_read_is_told"],
    47: ["data/test_image_folder.py::test_every_mode_becomes_rgb",
         "data/test_image_folder.py::test_conversions_are_told",
         "data/test_image_folder.py::test_exif_rotation",
         "data/test_image_folder.py::test_animation_gives_its_first_frame"],
    52: ["cli/test_config.py::test_a_bad_config_names_file_line_and_the_nearest"],
    54: ["cli/test_error_codes.py::test_what_no_command_foresees"],
    55: ["evaluate/test_supervisor.py::test_a_killed_worker_costs_nothing_but_time",
         "evaluate/test_supervisor.py::"
         "test_a_unit_that_kills_every_worker_is_given_up_and_the_others_are_done"],
    56: ["evaluate/test_faults.py::test_a_full_disk_loses_nothing_that_was_finished"],
    58: ["evaluate/test_audit.py::test_another_run_in_the_same_place_is_refused"],
    59: ["evaluate/test_audit.py::test_a_corrupt_ledger_is_said_to_be_one",
         "evaluate/test_audit.py::test_a_database_of_somebody_else_is_left_alone",
         "evaluate/test_audit.py::test_a_run_directory_has_one_writer"],
    60: ["reports/test_comparison_and_overview.py::test_hostile_names_are_text",
         "reports/test_words.py::test_hidden_characters_are_shown_for_what_they_are",
         "reports/test_words.py::test_long_names_are_cut_and_ids_are_plain"],
    64: ["cli/test_reports_command.py::test_compare_refuses_other_images_unless_forced"],
    65: ["cli/test_audit_command.py::test_an_interrupted_run_says_how_to_go_on"],
    66: ["cli/test_help.py::test_a_reader_that_goes_away_is_no_failure"],
}  # fmt: skip

HERE = {49, 61, 62, 63, 67}


def lines(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("error")]


def refused(result: Result, code: int, error: str, told: str) -> None:
    """Assert that ``result`` is one line of error and nothing else, and that no run was begun."""
    assert result.code == code, result.err
    (line,) = lines(result.err)
    assert re.match(rf"error\[{error}\d*\]: ", line), line
    assert told in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    assert not Path("run/results.sqlite").exists() or code == 5


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("number", "spec", "content", "code", "error", "told"), bad.MODELS)
def test_models(
    cli: Cli, number: int, spec: str, content: Any, code: int, error: str, told: str
) -> None:
    file = Path(spec.partition(":")[0])
    if isinstance(content, bytes):
        file.write_bytes(content)
    more = bad.ARCH if number in (11, 12) else ()
    refused(cli.but(USUAL, "--model", spec, *more), code, error, told)
    assert not isinstance(content, bytes) or file.read_bytes() == content


@pytest.mark.parametrize(
    ("number", "name"), [(n, name) for n, names in bad.UNSAFE.items() for name in names]
)
def test_what_could_run_code(cli: Cli, tmp_path: Path, number: int, name: str) -> None:
    Path(name).write_bytes(bad.payload(name, tmp_path / "mark"))
    refused(cli.but(USUAL, "--model", name), 4, "E400", name)
    refused(cli.but(USUAL, "--model", name, *bad.ARCH), 4, "E400", name)
    refused(cli.but(USUAL, "--data", f"npz:{name}"), 4, "E400", name)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(("number", "spec", "content", "code", "error", "told"), bad.DATA)
def test_data(
    cli: Cli, number: int, spec: str, content: bytes, code: int, error: str, told: str
) -> None:
    scheme, _, path = spec.partition(":")
    if content:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    else:
        Path(path).mkdir()
    spec = f"{scheme}:{path.partition('/')[0]}"
    refused(cli.but(USUAL, "--data", spec), code, error, told)
    assert not content or Path(path).read_bytes() == content


@pytest.mark.parametrize(("number", "words", "code", "error", "told"), bad.OPTIONS)
def test_options(
    cli: Cli, number: int, words: tuple[object, ...], code: int, error: str, told: str
) -> None:
    Path("taken.txt").write_text("mine")
    Path("foreign").mkdir()
    Path("foreign/thesis.tex").write_text("mine")
    refused(cli.but(USUAL, *words), code, error, told)
    assert Path("taken.txt").read_text() == Path("foreign/thesis.tex").read_text() == "mine"
    assert [file.name for file in Path("foreign").iterdir()] == ["thesis.tex"]


def test_58_and_59_a_run_that_cannot_go_on_is_left_as_it_is(cli: Cli) -> None:
    assert cli(*USUAL).code in (0, 5)
    before = Path("run/run.json").read_bytes()
    result = cli.but(USUAL, "--eps", 0.2)
    assert (result.code, lines(result.err)[0][:12]) == (3, "error[E312]:")
    assert "eps" in result.err
    assert Path("run/run.json").read_bytes() == before
    Path("run/results.sqlite").write_bytes(b"no ledger" * 99)
    result = cli(*USUAL)
    assert (result.code, lines(result.err)[0][:8]) == (3, "error[E3")
    assert Path("run/results.sqlite").read_bytes() == b"no ledger" * 99


def test_49_several_eps_are_sorted_and_taken_once(cli: Cli) -> None:
    told = cli.but(USUAL, "--eps", "0.2,0.1,0.2", "--print-config").out
    assert re.search(r"^eps = \[0.1, 0.2\]", told, re.M)


@pytest.mark.parametrize(
    "words", [("audit",), ("attack", "pgd"), ("certify",), ("explain",), ("embed",), ("speech",)]
)
def test_data_of_ones_own_is_not_shown_to_a_net_of_ours_unasked(
    cli: Cli, words: tuple[str, ...]
) -> None:
    result = cli(*words, "--data", "npz:mine.npz")
    assert (result.code, result.out) == (2, "")
    assert lines(result.err) == ["error[E204]: --data npz:mine.npz does not imply a model"]
    assert "--model ./net.py:make, --model FILE, or the net that comes with advkit" in result.err
    assert not list(Path().iterdir())


def test_61_names_that_are_paths_do_not_leave_the_run(cli: Cli) -> None:
    names = ["../../escaped", "CON", "a/b", "/tmp/abs"]
    x, ids = bad.pixels(1.0)[:4], bad.np.array(names)
    Path("a.npz").write_bytes(bad.arrays(x=x, y=bad.np.arange(4), ids=ids))
    assert cli.but(USUAL, "--data", "npz:a.npz").code in (0, 5)
    outside = {file.name for file in Path().iterdir()}
    assert outside == {"a.npz", "run"}
    assert not [file for file in Path("run").rglob("*") if file.stem in ("escaped", "CON", "b")]


def test_60_a_hostile_name_does_not_steer_the_terminal(cli: Cli) -> None:
    result = cli.but(USUAL, "--model", "\x1b[2J\x1b]0;owned\x07\u202e.safetensors")
    assert result.code in (2, 3)
    assert not [c for c in result.err if not c.isprintable() and c != "\n"]


def test_62_a_layer_that_is_not_there(cli: Cli) -> None:
    result = cli("explain", "--model", f"{bad.HERE}conv", "--data", "bundled:digits", "--limit", 2,
                 "--layer", "1.x", "--method", "grad_cam", "--out", "run")  # fmt: skip
    assert result.code in (2, 3)
    assert len(lines(result.err)) == 1


def test_63_nets_of_different_classes(cli: Cli) -> None:
    result = cli("transfer", "--model", f"{bad.HERE}net", "--model", f"{__name__}:five",
                 "--data", "bundled:digits", "--limit", 10, "--out", "run")  # fmt: skip
    assert result.code == 3, result.err
    assert re.match(r"error\[E3(14|07)\]", lines(result.err)[0])


def five() -> Any:
    inner = bad.net()
    inner[1] = bad.nn.Linear(64, 5)  # type: ignore[index]
    return inner


def test_67_nothing_is_downloaded(cli: Cli, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    spec = "torchvision:resnet18?weights=DEFAULT"
    refused(cli.but(USUAL, "--model", spec), 3, "E318", "resnet18-f37072fd.pth")
    assert (
        "https://"
        in lines(cli.but(USUAL, "--model", spec).err)[0] + cli.but(USUAL, "--model", spec).err
    )
    assert not (tmp_path / "cache").exists()


def test_no_words_at_all_are_answered_with_the_help(cli: Cli) -> None:
    result = cli()
    assert (result.code, result.out) == (2, "")
    assert "Models and data:" in result.err
    assert lines(result.err) == []


def test_eps_0_alone_is_clean_accuracy(cli: Cli) -> None:
    """Its curve has one point, and nothing to prove."""
    result = cli.but(USUAL, "--eps", 0, "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert summary["robust"][0]["value"] == summary["clean"]["value"]


@pytest.mark.parametrize(("end", "code", "told"), [
    (">/dev/full", 7, "error[E700]: standard output"), (">&-", 0, ""), (">&- 2>&-", 0, ""),
])  # fmt: skip
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_or_closed(end: str, code: int, told: str, unbuffered: str) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        ["bash", "-c", f"exec '{sys.executable}' -m advkit explain-error E203 {end}"],
        capture_output=True, text=True, env=env, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr[: len(told) or 99]) == (code, told)


def test_every_number_of_the_list_is_tested() -> None:
    tables = {row[0] for table in (bad.MODELS, bad.DATA, bad.OPTIONS) for row in table}
    known = tables | set(bad.UNSAFE) | set(ELSEWHERE) | HERE
    assert known == set(range(1, 68))


@pytest.mark.parametrize("where", sorted({w for each in ELSEWHERE.values() for w in each}))
def test_what_is_tested_elsewhere_is(where: str) -> None:
    file, _, name = where.partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
