"""The result of `advkit audit`, for a terminal."""

from typing import Any

from advkit.cli.layout import columns
from advkit.numbers import shown


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    norm = summary["norm"]
    lines = [summary["verdict"], "", f"{'':<24}{'accuracy':>9}{'95% interval':>18}{'images':>9}"]
    shares = [("clean", summary["clean"])]
    shares += [(f"{norm} {shown(r['eps'])}", r) for r in summary["robust"]]
    for name, s in shares:
        interval = f"{s['low']:.3f} to {s['high']:.3f}"
        lines.append(f"{name:<24}{s['value']:>9.3f}{interval:>18}{s['count']:>9,}")
    lines += ["", attack_lines(summary["attacks"])]
    lines += bracket_lines(summary["bracket"], norm)
    return "\n".join([*lines, "", *trust_lines(summary["trust"]), f"report: {summary['report']}"])


def attack_lines(attacks: list[dict[str, Any]]) -> str:
    """Return the table of images fooled and costs per attack."""
    if not attacks:
        return "no attack ran: none was needed"
    rows = [
        (row["attack"], "any" if row["eps"] is None else f"{row['eps']:.4g}", f"{row['tried']:,}",
         f"{row['fooled']:,}", f"{row['forwards'] + row['backwards']:.1f}",
         f"{row['seconds']:.1f}")
        for row in attacks
    ]  # fmt: skip
    head = ("attack", "eps", "tried", "fooled", "passes", "seconds")
    return columns(head, rows, right=range(1, len(head)))


def bracket_lines(bracket: dict[str, Any], norm: str) -> list[str]:
    """Return how many images are certified, open and fooled at every eps; or why unknown."""
    if bracket["why"]:
        return ["", f"no lower bound: {bracket['why']}"]
    return [
        "",
        f"{'proved':<24}{'at least':>9}{'certified':>11}{'open':>7}{'fooled':>8}",
        *(
            f"{norm + ' ' + shown(row['eps']):<24}{row['value']:>9.3f}{row['count']:>11,}"
            f"{row['open']:>7,}{row['fooled']:>8,}  {row['why']}"
            for row in bracket["certified"]
        ),
    ]


def trust_lines(trust: dict[str, Any]) -> list[str]:
    """Return whether the number can be trusted, with the evidence of each failed check."""
    failed = [check for check in trust["checks"] if check["state"] == "fail"]
    lines = [f"failed: {check['title']}. {check['evidence']}" for check in failed]
    return [f"trust: {trust['overall']}. {trust['headline']}", *lines, ""]
