"""An audit in text formats: Markdown for CI, JUnit XML, a fragment of a model card."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from advkit.reports.tables import Audit, Interval
from advkit.reports.tables import Check as Doubt
from advkit.reports.words import count, eps_both, percent, seconds, spread, visible


class Check(NamedTuple):
    """A requirement as written by the user, the measurement, and whether it is met."""

    text: str
    value: float
    low: float
    met: bool


def markdown(audit: Audit, checks: Sequence[Check] = ()) -> str:
    """Return the audit as Markdown: verdict, table of accuracies, requirements, command."""
    lines = [f"### {_inline(audit.verdict)}", "", *_accuracies(audit), ""]
    if checks:
        lines += ["| requirement | measured | lower bound | |", "|---|---|---|---|"]
        lines += [
            f"| {_inline(check.text)} | {percent(check.value)} | {percent(check.low)} |"
            f" {'met' if check.met else '**not met**'} |"
            for check in checks
        ]
        lines.append("")
    lines += _trust(audit)
    lines += [f"- {_inline(note)}" for note in audit.notes]
    spent = sum(row.seconds for row in audit.attacks)
    model, data = (_inline(str(at.get("name", ""))) for at in (audit.model, audit.data))
    lines += [
        f"{model} on {data}, suite {_inline(audit.suite)}, seed {audit.seed}, {seconds(spent)} s."
        " Robust accuracy is an upper bound.",
        "",
        "```",
        visible(audit.command).replace("```", "'''"),
        "```",
        "",
    ]
    return "\n".join(lines)


def _trust(audit: Audit) -> list[str]:
    """Return the result of the trust checks, and each that failed."""
    if not audit.trust:
        return []
    rows = [
        f"- **failed**: {_inline(f'{at.title}. {at.evidence} {at.advice}')}"
        for at in audit.trust.failed
    ]
    return [f"Trust: **{audit.trust.overall}**. {_inline(audit.trust.headline)}", "", *rows, ""]


def _accuracies(audit: Audit) -> list[str]:
    rows = [("clean", audit.clean)]
    rows += [(f"{audit.norm} eps {eps_both(eps, audit.norm)}", at) for eps, at in audit.robust]
    head = ["| | accuracy | 95% interval | images |", "|---|---|---|---|"]
    return head + [
        f"| {name} | {percent(at.value)} | {spread(at)} | {count(at.count)} of {count(at.n)} |"
        for name, at in rows
    ]


def _inline(text: str) -> str:
    """Return text that cannot become markup: one line, with every active character escaped."""
    plain = " ".join(visible(text).split())
    for character in "\\`*_[]<>|#!":
        plain = plain.replace(character, f"\\{character}")
    return plain


def junit(audit: Audit, checks: Sequence[Check] = ()) -> str:
    """Return JUnit XML: a test case per requirement, and one per accuracy, for information."""
    command, doubts = visible(audit.command), _doubts(audit)
    failed = sum(not check.met for check in checks) + sum(bad for _, bad in doubts)
    rows: list[tuple[str, Interval]] = [("clean", audit.clean)]
    rows += [(f"{audit.norm} eps {eps_both(eps, audit.norm)}", at) for eps, at in audit.robust]
    total = str(len(rows) + len(checks) + len(doubts))
    spent = f"{sum(row.seconds for row in audit.attacks):.3f}"
    about: Any = {"name": "advkit audit", "tests": total, "failures": str(failed), "errors": "0"}
    suite = ET.Element("testsuite", about, time=spent, timestamp=audit.started[:19])
    for name, at in rows:
        case = ET.SubElement(suite, "testcase", classname="advkit.accuracy", name=name, time="0")
        said = f"{percent(at.value)} ({spread(at)}), {count(at.count)} of {count(at.n)} images"
        ET.SubElement(case, "system-out").text = said
    for check in checks:
        name = visible(check.text)
        case = ET.SubElement(suite, "testcase", classname="advkit.require", name=name, time="0")
        if not check.met:
            said = f"measured {percent(check.value)}, 95% interval from {percent(check.low)}"
            ET.SubElement(case, "failure", message=said, type="requirement").text = command
    for doubt, bad in doubts:
        case = ET.SubElement(suite, "testcase", classname="advkit.trust", name=doubt.name, time="0")
        if bad:
            said = visible(f"{doubt.meaning} {doubt.evidence}")
            ET.SubElement(case, "failure", message=said, type="trust").text = visible(doubt.advice)
    root = ET.Element("testsuites", about)
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _doubts(audit: Audit) -> list[tuple[Doubt, bool]]:
    """Return the trust checks that ran, and whether each failed."""
    if not audit.trust:
        return []
    doubtful = audit.trust.overall == "doubtful"
    ran = [check for check in audit.trust.checks if check.state in ("pass", "fail")]
    return [(check, doubtful and check.state == "fail") for check in ran]


def model_card(audit: Audit) -> str:
    """Return a fragment for a Hugging Face model card: `model-index` YAML, then a section."""
    name, data = (json.dumps(visible(str(at.get("name", "")))) for at in (audit.model, audit.data))
    return "\n".join(
        [
            "---",
            "model-index:",
            f"  - name: {name}",
            "    results:",
            "      - task:",
            "          type: image-classification",
            "        dataset:",
            f"          name: {data}",
            f"          type: {data}",
            "        metrics:",
            *_metrics(audit),
            "---",
            "",
            "## Robustness",
            "",
            *_accuracies(audit),
            "",
            f"{_inline(audit.verdict)} Robust accuracy is an upper bound: it holds for the attacks"
            f" of the suite {_inline(audit.suite)} in {audit.norm} only. Measured by advkit"
            f" {_inline(audit.environment.get('advkit', ''))}: `{visible(audit.command)}`.",
            "",
        ]
    )


def _metrics(audit: Audit) -> list[str]:
    results = [("Accuracy", "accuracy", audit.clean)]
    results += [
        (f"Robust accuracy, {audit.norm} eps {eps_both(eps, audit.norm)}", "robust_accuracy", at)
        for eps, at in audit.robust
    ]
    return [
        line
        for name, kind, at in results
        for line in (
            f"          - type: {kind}",
            f"            name: {json.dumps(name)}",
            f"            value: {at.value:.4f}",
        )
    ]
