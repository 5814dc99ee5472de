"""Supply chain: advkit's parts, no network requests, and a reproducible wheel."""

import configparser
import hashlib
import os
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from advkit.benchmarks.bill_of_materials import bill, normal
from tests.cli.run_cli import Cli
from tests.test_layout import ROOT, copied

FIXED = {
    "torch": "2.10",  # CVE-2025-32434 (2.6), CVE-2026-24747: weights_only is safe
    "jinja2": "3.1.6",  # CVE-2025-27516: out of the sandbox
    "pillow": "12.2",  # CVE-2026-25990 (12.1.1): writes out of bounds; CVE-2026-42308: overflow
    "filelock": "3.20.3",  # CVE-2025-68146, CVE-2026-22701: links in the place of locks
    "tqdm": "4.66.3",  # CVE-2024-34062: eval of options
    "scikit-learn": "1.5",  # CVE-2024-5206: data kept in a vectoriser
    "ray": "2.54",  # CVE-2026-27482: jobs deleted from a web page
    "transformers": "5.3",  # CVE-2026-4372: config.json runs code; CVE-2026-1839 (5.0)
    "onnx": "1.21",  # CVE-2026-27489, CVE-2026-34446, CVE-2026-34447: reads outside the folder
    "skops": "0.13",  # CVE-2025-54886: falls back to joblib
    "pyarrow": "23.0.1",  # CVE-2026-25087: memory used after it was freed
}
"""The first version with all known holes mended that concern us."""


def requirements(extra: str | None = None) -> dict[str, Requirement]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    text = (
        config["options.extras_require"][extra] if extra else config["options"]["install_requires"]
    )
    found: dict[str, Requirement] = {}
    for one in (Requirement(line) for line in text.split("\n") if line.strip()):
        if one.name == "advkit":
            for inner in one.extras:
                found |= requirements(inner)
        found[normal(one.name)] = one
    return found


@pytest.mark.parametrize("name", FIXED)
def test_no_version_with_a_known_hole_is_allowed(name: str) -> None:
    wanted = {**requirements("all"), **requirements()}[name]
    (least,) = [spec.version for spec in wanted.specifier if spec.operator == ">="]
    assert Version(least) >= Version(FIXED[name])


def test_what_is_installed_is_what_is_required() -> None:
    for name, wanted in requirements().items():
        assert wanted.specifier.contains(version(name)), name


def test_the_bill_of_materials_lists_all_that_is_required() -> None:
    found = bill("jinja2")
    assert [part["name"] for part in found["components"]] == ["markupsafe"]
    schema = {
        "required": ["bomFormat", "specVersion", "components", "dependencies"],
        "properties": {
            "bomFormat": {"const": "CycloneDX"},
            "components": {"items": {"required": ["type", "name", "version", "purl"]}},
        },
    }
    jsonschema.validate(found, schema)
    edges = {edge["ref"]: edge["dependsOn"] for edge in found["dependencies"]}
    assert edges[f"pkg:pypi/jinja2@{version('jinja2')}"] == [
        f"pkg:pypi/markupsafe@{version('markupsafe')}"
    ]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse every connection and every question for an address; return what was tried."""
    tried: list[Any] = []
    connect = socket.socket.connect

    def refuse(*about: Any, **_: Any) -> NoReturn:
        tried.append(about)
        raise OSError("no network in this test")

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refuse(address)
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "gethostbyname", refuse)
    monkeypatch.setattr(socket.socket, "connect", local_only)
    monkeypatch.setattr(socket.socket, "connect_ex", local_only)
    return tried


def test_the_guard_sees_who_asks(no_network: list[Any]) -> None:
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("localhost", 9))
    with pytest.raises(OSError, match="no network"), socket.socket() as one:
        one.connect(("127.0.0.1", 9))
    assert len(no_network) == 2


def test_commands_ask_nothing_of_the_network(
    no_network: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    cli = Cli(monkeypatch, capsys)
    monkeypatch.chdir(tmp_path)
    few = ("--model", "bundled:digits-cnn", "--limit", "20", "--no-progress", "--jobs", "1")
    for words in (
        ("audit", *few, "--attacks", "fgsm", "--eps", "0.1", "--out", "a", "-o", "a.md"),
        ("audit", *few, "--attacks", "fgsm", "--eps", "0.1", "--out", "b", "--seed", "1"),
        ("attack", "fgsm", *few, "--eps", "0.1", "--out", "c"),
        ("report", "a"),
        ("compare", "a", "b"),
        ("index", "."),
        ("show", "a"),
        ("show", "attack", "pgd"),
        ("resume", "a"),
        ("ls", "models"),
        ("inspect", "bundled:digits-cnn"),
    ):
        done = cli(*words)
        assert done.code == 0, (words, done.err)
    assert not no_network
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in page


def test_the_same_source_gives_the_same_wheel(tmp_path: Path) -> None:
    digests = set()
    for i in range(2):
        source = copied(tmp_path / f"source{i}")
        for file in source.rglob("*.py"):
            os.utime(file, (time.time(), 1e9 + 1e6 * i))
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir",
             str(tmp_path / str(i)), str(source)],
            check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "315619200"},
        )  # fmt: skip
        (wheel,) = (tmp_path / str(i)).glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1
