"""The results of `advkit transfer`, for a terminal."""

from typing import Any

from advkit.cli.layout import columns, paragraph


def table(summary: dict[str, Any]) -> str:
    """Return the summary for a terminal."""
    rows = []
    for row in sorted(summary["ranked"], key=lambda row: -row["success"]["value"]):
        own = row["white_box"]
        itself = f"{own['value']:.3f}" if own else "-"
        passes = f"{row['forwards'] + row['backwards']:,.0f}"
        rows.append((row["attack"], *_share(row["success"]), itself, passes))
    head = ("attack", "transfer", "95% interval", "itself", "passes")
    lines = [paragraph(summary["verdict"]), "", columns(head, rows, right=(1, 2, 3, 4)), ""]
    lines += [paragraph(text, "finding:  ") for text in summary["findings"]]
    lines += [paragraph(note, "note:     ") for note in summary["notes"]]
    files = f"{summary['out']}/transfer.csv"
    return "\n".join([*lines, f"table:    {files}", f"report:   {summary['report']}"])


def labels_table(summary: dict[str, Any]) -> str:
    """Return the summary of an attacker who sees labels only, for a terminal."""
    rows = [(f"{row['queries']:,}", f"{row['agreement']:.3f}", *_share(row["success"]))
            for row in summary["rounds"]]  # fmt: skip
    head = ("queries", "agreement", "fooled", "95% interval")
    lines = [paragraph(summary["verdict"]), "", columns(head, rows, right=(0, 1, 2, 3)), ""]
    lines += [paragraph(note, "note:     ") for note in summary["notes"]]
    files = f"{summary['out']}/queries.csv"
    return "\n".join([*lines, f"table:    {files}", f"report:   {summary['report']}"])


def _share(share: dict[str, Any]) -> tuple[str, str]:
    return f"{share['value']:.3f}", f"{share['low']:.3f} to {share['high']:.3f}"
