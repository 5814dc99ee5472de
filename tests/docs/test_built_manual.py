"""The manual as a site: strict build, no external requests, all public names included."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import advkit
from advkit import insight
from advkit.attacks import ATTACKS, HIGHER_ORDER
from tests.docs.blocks import ROOT, blocks, lines
from tests.docs.running import Page

PACKAGES = ("advkit", "attacks", "benchmarks", "reports")
TEXTS = ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@pytest.fixture
def site(page: Page) -> Path:
    """Make small sample reports by their commands, and build the manual as `make docs` does."""
    shutil.copytree(ROOT / "docs", page.place / "docs", ignore=shutil.ignore_patterns("samples"))
    for block in blocks("docs/samples.md"):
        for line in lines(block.text):
            page.command(line)
    for name in TEXTS:
        shutil.copy(ROOT / name, page.place)
    for name in PACKAGES:
        (page.place / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"], cwd=page.place, capture_output=True, text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return page.place / "build" / "site"


def test_it_is_built_strictly_and_whole(site: Path) -> None:
    pages = {file: file.read_text("utf-8") for file in site.rglob("*.html")}
    for file, text in pages.items():
        fetched = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?(https?:[^\s\">]+)", text
        )
        assert not [url for url in fetched if "canonical" not in url], file
    for name in ("audit", "transfer", "linearity", "explain"):
        assert (site / "samples" / name / "report.html").stat().st_size > 10_000
        assert [file.name for file in (site / "samples" / name).iterdir()] == ["report.html"]
    python, attacks = pages[site / "api.html"], pages[site / "api-attacks.html"]
    modules = {"attacks", "insight", "__version__"}
    dictionaries = {"METHODS", "ABOUT", "Look"}
    assert not [name for name in {*advkit.__all__} - modules if f'id="advkit.{name}"' not in python]
    assert not [name for name in {*insight.__all__} - dictionaries
                if f'id="advkit.insight.{name}"' not in python]  # fmt: skip
    assert not [name for name in (*ATTACKS, *HIGHER_ORDER)
                if f'id="advkit.attacks.{name}"' not in attacks]  # fmt: skip
    assert "&gt;&gt;&gt;" in python, "examples are shown as code"
