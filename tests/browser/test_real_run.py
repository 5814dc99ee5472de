"""The report of a real audit by the real command, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import advkit
from tests.evaluate.small import ATTACKS, EPS, classifier, some_digits


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("real") / "run"
    return advkit.audit(
        classifier(), some_digits(), eps=EPS, attacks=ATTACKS, out=out, command="advkit audit"
    )


@pytest.mark.parametrize("width", [360, 900, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_request_or_a_word_on_the_console(
    written: dict[str, Any], visit: Callable[..., Any], width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    page = visit(Path(written["report"]), viewport=size, color_scheme=scheme)
    assert page.locator("h1").inner_text() == written["verdict"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("img").count() >= 3 * 10
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert page.evaluate(broken) == 0


def test_its_numbers_are_those_of_the_run(
    written: dict[str, Any], visit: Callable[..., Any]
) -> None:
    text = visit(Path(written["report"]), java_script_enabled=False).locator("body").inner_text()
    for share in (written["clean"], *written["robust"]):
        assert f"{share['value']:.1%}" in text
        assert f"{share['count']} of {share['n']}" in text
