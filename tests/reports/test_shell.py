import ast
from pathlib import Path

import advkit.reports
from advkit.reports.parts import Section
from advkit.reports.shell import render

PACKAGE = Path(advkit.reports.__file__).parent


def test_reports_know_no_model_and_no_attack() -> None:
    allowed = {"numpy", "PIL", "matplotlib", "jinja2", "markupsafe", "advkit.reports"}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                top = node.module.split(".")[0]
                name = ".".join(node.module.split(".")[:2]) if top == "advkit" else top
                assert name in allowed or top in (
                    "collections",
                    "dataclasses",
                    "typing",
                    "xml",
                    "pathlib",
                ), (
                    path,
                    node.module,
                )


def test_the_layout_serves_any_content() -> None:
    page = render(
        "base.html", title="<b>", kind="study", sections=[Section("one", "A section", "One")]
    )
    assert "<title>&lt;b&gt; · advkit</title>" in page
    assert '<a href="#one">One</a>' in page
