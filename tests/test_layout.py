"""The layout is that of the design, also when installed; imports point in one direction."""

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOPS = ("attacks", "benchmarks", "reports")
LAYERS = [
    ("errors", "error_codes", "norm_names", "numbers", "spec_text", "user_folder", "engine"),
    ("models", "data"),
    ("attacks", "insight", "bounds"),
    ("evaluate",),
    ("benchmarks",),
    ("reports",),
    ("pages", "inspection"),
    ("api",),
    ("cli", "__main__"),
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
REPORTS_KNOW = {"errors", "numbers", "reports"}


def sources() -> dict[str, Path]:
    """Return the part of advkit by file, real files only."""
    found = {}
    for top in ("advkit", *TOPS):
        for file in (ROOT / top).rglob("*.py"):
            words = file.relative_to(ROOT).parts
            part = words[0] if words[0] in TOPS else words[1].removesuffix(".py")
            if words[:2] not in {("advkit", name) for name in TOPS} and words[1] != "peers":
                found[str(file.relative_to(ROOT))] = (part, file)
    return found


@pytest.mark.parametrize("name", sorted(sources()))
def test_imports_point_one_way(name: str) -> None:
    part, file = sources()[name]
    if part == "__init__":
        return  # the lazy face of the package
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        imported = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        imported += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in imported:
            words = module.split(".")
            if words[0] != "advkit" or len(words) == 1:
                assert words[0] not in TOPS, f"import {module} by its advkit name"
                continue
            assert LEVEL[words[1]] <= LEVEL[part], f"{part} imports {module}"
            if part == "reports":
                assert words[1] in REPORTS_KNOW, f"reports is given tables, it imports {module}"
            if part == "engine":
                assert words[1] in ("engine", "errors")


def test_every_package_directory_is_listed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {
        str(file.parent.relative_to(ROOT)).replace("/", ".")
        for top in ("advkit", *TOPS)
        for file in (ROOT / top).rglob("__init__.py")
    }
    inside = {name if name.startswith("advkit") else f"advkit.{name}" for name in found}
    assert inside == listed


@pytest.mark.parametrize("top", TOPS)
def test_the_links_are_relative(top: str) -> None:
    link = ROOT / "advkit" / top
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{top}"


def test_no_top_level_name_of_ours_is_imported() -> None:
    code = (
        "import sys, advkit.cli.audit, advkit.api.auditing, advkit.attacks, advkit.reports;"
        f"print([m for m in sys.modules if m.split('.')[0] in {TOPS!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*build, str(copied(out / "source"))], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = out.glob("*.whl")
    return file


def copied(to: Path) -> Path:
    """Copy what git tracks, so that the build writes nothing into the checkout."""
    to.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    names = [name for name in listed.decode().split("\0") if name and (ROOT / name).exists()]
    done = subprocess.run(
        ["tar", "-C", str(ROOT), "-cf", "-", *names], capture_output=True, check=True
    )
    subprocess.run(["tar", "-C", str(to), "-xf", "-"], input=done.stdout, check=True)
    return to


def test_the_wheel_holds_one_package_and_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 8e6
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"advkit"}
    assert not any(name.startswith("advkit/benchmarks/peers") for name in names)
    for wanted in ("advkit/attacks/projected_gradient.py", "advkit/py.typed",
                   "advkit/reports/templates/base.html", "advkit/data/bundled/fashion-mnist.npz",
                   "advkit/models/bundled/fashion-mnist-cnn-robust.safetensors"):  # fmt: skip
        assert wanted in names


def test_the_wheel_works_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    (elsewhere / "attacks").mkdir()  # a user's own folder must not be taken for ours
    (elsewhere / "attacks" / "__init__.py").write_text("raise SystemExit('the wrong attacks')")
    words = ["audit", "--model", "bundled:fashion-mnist-logistic", "--limit", "4", "--suite",
             "quick", "--out", "run"]  # fmt: skip
    code = f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv[1:] = {words!r};" \
           "import advkit; print(advkit.__file__); from advkit.cli import main; main()"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert (elsewhere / "run" / "report.html").exists()


def test_the_repository_names_no_machine_and_no_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    machine = ["/" + name + "/" for name in ("work", "root", "home")]
    hosts = ["py" + "pi.org", "python" + "hosted", "npm" + "js"]
    for name in listed.stdout.split():
        file = ROOT / name
        if file.is_file() and file.suffix in (
            ".py",
            ".md",
            ".cfg",
            ".toml",
            ".html",
            ".css",
            ".js",
            "",
        ):
            text = file.read_text(encoding="utf-8")
            assert not [word for word in (*machine, *hosts) if word in text], name
