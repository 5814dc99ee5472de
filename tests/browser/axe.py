"""What axe-core finds wrong with a page; without it the test is skipped."""

from typing import Any

import pytest

OPTIONS: dict[str, dict[str, list[str]]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""In the dark only what depends on it. What is in order need not be listed: it takes as long."""


def looked_at(page: Any, scheme: str) -> Any:
    """Return what axe says of ``page`` as it stands, in the light or in the dark."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    return axe.Axe().run(page, options=OPTIONS[scheme])
