"""The conclusion from the trust checks: ``ok``, ``repaired`` or ``doubtful``, and its sentence."""

from collections.abc import Sequence
from typing import Any

from advkit.evaluate.trust_checks import TEXTS, Check
from advkit.numbers import several

CURABLE = (
    "randomised_predictions",
    "softmax_outputs",
    "zero_gradients",
    "wrong_gradients",
    "saturated_loss",
    "better_gradient",
)
"""Failures that attacks can work around: with a sound substitute gradient the result is sound."""

GUESSING = "no_better_than_guessing"
SETTLED = "This number is proved: at every eps each image that no attack fooled is certified."
BESIDE = "The number does not depend on it: each image that no attack fooled is certified."


def overall(checks: Sequence[Check], guide_is_sound: bool) -> str:
    """Return ``ok``, ``repaired`` (attacks worked around the failures) or ``doubtful``."""
    failed = [check.name for check in checks if check.state == "fail"]
    if not failed:
        return "ok"
    return "repaired" if guide_is_sound and set(failed) <= set(CURABLE) else "doubtful"


def headline(checks: Sequence[Check], how: str) -> str:
    """Return the conclusion about the result, in one sentence."""
    failed = [check for check in checks if check.state == "fail"]
    if not any(check.name == "invalid_examples" for check in checks):
        return (
            "No image is classified correctly: nothing was attacked, so there is nothing to trust."
        )
    if how == "ok":
        ran = sum(check.state == "pass" for check in checks)
        return f"No check found a reason to doubt this number: {several(ran, 'check')} passed."
    if how == "repaired":
        return (
            f"{TEXTS[failed[0].name].meaning} The attacks worked around it; this is what they "
            "reached."
        )
    worst = [check for check in failed if check.name not in CURABLE] or failed
    return f"Do not trust this number. {TEXTS[worst[0].name].meaning}"


def settled(trust: dict[str, Any], certified: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the panel of a number that proofs settle, whatever attacks can or cannot do.

    ``certified`` are the rows of `bracket.bracket_summary`: the number is settled if, at every eps,
    all images that no attack fooled are certified. Only clean accuracy is then left to doubt.
    """
    if any(row["open"] for row in certified) or not any(row["count"] for row in certified):
        return trust
    checks = [
        {**row, "state": "not applicable", "evidence": f"{row['evidence']} {BESIDE}"}
        if row["state"] == "fail" and row["name"] != GUESSING
        else row
        for row in trust["checks"]
    ]
    if any(row["state"] == "fail" for row in checks):
        how, why = "doubtful", f"Do not trust this number. {TEXTS[GUESSING].meaning}"
    else:
        how, why = "ok", SETTLED
    return {**trust, "overall": how, "headline": why, "checks": checks}


def told(checks: Sequence[Check], guide_is_sound: bool) -> dict[str, Any]:
    """Return the panel as plain values."""
    rows = [{**check._asdict(), **TEXTS[check.name]._asdict()} for check in checks]
    how = overall(checks, guide_is_sound)
    return {"overall": how, "headline": headline(checks, how), "checks": rows}
