"""One headless Chromium for all browser tests, which are skipped without it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from advkit.reports import audit_page
from tests.reports.sample_audit import sample_audit, sample_cards

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, or else playwright's download."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        path = shutil.which("chromium") or driver.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no chromium: apt-get install chromium, or playwright install chromium")
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample audit as a file."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(audit_page(sample_audit(), sample_cards()), encoding="utf-8")
    return path


@pytest.fixture
def visit(chromium: Any, report: Path) -> Iterator[Callable[..., Any]]:
    """Open a page offline, in a fresh context with these options.

    Checks at the end of the test: no console message, no page error, no response except the file.
    """
    contexts: list[Any] = []
    said: list[str] = []
    answered: list[str] = []
    opened: list[str] = []

    def visit(path: Path = report, **options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        # "request" also fires for requests that the policy blocks; only a response is a fetch.
        page.on("requestfinished", lambda request: answered.append(request.url))
        page.goto(path.as_uri())
        opened.append(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in answered if not url.startswith("data:")] == opened
