"""The progress of a run for a terminal, as in `advkit show RUN`."""

import math
from pathlib import Path
from typing import Any

WORDS = {
    "running": "running",
    "stopped": "stopped; what was finished is safe",
    "failed": "stopped: some units failed",
    "done": "done",
}


def run_page(folder: Path, state: dict[str, Any]) -> str:
    """Return the page of `advkit.evaluate.run_progress.state_of` for the run in ``folder``."""
    from advkit.cli.layout import columns

    lines = [f"{folder}: {WORDS[state['state']]}", *_now(state), ""]
    rows = [
        (
            row["attack"],
            "any" if math.isinf(row["eps"]) else f"{row['eps']:.4g}",
            f"{row['tried']:,}",
            f"{row['fooled']:,}",
            f"{row['passes']:,.1f}",
            f"{row['seconds']:,.1f}",
        )
        for row in state["stages"]
    ]
    head = ("attack", "eps", "tried", "fooled", "passes", "seconds")
    lines += [columns(head, rows, right=(1, 2, 3, 4, 5)), ""] if rows else []
    return "\n".join([*lines, *_onward(folder, state)])


def _now(state: dict[str, Any]) -> list[str]:
    of_all = f" of {state['n']:,}" if state["n"] else ""
    lines = [f"samples judged when clean: {state['samples']:,}{of_all}"]
    if "stage" in state and state["state"] != "done":
        share = state["done"] / max(state["total"], 1)
        lines.append(
            f"stage: {state['stage']}, {state['done']:,} of {state['total']:,} ({share:.0%})"
        )
    if state["state"] == "running" and "seconds" in state:
        lines.append(f"for {spoken(state['seconds'])}, {left(state['left'])}; {state['updated']}")
    return lines


def left(seconds: float | None) -> str:
    """Return the estimated time left, in words."""
    return "no telling yet how long" if seconds is None else f"about {spoken(seconds)} left"


def spoken(seconds: float) -> str:
    """Return a duration in words."""
    from advkit.evaluate.budget import spoken as told

    return told(seconds)


def _onward(folder: Path, state: dict[str, Any]) -> list[str]:
    if state["state"] == "failed":
        units = f"{state['failed']:,} units were given up"
        return [f"{units}; to try them again: advkit retry --errors {folder}"]
    if state["state"] == "stopped":
        return [f"to resume: advkit resume {folder}"]
    return [f"report: {folder / 'report.html'}"] if (folder / "report.html").exists() else []
