"""Checks of a model before a run starts: batch independence, gradients, accuracy above guessing."""

import torch

from advkit.attacks import Member, attack_card
from advkit.data.samples import Samples
from advkit.engine import evaluate
from advkit.engine.objectives import margin
from advkit.errors import InputError
from advkit.evaluate.clean_checks import may_guess
from advkit.evaluate.intervals import Share
from advkit.evaluate.randomised import SAME, seeded, spread
from advkit.models.classifier import LEAST, Classifier

APART = 1e-3
"""Largest accepted difference between outputs alone and in a batch, relative to the largest logit.
"""


@torch.no_grad()
def check_alone(model: Classifier, x: torch.Tensor) -> None:
    """Raise InputError if the output for an image of ``x`` (n, ...) depends on the others.

    Attacks finish images one by one, and each result counts for its image alone. A black box is
    skipped, as queries may cost money; so is a randomised model, where this cannot be tested.
    """
    few = x[:LEAST]
    if len(few) < 2 or model.black_box:
        return
    with seeded("first look"):
        among, alone = model(few)[:1], model(few[:1])
    share = float((among - alone).abs().amax() / among.abs().amax().clamp_min(1e-12))
    if share > APART and spread(model, few, 2) <= SAME:
        raise InputError(
            f"the model {model.name} gives another output for an image alone than in a batch (by "
            f"{share:.0%} of the largest logit)",
            "look for batch statistics (batch norm without running ones, a mean over dimension 0) "
            "and for a reshape that mixes samples; advkit inspect checks further",
            code="E306",
        )


def slope_notes(model: Classifier, samples: Samples, member: Member) -> list[str]:
    """Return a note if an attack follows gradients and those of the first images are zero."""
    if model.black_box:
        return []
    if not attack_card(member.label, member.attack).knows.startswith("gradients"):
        return []
    with seeded("first look"):
        point = evaluate(margin(model, samples.y[:LEAST]), samples.x[:LEAST])
    if bool(point.gradient.any()):
        return []
    return [
        f"no gradient comes from the model {model.name}, so {member.label}, which follows it, says "
        "nothing about it: look for torch.no_grad, detach, numpy or rounding in forward(); advkit "
        "audit tries other ways"
    ]


def guess_notes(clean: Share, n_classes: int) -> list[str]:
    """Return a note if the model may be guessing on the clean images."""
    if clean["value"] == 1 or not may_guess(clean, n_classes):
        return []
    return [
        "the model may be guessing before any attack: labels, order of the classes or "
        "preprocessing may be wrong; advkit inspect looks for which"
    ]
