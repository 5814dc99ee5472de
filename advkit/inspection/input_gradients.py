"""Check the input gradient of a model: whether it is zero, and whether it is correct."""

import torch
from torch import Tensor

from advkit.engine import evaluate
from advkit.engine.objectives import cross_entropy, margin
from advkit.evaluate.gradient_checks import FEW, followed
from advkit.evaluate.subject import FINE, SMALL, Subject
from advkit.inspection.findings import Finding, finding
from advkit.models.classifier import Classifier

BLIND = (
    "Attacks by gradient fail here without proving anything. An audit says so and finds detours "
    "(straight through rounding, around detach); --attacks square needs scores alone."
)
UNSEEN = "the model is a black box: audits attack it through its answers alone"


def slopes(
    model: Classifier, x: Tensor, y: Tensor, sound: bool
) -> tuple[list[Finding], dict[str, float]]:
    """Return findings about the input gradient at ``x`` (n, ...), and its statistics.

    Median L2 norms of the gradients of margin and cross entropy; the shares of images for which
    they are zero (or not finite, which the engine counts as zero).
    """
    of_margin = evaluate(margin(model, y), x).gradient.flatten(1)
    of_loss = evaluate(cross_entropy(model, y), x).gradient.flatten(1)
    flat, still = (each.abs().amax(1) == 0 for each in (of_margin, of_loss))
    sizes = of_margin.norm(dim=1)
    numbers = {
        "margin_median": float(sizes.median()), "margin_least": float(sizes.min()),
        "margin_most": float(sizes.max()), "loss_median": float(of_loss.norm(dim=1).median()),
        "zero_share": _share(flat), "zero_share_loss": _share(still),
    }  # fmt: skip
    if model.black_box:
        names = ("gradient", "saturation", "true_gradient")
        return [Finding(name, "not applicable", UNSEEN) for name in names], numbers
    found = [_there(flat, numbers), _saturated(still & ~flat, int((~flat).sum()))]
    return [*found, _true(model, x, y, sound)], numbers


def _there(flat: Tensor, numbers: dict[str, float]) -> Finding:
    seen = (
        f"the margin's has L2 norm {numbers['margin_median']:.3g} (median; "
        f"{numbers['margin_least']:.3g} to {numbers['margin_most']:.3g}), and is zero or not "
        f"finite at {int(flat.sum())} of {len(flat)} images"
    )
    return finding("gradient", _share(flat) > FEW, seen, BLIND)


def _saturated(still: Tensor, seen: int) -> Finding:
    if not seen:
        return Finding("saturation", "not applicable", "the margin has no gradient either")
    return finding(
        "saturation", int(still.sum()) / seen > FEW,
        f"the cross entropy's is zero at {int(still.sum())} of {seen} images where the margin's "
        "is not",
        "The cross entropy is flat to the last bit: attack with loss=margin, as the suites do.",
    )  # fmt: skip


def _true(model: Classifier, x: Tensor, y: Tensor, sound: bool) -> Finding:
    small = FINE if sound else SMALL
    ids = [str(i) for i in range(len(x))]
    found = followed(Subject(model, model, x, y, ids, "Linf", (small,), 0, small=small))
    if not len(found.along):
        return Finding("true_gradient", "not applicable", "there is no gradient to try")
    return finding(
        "true_gradient", found.misleads(),
        f"after a step of {small:g} the margin grew by {float(found.along.median()):.2f} times "
        f"what the gradient says (median); it is wrong at {int(found.wrong().sum())} images",
        "The gradient is not that of the answers: a custom backward, rounding, or a very rough "
        f"model. {BLIND}",
    )  # fmt: skip


def _share(found: Tensor) -> float:
    return float(found.double().mean()) if len(found) else float(torch.nan)
