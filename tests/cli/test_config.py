import json
import re
import tomllib
from pathlib import Path

import click
import pytest

from advkit.cli import COMMANDS
from advkit.cli import cli as group
from advkit.cli.common_options import with_common_options
from advkit.cli.config_file import SCHEMES, options_of
from advkit.data.specs import SCHEMES as DATA_SCHEMES
from advkit.errors import UsageError
from advkit.models import load_policy
from advkit.models.schemes import SCHEMES as MODEL_SCHEMES
from tests.cli.run_cli import Cli

pytestmark = pytest.mark.usefixtures("elsewhere")

ROW = re.compile(r"(?:# )?([\w-]+) = ?(.*?) +# (.*)")


def printed(cli: Cli, *words: object) -> dict[str, tuple[str, str]]:
    result = cli(*words, "--print-config")
    assert result.code == 0, result.err
    rows = [ROW.fullmatch(line) for line in result.out.splitlines()[1:]]
    assert all(rows), result.out
    return {row[1]: (row[2], row[3]) for row in rows if row}


def test_the_order_of_sources(cli: Cli, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source in turn is put on top of those below it, and wins."""
    seen = [printed(cli, "audit")["seed"]]
    home = elsewhere / "home/advkit/config.toml"
    home.parent.mkdir(parents=True)
    for file, seed in ((home, 1), (Path("advkit.toml"), 2), (Path("asked.toml"), 3)):
        file.write_text(f"[audit]\nseed = {seed}\n")
        seen.append(printed(cli, "audit", *(["--config", file] if seed == 3 else []))["seed"])
    monkeypatch.setenv("ADVKIT_AUDIT_SEED", "4")
    seen.append(printed(cli, "audit", "--config", "asked.toml")["seed"])
    seen.append(printed(cli, "audit", "--config", "asked.toml", "--seed", 5)["seed"])
    assert seen == [
        ("0", "default"), ("1", str(home)), ("2", "advkit.toml"), ("3", "asked.toml"),
        ("4", "environment: ADVKIT_AUDIT_SEED"), ("5", "command line"),
    ]  # fmt: skip


def test_what_is_printed_is_a_config_that_does_the_same(cli: Cli) -> None:
    words = ("audit", "--eps", "8/255,0.1", "--limit", 7, "--no-fold", "--attacks", "pgd:steps=3",
             "--attacks", "square", "--model", 'a"b\\c:d', "--fail-under", 0.5)  # fmt: skip
    first = cli(*words, "--print-config").out
    Path("again.toml").write_text(first)
    again = cli("audit", "--config", "again.toml", "--print-config").out
    assert tomllib.loads(again) == tomllib.loads(first)
    table = tomllib.loads(first)["audit"]
    assert (table["eps"], table["fold"], table["model"]) == ([8 / 255, 0.1], False, 'a"b\\c:d')
    assert table["attacks"] == ["pgd:steps=3", "square"]


def test_decibels_stay_decibels_in_a_config(cli: Cli) -> None:
    first = cli("audit", "--eps", "40dB,30.5dB", "--print-config").out
    assert tomllib.loads(first)["audit"]["eps"] == ["40dB", "30.5dB"]
    Path("again.toml").write_text(first)
    again = cli("audit", "--config", "again.toml", "--print-config").out
    assert tomllib.loads(again) == tomllib.loads(first)


@pytest.mark.parametrize("line", ["attack ddn --eps none", "embed --eps none", "explain --eps none",
                                  "attack pgd --band 300-3400.5"])  # fmt: skip
def test_what_is_no_number_comes_back_and_counts_more_than_a_file_that_is_found(
    cli: Cli, line: str
) -> None:
    words = line.split()
    command = words[: words[0].count("attack") + 1]
    Path("advkit.toml").write_text(f'[{words[0]}]\neps = "0.1"\n')
    first = cli(*words, "--print-config").out
    Path("again.toml").write_text(first)
    again = cli(*command, "--config", "again.toml", "--print-config").out
    assert tomllib.loads(again) == tomllib.loads(first)
    key = words[-2].removeprefix("--")
    assert tomllib.loads(again)[words[0]][key] in ("none", "300.0-3400.5")


@pytest.mark.parametrize("command", ["audit", "certify", "transfer"])
def test_a_list_that_is_given_twice_is_put_together(
    cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--eps", "0.2", "--eps", "0.1")
    assert printed(cli, command, *words)["eps"] == ("[0.1, 0.2]", "command line")
    monkeypatch.setenv(f"ADVKIT_{command.upper()}_EPS", "0.3, 0.25")
    assert printed(cli, command)["eps"][0] == "[0.25, 0.3]"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("linearity", "--classes", "3", "--classes", "8"), ("classes", '["3", "8"]')),
        (("transfer", "--architectures", "cnn", "--architectures", "mlp,cnn"),
         ("architectures", '"cnn,mlp"')),
        (("transfer", "--robust", "cnn", "--robust", "mlp"), ("robust", '"cnn,mlp"')),
    ],
)  # fmt: skip
def test_names_that_are_given_twice_are_put_together(
    cli: Cli, words: tuple[str, ...], found: tuple[str, str]
) -> None:
    assert printed(cli, *words)[found[0]] == (found[1], "command line")


@pytest.mark.parametrize("words", [("attack", "pgd"), ("explain",), ("embed",), ("linearity",)])
def test_one_eps_is_not_taken_twice(cli: Cli, words: tuple[str, ...]) -> None:
    result = cli(*words, "--eps", 0.1, "--eps", 0.2)
    assert (result.code, result.out) == (2, "")
    assert f"error[E203]: advkit {words[0]} takes one --eps, not 0.1 and 0.2" in result.err
    assert printed(cli, *words, "--eps", "0.1")["eps"] == ("0.1", "command line")
    assert "'0.1,0.2' is not " in cli(*words, "--eps", "0.1,0.2").err


NORMED = {"audit": [], "attack": ["ddn"], "certify": [], "transfer": [], "explain": [], "embed": [],
          "train": ["--out", "x"], "ls": ["attacks"]}  # fmt: skip


@pytest.mark.parametrize("command", NORMED)
def test_a_norm_is_known_in_any_capitals(cli: Cli, command: str) -> None:
    for text, norm in (("l2", "L2"), ("LINF", "Linf"), ("L_inf", "Linf"), ("l-2", "L2")):
        assert printed(cli, command, *NORMED[command], "--norm", text)["norm"][0] == f'"{norm}"'
    refused = cli(command, *NORMED[command], "--norm", "l3")
    assert (refused.code, "'l3' is not one of 'Linf', 'L2'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "key", "found"),
    [("audit --suite QUICK", "suite", '"quick"'), ("dream --film GIF", "film", '"gif"'),
     ("gallery --only DREAM,Style", "only", '["dream", "style"]')],
)  # fmt: skip
def test_a_choice_is_known_in_any_capitals(cli: Cli, line: str, key: str, found: str) -> None:
    assert printed(cli, *line.split())[key][0] == found


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "trust"])
def test_every_option_of_every_command_is_printed(cli: Cli, command: str) -> None:
    made = group.get_command(None, command)  # type: ignore[attr-defined]
    needed = {"compare": ["a", "b"], "show": ["attack", "pgd"], "ls": ["norms"]}
    words = needed.get(command) or ["x" for p in made.params if p.param_type_name == "argument"]
    result = cli(command, *words, "--print-config")
    if result.code:  # a command that asks for more than names
        assert result.err.startswith("Usage:")
        return
    rows = [ROW.fullmatch(line) for line in result.out.splitlines()[1:]]
    assert len(rows) == len(options_of(made)) >= 3
    assert all(rows)


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("[audit]\n\nlimt = 5", "advkit.toml:3: limt is no option of advkit audit", "limit"),
        ("[adit]\nlimit = 5", "advkit.toml:1: adit is no table of a command", "audit"),
        ("limit = 5", "advkit.toml:1: limit is no table of a command", "[audit]"),
        ("[ls]\nlimit=1\n[audit]\nlimit = 1.5", "advkit.toml:4: limit = 1.5", "--limit"),
        ("[audit]\nlimit = true", "advkit.toml:2: limit = True", "--limit"),
        ("[audit]\nlimit = -1", "advkit.toml:2: limit = -1", "--limit"),
        ("[audit]\nfold = 'no'", "advkit.toml:2: fold = 'no'", "--fold"),
        ("[audit]\nnorm = 'L7'", "advkit.toml:2: norm = 'L7'", "--norm"),
        ("[audit]\neps = 'nan'", "advkit.toml:2: eps = 'nan'", "--eps"),
        ("[audit]\nseed = 2020-01-01", "advkit.toml:2: seed", "--seed"),
        ("[audit]\nmodel = {a = 1}", "advkit.toml:2: model", "--model"),
        ("[audit]\nconfig = 'b.toml'", "advkit.toml:2: config is no option", ""),
        ("[audit]\nallow-unsafe-load = true", "allow-unsafe-load is no option", ""),
        ("[audit\nlimit = 5", "advkit.toml is not valid TOML", "line 1"),
        ("[audit]\nlimit = ", "advkit.toml is not valid TOML", "end of document"),
        ("[audit]\nlimit = 1\nlimit = 2\n", "advkit.toml is not valid TOML", "overwrite"),
        (b"\xff\xfe[", "advkit.toml is not valid TOML", "a [table] per command"),
    ],
)  # fmt: skip
def test_a_bad_config_names_file_line_and_the_nearest(
    cli: Cli, text: str | bytes, told: str, hint: str
) -> None:
    Path("advkit.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = cli("audit", "--out", "run")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error[E209]: ")
    assert told in result.err
    assert hint in result.err
    assert not Path("run").exists()


def test_a_config_that_is_not_there(cli: Cli) -> None:
    result = cli("audit", "--config", "nowhere.toml")
    assert (result.code, result.err.partition(":")[0]) == (3, "error[E301]")


def test_help_does_not_read_the_config(cli: Cli) -> None:
    Path("advkit.toml").write_text("[audit")
    assert cli("audit", "--help").code == 0


def test_an_environment_variable_out_of_range_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVKIT_AUDIT_LIMIT", "-3")
    result = cli("audit", "--out", "run")
    assert result.code == 2
    assert "error[E203]" in result.err
    assert "ADVKIT_AUDIT_LIMIT" in result.err
    monkeypatch.setenv("ADVKIT_LS_JSON", "1")
    assert json.loads(cli("ls", "norms").out)


def test_no_variable_and_no_file_allows_unsafe_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    @click.command()
    @click.option("--allow-unsafe-load", is_flag=True)
    @click.option("--seed", type=int)
    def risky(**given: object) -> None:
        seen.append(given)

    command = with_common_options(risky, ["risky"])
    monkeypatch.setenv("ADVKIT_RISKY_ALLOW_UNSAFE_LOAD", "1")
    monkeypatch.setenv("ADVKIT_RISKY_SEED", "5")
    command.main(["-q"], standalone_mode=False, auto_envvar_prefix="ADVKIT_RISKY")
    assert seen == [{"allow_unsafe_load": False, "seed": 5}]
    Path("advkit.toml").write_text("[risky]\nallow-unsafe-load = true\n")
    with pytest.raises(UsageError, match="allow-unsafe-load is no option"):
        command.main(["-q"], prog_name="risky", standalone_mode=False)


def test_every_scheme_that_runs_no_code_may_stand_in_a_file_that_lies_about() -> None:
    assert set(SCHEMES) == {*MODEL_SCHEMES, *DATA_SCHEMES} - {"predict"}


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("model", "./evil.py:make", True),
        ("model", "predict:./evil.py:make", True),
        ("model", "evil:make", True),
        ("data", "package.evil:make?n=3", True),
        ("surrogate", "./a/evil.py:make", True),
        ("attacks", "package.module:attack", True),
        ("model", "bundled:digits-cnn", False),
        ("model", "torchvision:resnet18", False),
        ("data", "imagefolder:photos?size=8", False),
        ("attacks", "pgd:steps=3", False),
        ("require", "linf@8/255 >= 0.4", False),
    ],
)
def test_a_file_that_lies_about_runs_no_code(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, code: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("open('executed', 'w')\n")
    Path("advkit.toml").write_text(f"[audit]\n{key} = {json.dumps(value)}\n")
    result = cli("audit", "--print-config")
    assert result.code == (2 if code else 0), result.err
    if code:
        assert f"advkit.toml:2: {key} = {value!r} is code" in result.err
        assert cli("audit", "--limit", "1").code == 2
    assert not Path("executed").exists()
    for trusted in ("advkit.toml", tmp_path / "advkit.toml"):
        assert cli("audit", "--config", trusted, "--print-config").code == 0


def test_a_user_without_home_has_no_configuration(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container under a bare number: neither HOME nor a line in /etc/passwd."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", unknown)
    assert printed(cli, "audit")["seed"] == ("0", "default")
    assert load_policy.trusted() == {}
    Path("net.pt").write_bytes(b"0")
    result = cli("trust", "add", "net.pt")
    assert result.code == 3
    assert "no home directory" in result.err


def test_a_home_that_is_hidden_has_no_configuration(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(_file: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", hidden)
    assert printed(cli, "audit")["seed"] == ("0", "default")
