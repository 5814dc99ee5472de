"""Accessibility check of a page by axe-core; tests are skipped without it."""

from typing import Any

import pytest

OPTIONS: dict[str, dict[str, list[str]]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""The dark scheme runs only the rules that depend on it. Passed rules are not listed, as listing
them takes long."""


def looked_at(page: Any, scheme: str) -> Any:
    """Return the result of axe for ``page`` in its current state, in the light or dark scheme."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    return axe.Axe().run(page, options=OPTIONS[scheme])
