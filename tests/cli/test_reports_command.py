"""report, compare, index, figures: from finished runs to pages and files, and their errors."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.run_cli import Cli
from tests.evaluate.mounting import mounted, needs_root
from tests.evaluate.small import run, some_digits


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished audits, `a` with its page, and one that has not ended."""
    folder = tmp_path_factory.mktemp("runs")
    run(folder / "a")
    run(folder / "b", seed=1)
    (folder / "half").mkdir()
    (folder / "half" / "run.json").write_text(json.dumps({"command": "advkit audit --out half"}))
    return folder


def test_report_writes_the_page_again(cli: Cli, runs: Path) -> None:
    result = cli("report", runs / "a")
    assert result.code == 0, result.err
    page = (runs / "a" / "report.html").read_bytes()
    assert cli("report", runs / "a").code == 0
    assert (runs / "a" / "report.html").read_bytes() == page
    assert cli("report", runs / "a", "--format", "html").out == page.decode() + "\n"


def test_report_writes_every_format(cli: Cli, runs: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"audit.{end}" for end in ("html", "md", "xml", "json", "csv")]
    words = [word for file in files for word in ("-o", file)]
    assert cli("report", runs / "a", *words).code == 0
    html, md, xml, doc, csv = (file.read_text() for file in files)
    verdict = json.loads(doc)["verdict"]
    assert verdict in html
    assert verdict.split(";")[0] in md
    assert ET.fromstring(xml).get("failures") == "0"
    assert csv.startswith("id,attack,eps")
    assert "model-index:" in cli("report", runs / "a", "--format", "card").out


@needs_root
def test_an_export_that_does_not_fit_on_the_disk_is_named(
    cli: Cli, runs: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "small", "size=8k"):
        commands = {"a.html": ("report", runs / "a", "-o"), "b.html": ("index", runs, "--out")}
        for name, words in commands.items():
            file = tmp_path / "small" / name
            refused = cli(*words, file)
            said = f"error[E700]: {file}: No space left on device"
            assert (refused.code, refused.err.splitlines()[0]) == (7, said)


def test_an_audit_by_a_newer_advkit_is_named_as_such(cli: Cli, runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs / "a", run)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "schema": "advkit/audit/99"}))
    result = cli("report", run)
    assert result.code == 3
    assert "its summary is advkit/audit/99, this one reads advkit/audit/1" in result.err


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_no_csv_is_written_of_a_run_without_rows(
    cli: Cli, runs: Path, tmp_path: Path, damage: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs / "a", run)
    (run / "results.sqlite").unlink()
    if damage == "empty":
        (run / "results.sqlite").touch()
    before = sorted(run.iterdir())
    result = cli("report", run, "-o", tmp_path / "rows.csv")
    assert result.code == 3
    assert f"results.sqlite is {damage}: the rows of the run are lost" in result.err
    assert not (tmp_path / "rows.csv").exists()
    assert sorted(run.iterdir()) == before


def test_a_csv_is_written_of_a_run_that_cannot_be_written_to(
    cli: Cli, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_words: object, **_more: object) -> None:
        raise AssertionError("the run was opened for writing")

    monkeypatch.setattr("advkit.evaluate.store.open_store", never)
    result = cli("report", runs / "a", "-o", tmp_path / "rows.csv")
    assert result.code == 0, result.err
    assert len((tmp_path / "rows.csv").read_text().splitlines()) > 1


