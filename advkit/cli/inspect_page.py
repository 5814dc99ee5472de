"""Terminal output of `advkit inspect`."""

import shlex
from collections.abc import Sequence
from typing import Any

from advkit.cli.layout import columns, paragraph
from advkit.numbers import several

MARKS = {"pass": "ok", "fail": "WRONG", "not applicable": "-"}
SHOWN = 6
"""Number of preprocessings listed: the best, and the model's own."""
TITLES = {
    "outputs": "outputs", "accuracy": "above chance", "preprocessing": "preprocessing",
    "class_order": "class order",
    "determinism": "repeatable", "batch_size": "any batch",
    "training_mode": "eval mode", "side_effects": "no side effects", "gradient": "gradient",
    "saturation": "loss gradient", "true_gradient": "gradient is correct", "memory": "memory",
}  # fmt: skip


def page(found: dict[str, Any], model: Sequence[str]) -> str:
    """Return all findings about a model: its properties, the checks, the advice.

    ``model`` are the words that give it to another command, after --model.
    """
    parts = [_about(found)]
    if "findings" in found:
        parts += [_accuracy(found), _looked_at(found["findings"]), _costs(found)]
    if "layers" in found:
        parts.append(_layers(found["layers"]))
    if "findings" in found:
        parts.append(_advice(found, model))
    return "\n\n".join(part for part in parts if part)


def _about(found: dict[str, Any]) -> str:
    size = " x ".join(map(str, found["shape"]))
    names = ", ".join(found["classes"][:6]) + ", ..." * (len(found["classes"]) > 6)
    lines = [found["name"], "", f"images   {size}"]
    lines.append(f"classes  {found['n_classes']}{': ' + names if names else ''}")
    kind = ", ".join(found["dtypes"])
    lines.append(f"weights  {found['parameters']:,}{f' ({kind})' if kind else ''}")
    if found["data"]:
        lines.append(f"data     {found['data']}, {found['n']:,} images checked")
    return "\n".join([*lines, *(paragraph(note, "note     ") for note in found["notes"])])


def _accuracy(found: dict[str, Any]) -> str:
    if "accuracy" not in found:
        return paragraph("accuracy unknown: these images are noise. Give --data.")
    tried = sorted(found["preprocessing"], key=lambda row: -row["count"])
    tried = [row for row in tried if row in tried[:SHOWN] or row is found["preprocessing"][0]]
    rows = [
        (row["name"], f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}",
         f"{row['count']} of {row['n']}", _mark(row, found))
        for row in tried
    ]  # fmt: skip
    return columns(("preprocessing", "accuracy", "95% interval", "right", ""), rows, right=(1, 3))


def _mark(row: dict[str, Any], found: dict[str, Any]) -> str:
    own = found["preprocessing"][0]
    if row is own:
        return "<- its own"
    return "<- better" if row["name"] == found["best"] else ""


def _looked_at(rows: Sequence[dict[str, Any]]) -> str:
    return listing([(row["state"], TITLES[row["name"]], row["seen"]) for row in rows])


def listing(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return lines of (state, title, evidence), each with a mark."""
    wide = max(len(title) for _, title, _ in rows) + 2
    return "\n".join(
        paragraph(seen, f"{MARKS[state]:<7}{title:<{wide}}") for state, title, seen in rows
    )


def _costs(found: dict[str, Any]) -> str:
    cost = found["cost"]
    times = (
        f"a pass of one image takes {_shown(cost['forward_seconds'])} forward and "
        f"{_shown(cost['backward_seconds'])} back, on one thread, in batches of {cost['images']}"
    )
    jobs = several(cost["jobs"], "job")
    rows = [
        (row["suite"], f"{row['passes']:,}", f"{row['most_passes']:,}",
         f"{row['told'].rpartition('about ')[2]} for {row['images']:,} images")
        for row in found["audits"]
    ]  # fmt: skip
    heads = ("audit, Linf", "passes an image", "at most", f"about, with {jobs}")
    return "\n\n".join([paragraph(times, "cost     "), columns(heads, rows, right=(1, 2))])


def _shown(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _layers(layers: Sequence[dict[str, Any]]) -> str:
    rows = [
        (row["name"], row["kind"], " x ".join(map(str, row["shape"])) or "1",
         f"{row['parameters']:,}", row["map"])
        for row in layers
    ]  # fmt: skip
    return columns(("layer", "kind", "output", "weights", "a map of"), rows, right=(3,))


def _advice(found: dict[str, Any], model: Sequence[str]) -> str:
    if not found["advice"]:
        told = "No check found anything wrong."
        if "accuracy" in found:
            words = ["advkit", "audit", "--model", *model, "--data", found["data"]]
            told += f" An audit can begin:\n\n  {shlex.join(words)}"
            return told
        return paragraph(told)
    return "\n".join(["What to do:", *(paragraph(text, "- ") for text in found["advice"])])
