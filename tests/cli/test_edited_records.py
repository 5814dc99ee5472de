"""A record of a run that was edited by hand into nonsense is bad input; the field is named."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from advkit.errors import InputError
from advkit.evaluate.record_fields import check_fields
from tests.cli.run_cli import Cli
from tests.evaluate.small import run

GONE = object()
EDITS: list[tuple[Sequence[str | int], Any, str]] = [
    (["robust", 0, "value"], "x", "robust[0].value is 'x', not a finite number"),
    (["robust", 0, "value"], 3, "robust[0].value is 3, not from 0 to 1"),
    (["robust", 0, "eps"], math.nan, "robust[0].eps is nan, not a finite number"),
    (["robust", 1, "added"], {}, "robust[1].added does not add up to the "),
    (["robust"], [], "robust is [], not a list of 1 or more"),
    (["clean", "count"], True, "clean.count is True, not an integer"),
    (["clean", "count"], 9.0, "clean.count is 9.0, not an integer"),
    (["clean"], GONE, "clean is missing"),
    (["model", "classes"], None, "model.classes is None, not a list"),
    (["data"], [], "data is [], not an object"),
    (["trust", "overall"], "fine", "trust.overall is 'fine', not 'ok' or "),
    (["trust", "checks", 2, "evidence"], GONE, "trust.checks[2].evidence is missing"),
    (["trust", "courses", "steps"], [1], "the lists in trust.courses differ in length"),
    (["distances", "edges", 0], 9, "distances.edges are not ascending"),
    (["hardest"], GONE, "hardest is missing"),
    (["environment", "torch"], 2.1, "environment.torch is 2.1, not a text"),
]


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audits")
    run(folder / "a")
    return folder


def edited(file: Path, way: Sequence[str | int], value: Any) -> None:
    content = at = json.loads(file.read_text())
    for step in way[:-1]:
        at = at[step]
    if value is GONE:
        del at[way[-1]]
    else:
        at[way[-1]] = value
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(("way", "value", "said"), EDITS)
def test_an_edited_audit_is_refused_with_file_and_field(
    cli: Cli, audits: Path, tmp_path: Path, way: Sequence[str | int], value: Any, said: str
) -> None:
    shutil.copytree(audits / "a", tmp_path / "b")
    file = tmp_path / "b" / "run.json"
    edited(file, way, value)
    told = f"error[E313]: {file} is damaged: {said}"
    for words in (("report",), ("compare", audits / "a"), ("figures",)):
        refused = cli(*words, tmp_path / "b")
        assert (refused.code, refused.err[: len(told)]) == (3, told), words
    assert said in cli("index", tmp_path).err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", [1], "the whole is [1], not an object"),
        ("run.json", {"data": {"n": "many"}}, "data.n is 'many', not an integer"),
        ("run.json", {"command": 3}, "command is 3, not a text"),
        ("progress.json", 3, "the whole is 3, not an object"),
        ("progress.json", {"seconds": "x"}, "seconds is 'x', not a finite number"),
        ("progress.json", {"command": ["a"]}, "command is ['a'], not a text"),
    ],
)
def test_so_is_one_whose_progress_is_asked_for_or_that_is_resumed(
    cli: Cli, audits: Path, tmp_path: Path, name: str, content: Any, said: str
) -> None:
    shutil.copytree(audits / "a", tmp_path / "b")
    (tmp_path / "b" / name).write_text(json.dumps(content))
    told = f"error[E313]: {tmp_path / 'b' / name} is damaged: {said}"
    for command in ("show", "resume"):
        assert cli(command, tmp_path / "b").err.startswith(told), command


def test_so_are_the_examples_of_a_page(cli: Cli, audits: Path, tmp_path: Path) -> None:
    shutil.copytree(audits / "a", tmp_path / "b")
    file = tmp_path / "b" / "cards.json"
    edited(file, [0, "before"], "cat")
    said = f"error[E313]: {file} is damaged: [0].before is 'cat', not a list"
    assert cli("report", tmp_path / "b").err.startswith(said)


@pytest.mark.parametrize(("before", "after"), [("id,", "i,"), ("label", "lab"), (",5,", ",x,")])
def test_so_is_the_table_of_images(
    cli: Cli, audits: Path, tmp_path: Path, before: str, after: str
) -> None:
    shutil.copytree(audits / "a", tmp_path / "b")
    file = tmp_path / "b" / "samples.csv"
    file.write_text(file.read_text().replace(before, after))
    refused = cli("compare", audits / "a", tmp_path / "b")
    assert refused.err.startswith(f"error[E313]: {file} is missing or damaged: ")


@pytest.mark.parametrize("shard", [GONE, "1/2", [1], [1, 2, 3], [0, 2], ["1", 2]])
def test_so_is_a_shard(cli: Cli, tmp_path: Path, shard: Any) -> None:
    record = {"schema": "advkit/shard/1"} | ({} if shard is GONE else {"shard": shard})
    (tmp_path / "run.json").write_text(json.dumps(record))
    for words in (("merge", "--out", tmp_path / "all"), ("report",)):
        refused = cli(*words, tmp_path)
        assert (refused.code, "run.json is damaged: shard" in refused.err) == (3, True)


def test_numbers_are_finite_but_where_they_are_measured() -> None:
    pair = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}}
    check_fields([1, 2.5], pair, Path("a"))
    check_fields([1, 10**400], pair, Path("a"))  # finite, though no float
    check_fields({"loss": math.nan}, {"properties": {"loss": {"type": "measured"}}}, Path("a"))
    for content in ([1], [1, 2, 3], [1, None], [1, math.inf], [1, True]):
        with pytest.raises(InputError):
            check_fields(content, pair, Path("a"))