def test_a_requirement_that_is_not_met_is_written_and_exits_1(
    cli: Cli, runs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "audit.xml"
    words = ("--require", "clean >= 0.1", "--require", "linf@0.2 >= 0.99", "-o", file)
    result = cli("report", runs / "a", *words)
    assert result.code == 1
    assert "linf@0.2 >= 0.99: measured" in result.err
    assert "clean" not in result.err
    assert ET.fromstring(file.read_text()).get("failures") == "1"


def test_audit_gates_by_requirements_and_refuses_them_before_the_work(
    cli: Cli, tmp_path: Path
) -> None:
    net = ("--model", "tests.evaluate.small:digits_net", "--data", "bundled:digits")
    quick = ("audit", *net, "--limit", "20", "--attacks", "fgsm", "--eps", "0.1", "--no-progress")
    out = tmp_path / "run"
    refused = cli(*quick, "--out", out, "--require", "linf@0.3 >= 0.4")
    assert refused.code == 2
    assert "the audited eps are 0.1" in refused.err
    assert not out.exists()
    failed = cli(*quick, "--out", out, "--require", "linf@0.1 >= 1", "-o", tmp_path / "a.md")
    assert failed.code == 1
    assert "**not met**" in (tmp_path / "a.md").read_text()
    assert cli(*quick, "--out", out, "--require", "linf@0.1 >= 0").code == 0


def test_compare_writes_a_page_and_json(cli: Cli, runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "c.html"
    result = cli("compare", runs / "a", runs / "b", "--out", page, "--json")
    assert result.code == 0, result.err
    told = json.loads(result.out)
    assert told["schema"] == "advkit/comparison/1"
    assert told["verdict"] in page.read_text()
    assert told["n"] == 90


def test_compare_refuses_other_images_unless_forced(cli: Cli, runs: Path, tmp_path: Path) -> None:
    run(tmp_path / "few", samples=some_digits(30))
    words = ("compare", runs / "a", tmp_path / "few", "--out", tmp_path / "c.html")
    refused = cli(*words)
    assert refused.code == 3
    assert "their images differ" in refused.err
    assert "--force" in refused.err
    assert not (tmp_path / "c.html").exists()
    forced = cli(*words, "--force")
    assert forced.code == 0
    assert "note: their images differ" in forced.out


def test_index_counts_the_runs_of_other_commands(cli: Cli, runs: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(runs / "a", mixed / "a")
    for name in ("attack", "explain", "attack again"):
        (mixed / name).mkdir()
        schema = f"advkit/{name.split()[0]}/1"
        (mixed / name / "run.json").write_text(json.dumps({"schema": schema}))
    told = cli("index", mixed).err
    assert told == "passed over: 3 runs of other commands (attack, explain)\n"


def test_index_links_to_the_reports_and_says_what_it_passed_over(
    cli: Cli, runs: Path, tmp_path: Path
) -> None:
    cli("report", runs / "a")
    result = cli("index", runs, "--out", tmp_path / "all runs.html")
    assert result.code == 0
    assert "has not ended" in result.err
    page = (tmp_path / "all runs.html").read_text()
    (link,) = [part.split('"')[0] for part in page.split('<a href="')[1:] if "report" in part]
    assert (tmp_path / link).resolve() == (runs / "a" / "report.html").resolve()
    assert page.count("<tbody>") == 1
    assert cli("index", tmp_path / "nowhere").code == 3
    (tmp_path / "empty").mkdir()
    assert cli("index", tmp_path / "empty").code == 5


def test_figures_go_into_the_run_and_it_can_still_go_on(cli: Cli, runs: Path) -> None:
    result = cli("figures", runs / "b", "--format", "png")
    assert result.code == 0, result.err
    names = sorted(file.name for file in (runs / "b" / "figures").iterdir())
    assert names == ["attacks.png", "curve.png", "examples.png"]
    assert run(runs / "b", seed=1)["clean"]["n"] == 90


@pytest.mark.parametrize("command", ["report", "figures"])
def test_what_is_no_run_is_said_in_one_line(
    cli: Cli, runs: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "run.json").write_text('{"schema": "advkit/explain/1"}')
    for folder, said in (
        (runs, "is not a run directory"),
        (runs / "half", "has not ended"),
        (tmp_path, "is a run of advkit explain, not of advkit audit"),
    ):
        result = cli(command, folder)
        assert result.code == 3
        line, hint, more = result.err.splitlines()
        assert line.startswith("error[E3")
        assert said in line
        assert hint.startswith("  ")
        assert more.startswith("  more: advkit explain-error E3")


def test_show_says_of_which_command_a_run_is_that_keeps_no_progress(
    cli: Cli, tmp_path: Path
) -> None:
    for schema, said in (("explain", "advkit explain"), ("pictures", "a picture command")):
        (tmp_path / "run.json").write_text(f'{{"schema": "advkit/{schema}/1"}}')
        result = cli("show", tmp_path)
        assert result.code == 3
        assert f"is a run of {said}, whose progress is not recorded" in result.err


def test_an_output_of_no_known_format_is_refused(cli: Cli, runs: Path, tmp_path: Path) -> None:
    result = cli("report", runs / "a", "-o", tmp_path / "a.docx")
    assert result.code == 2
    assert ".html, .md, .xml, .json, .csv" in result.err
    assert cli("report", runs / "a", "-o", tmp_path / "no" / "a.md").code == 3


def test_formats_are_known_in_any_capitals(cli: Cli, runs: Path, tmp_path: Path) -> None:
    words = ("-o", tmp_path / "a.JSON", "-o", tmp_path / "a.Md", "--format", "CSV")
    assert cli("report", runs / "a", *words).out.startswith("id,attack,eps")
    assert json.loads((tmp_path / "a.JSON").read_text())["verdict"]
    assert "| accuracy |" in (tmp_path / "a.Md").read_text()
    drawn = cli("figures", runs / "a", "--format", "SVG", "--out", tmp_path)
    assert (drawn.code, (tmp_path / "curve.svg").exists()) == (0, True), drawn.err


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("l2 @ 0.1 >= 0.5", "audit again with --norm L2"),
        ("linf@8/255>=50%", "audit again with --eps 8/255"),
    ],
)
def test_what_a_finished_run_cannot_answer(cli: Cli, runs: Path, text: str, hint: str) -> None:
    result = cli("report", runs / "a", "--require", text)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[1].strip() == hint
