"""Markdown table of a comparison.

python benchmarks/peers/table.py linf.json l2.json ...
"""

import json
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from advkit.evaluate.intervals import mcnemar, wilson

HEAD = (
    "| attack | library | robust accuracy | only advkit fools | only the peer fools | p "
    "| forward | backward | CPU s | CPU / bare | CPU / advkit |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def markdown(result: dict[str, Any]) -> str:
    """Return a heading and the table of ``result``, a row per attack and library."""
    right = 1 - np.array(result["clean"])
    share = wilson(int(right.sum()), result["n"])
    kinds = Counter((run["race"], run["library"]) for run in result["runs"])
    repeats = min(kinds.values())  # excludes an interrupted last repeat
    runs = [run for run in result["runs"] if run["repeat"] < repeats]
    runs.sort(key=lambda run: (run["race"] != "PGD-40", run["race"]))
    often = "one run" if repeats == 1 else f"median of {repeats} runs"
    lines = [
        f"### {result['model']}, {result['norm']}, eps {result['eps']}",
        "",
        f"n = {result['n']} images, clean accuracy {share['value']:.3f}; advkit at batch "
        f"{result['batch']}, peers at batch {result['peer_batch']} with the "
        f"{PEER_NET[result['peer_net']]}; {often}.",
        "",
        HEAD,
    ]
    for _, race in groupby(runs, key=lambda run: run["race"]):
        lines += _race(list(race), right)
    return "\n".join(lines) + "\n"


PEER_NET = {
    "plain": "net as a user has it",
    "classifier": "frozen channels_last Classifier that advkit attacks",
}


def _race(runs: list[dict[str, Any]], right: Any) -> list[str]:
    by_library: dict[str, list[dict[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: int(run["repeat"])):
        by_library.setdefault(run["library"], []).append(run)
    ours = by_library.get("advkit")
    cost = {name: _ratio(rows) for name, rows in by_library.items()}
    order = sorted(by_library, key=lambda name: (name != "advkit", cost[name]))
    return [_row(name, by_library[name], ours, cost, right) for name in order]


def _ratio(rows: list[dict[str, Any]]) -> float:
    return float(median(row["seconds"] / row["bare"] for row in rows))


def _row(
    name: str,
    rows: list[dict[str, Any]],
    ours: list[dict[str, Any]] | None,
    cost: dict[str, float],
    right: Any,
) -> str:
    fooled = np.array([row["fooled"] for row in rows]) * right
    left = [int(right.sum() - run.sum()) for run in fooled]
    share = wilson(int(median(left)), len(right))
    pairs = ["", "", ""]
    if name != "advkit" and ours:
        ahead = np.array([row["fooled"] for row in ours]) * right - fooled
        total = ahead.sum(0)
        p = mcnemar(int((total > 0).sum()), int((total < 0).sum()))
        pairs = [_counts(ahead > 0), _counts(ahead < 0), f"{p:.2g}"]
    invalid = sum(row["invalid"] for row in rows)
    cells = [
        rows[0]["race"],
        name + (f" ({invalid} invalid)" if invalid else ""),
        f"{share['value']:.3f} ({share['low']:.3f} to {share['high']:.3f})",
        *pairs,
        f"{median(row['forwards'] for row in rows):.1f}",
        f"{median(row['backwards'] for row in rows):.1f}",
        f"{median(row['seconds'] for row in rows):.1f}",
        f"{cost[name]:.2f}",
        f"{cost[name] / cost['advkit']:.2f}" if "advkit" in cost else "",
    ]
    return f"| {' | '.join(cells)} |"


def _counts(flags: Any) -> str:
    """Return the number of images per run."""
    return ", ".join(str(int(run.sum())) for run in flags)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(markdown(json.loads(Path(path).read_text())))  # noqa: T201
