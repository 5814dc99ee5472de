"""The audit of a model without gradients: score-based attacks, and the checks that apply."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from advkit.attacks import Member, attack_card
from advkit.data.samples import Samples
from advkit.errors import UsageError
from advkit.evaluate.clean_checks import above_guessing
from advkit.evaluate.ledger_checks import valid
from advkit.evaluate.stage_context import Work, right_when_clean
from advkit.evaluate.suites import NEAR_BY_25, STANDARD, SUITES, Suite
from advkit.evaluate.trust_checks import Check
from advkit.evaluate.trust_verdict import told
from advkit.evaluate.workers import default_batch
from advkit.models.black_box import BlackBox, labels_alone
from advkit.models.classifier import Classifier

QUERIES = {"quick": 100, "standard": 300, "thorough": 1000}
"""Queries per image at each eps, by name of the suite."""
LABEL_QUERIES = {"quick": 500, "standard": 2000, "thorough": 5000}
"""Queries per image of a decision-based attack, which runs once for all eps."""
BOUND = (
    "The model is a black box: attacks saw only its outputs. This is an upper bound on robust "
    "accuracy; an attacker with the weights may do better."
)


def suite_for(model: Classifier, name: str, norm: str) -> Suite:
    """Return the suite ``name``; a model without gradients gets a score-based one in every norm.

    One that gives labels alone gets a decision-based one: there are no scores to follow.
    """
    if not model.black_box:
        return SUITES[name][norm]
    if labels_alone(model):
        nearest = "pointwise" if norm == "L1" else "hopskipjump"
        nearest = f"{nearest}:queries={LABEL_QUERIES[name]}"
        return Suite((nearest,), ("noise:draws=4",), (), (), NEAR_BY_25, STANDARD)
    square = f"square:queries={QUERIES[name]}"
    return Suite((), ("noise:draws=4",), (square,), (), NEAR_BY_25, STANDARD)


def attackable(model: Classifier, members: Iterable[Member]) -> bool:
    """Return whether ``model`` gives the gradients that the attacks need, if they need any."""
    needs = (attack_card(one.label, one.attack).knows.startswith("gradients") for one in members)
    return not model.black_box or not any(needs)


def check_gradients(model: Classifier, members: Iterable[Member]) -> None:
    """Raise UsageError where an attack needs gradients that ``model`` does not give."""
    for member in members:
        if not attackable(model, [member]):
            why = "".join(f" ({note})" for note in model.notes if "without gradients" in note)
            raise UsageError(
                f"{member.label} needs gradients, and the model {model.name} is a black box{why}",
                "use score-based or decision-based attacks: square, simba, nes, hopskipjump, geoda",
            )


def black_box_trust(work: Work, before: Sequence[Check]) -> dict[str, Any]:
    """Return the trust panel as plain values, including the checks ``before`` the attacks."""
    skipped = Check("zero_gradients", "not applicable", "The model is a black box.")
    after = [valid(work)] if len(right_when_clean(work)) else []
    panel = told([*before, skipped, above_guessing(work), *after], guide_is_sound=True)
    if panel["overall"] == "ok":
        panel["headline"] = BOUND
    return {**panel, "courses": {}, "forwards": 0, "backwards": 0, "seconds": 0.0}


def announce_cost(
    model: Classifier,
    most: int,
    samples: Samples,
    batch_size: int | None,
    announce: Callable[[str], None] | None,
) -> None:
    """Announce what up to ``most`` passes per sample cost if ``model`` queries a service."""
    if announce is None:
        return
    for part in model.modules():
        estimate = getattr(part.ask, "estimate", None) if isinstance(part, BlackBox) else None
        if estimate:
            together = min(len(samples.ids), batch_size or default_batch(samples.x[0].numel()))
            announce(estimate(most * len(samples.ids), together))
