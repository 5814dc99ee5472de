"""A run directory of another command is not changed, with or without --fresh."""

import json
from pathlib import Path

import pytest

from advkit.errors import InputError
from advkit.evaluate.store import open_store
from tests.cli.run_cli import Cli

NET = ("--model", "bundled:digits-cnn", "--no-progress")
DREAM = ("dream", *NET, "--longest", 32, "--steps", 1, "--octaves", 1, "--fresh")
OTHERS = {
    "visualize": ("--class", "3", "--steps", 1, "--fresh"),
    "explain": ("--images", 1, "--method", "gradient", "--fresh"),
    "linearity": ("--part", "numbers"),
    "transfer": ("--model", "bundled:digits-cnn?preprocess=none", "--data", "bundled:digits",
                 "--attack", "fgsm", "--limit", 10, "--fresh"),
}  # fmt: skip


@pytest.mark.parametrize("command", OTHERS)
@pytest.mark.parametrize("schema", ["advkit/audit/1", None])
def test_a_run_of_another_command_is_left_alone(
    cli: Cli, tmp_path: Path, command: str, schema: str | None
) -> None:
    record = {"command": "advkit audit"} | ({"schema": schema} if schema else {})
    (tmp_path / "run.json").write_text(json.dumps(record))
    words = NET[2:] if command == "linearity" else NET
    refused = cli(command, *words, *OTHERS[command], "--out", tmp_path)
    assert refused.code == 3
    said = f"error[E311]: --out {tmp_path} holds another kind of run"
    assert refused.err.splitlines()[0] == said
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]
    assert json.loads((tmp_path / "run.json").read_text()) == record


LEDGERS = {
    "audit": ("audit", *NET, "--limit", 4, "--attacks", "fgsm", "--eps", 0.1, "--bounds", "off"),
    "attack": ("attack", "fgsm", *NET, "--limit", 4, "--eps", 0.1),
    "certify": ("certify", *NET, "--limit", 2, "--eps", 0.001, "--method", "intervals"),
}


@pytest.mark.parametrize("command", LEDGERS)
def test_a_run_with_a_ledger_is_no_other_command_s_either(
    cli: Cli, tmp_path: Path, command: str
) -> None:
    records = {
        "explain": {"schema": "advkit/explain/1", "made_of": {}},
        **{name: {"schema": f"advkit/{name}/1", "made_of": {}} for name in LEDGERS},
        "attack, not ended": {"made_of": {"kind": "attack"}},
        "certify, not ended": {"made_of": {"kind": "smooth"}},
        "no record": ["of", "ours"],
    }
    for name, record in records.items():
        (tmp_path / "run.json").write_text(json.dumps(record))
        for fresh in () if name.startswith(command) else ((), ("--fresh",)):
            refused = cli(*LEDGERS[command], *fresh, "--out", tmp_path)
            said = f"error[E311]: --out {tmp_path} holds another kind of run\n  give another --out"
            assert refused.err.startswith(said), name
            assert json.loads((tmp_path / "run.json").read_text()) == record
    for left in ({"schema": f"advkit/{command}/1"}, {"made_of": {"kind": command}}):
        (tmp_path / "run.json").write_text(json.dumps(left))
        again = cli(*LEDGERS[command], "--fresh", "--out", tmp_path)
        assert again.code in (0, 5), again.err
    (tmp_path / "run.json").write_text("{")
    assert cli(*LEDGERS[command], "--fresh", "--out", tmp_path).code in (0, 5)


def test_dreams_are_no_visualization_and_come_anew_by_themselves(cli: Cli, tmp_path: Path) -> None:
    assert cli(*DREAM, "--out", tmp_path).code == 0
    for fresh in ((), ("--fresh",)):
        refused = cli("visualize", *NET, "--class", "3", "--steps", 1, *fresh, "--out", tmp_path)
        assert "holds another kind of run" in refused.err
    assert cli(*DREAM, "--out", tmp_path).code == 0
    (tmp_path / "run.json").write_text("{")
    assert "--fresh starts again" in cli(*DREAM[:-1], "--out", tmp_path).err
    assert cli(*DREAM, "--out", tmp_path).code == 0


def test_a_run_by_a_newer_advkit_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    assert cli(*LEDGERS["audit"], "--out", tmp_path).code in (0, 5)
    done = json.loads((tmp_path / "run.json").read_text())
    newer = json.dumps({**done, "schema": "advkit/audit/2", "of the future": [1]})
    (tmp_path / "run.json").write_text(newer)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    said = f"the run in {tmp_path} is by a newer advkit: its summary is advkit/audit/2"
    for words in ((*LEDGERS["audit"], "--out"), ("resume",)):
        refused = cli(*words, tmp_path)
        assert refused.err.startswith(f"error[E313]: {said}"), words
    with pytest.raises(InputError, match="newer advkit"), open_store(tmp_path):
        pass  # as retry and merge open it
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    assert (tmp_path / "run.json").read_text() == newer
    assert cli(*LEDGERS["audit"], "--out", tmp_path, "--fresh").code in (0, 5)


@pytest.mark.parametrize("command", ["explain", "visualize", "linearity", "transfer"])
def test_nor_is_one_without_a_ledger(cli: Cli, tmp_path: Path, command: str) -> None:
    kind = "pictures" if command == "visualize" else command
    newer = json.dumps({"schema": f"advkit/{kind}/2", "kind": command})
    (tmp_path / "run.json").write_text(newer)
    words = NET[2:] if command == "linearity" else NET
    refused = cli(command, *words, *OTHERS[command], "--out", tmp_path)
    said = f"error[E313]: the run in {tmp_path} is by a newer advkit: its summary is advkit/{kind}"
    assert refused.err.splitlines()[0].startswith(said)
    assert (tmp_path / "run.json").read_text() == newer
