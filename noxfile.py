"""Tests on every Python that advkit says it runs on, where it is present; and what it is made of.

nox                    # lint, and tests on 3.11, 3.12, 3.13
nox -s audit sbom      # known holes in what is installed (asks the network), bill of materials
"""

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run all tests, or those that are named after --."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or ["--numprocesses", "auto"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff and mypy."""
    session.install("-e", ".[test]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known holes in all that advkit requires."""
    session.install(".", "pip-audit")
    session.run("pip-audit", "--skip-editable", "--desc")


@nox.session
def sbom(session: nox.Session) -> None:
    """Write the bill of materials."""
    session.install(".", "packaging")
    with open("sbom.json", "w", encoding="utf-8") as out:  # noqa: PTH123
        session.run("python", "-m", "advkit.benchmarks.bill_of_materials", stdout=out)
