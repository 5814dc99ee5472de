"""Checks of model outputs: repeatable, independent of the batch, and in training mode."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from advkit.engine.modes import modes_kept
from advkit.evaluate.randomised import SAME, seeded, spread
from advkit.inspection.findings import Finding, finding
from advkit.models.classifier import Classifier

MATTERS = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
KINDS = {
    "probabilities": "probabilities (a softmax is inside): give logits, for the gradient of a "
    "softmax vanishes where the model is sure",
    "log-probabilities": "log-probabilities (a log-softmax is inside): margins are as those of "
    "logits, nothing need be changed",
    "logits": "logits",
}


def outputs(kind: str, logits: Tensor) -> Finding:
    """Report the ``kind`` of ``logits`` (n, n_classes), by `output_kind`; probabilities fail."""
    if kind == "labels":
        return Finding("outputs", "not applicable", "labels alone, no scores")
    low, high = float(logits.min()), float(logits.max())
    told, _, advice = KINDS[kind].partition(": ")
    return finding(
        "outputs", kind == "probabilities", f"{told}, from {low:.3g} to {high:.3g}",
        f"Return logits: {advice}. (Audits then attack through the logits where they can be had.)",
    )  # fmt: skip


def repeated(model: Classifier, x: Tensor) -> Finding:
    """Query the same input five times (Croce et al. 2020)."""
    found = spread(model, x)
    return finding(
        "determinism", found > SAME,
        f"five answers to the same images differ by {found:.1g} of the largest logit",
        "The model answers at random: an audit averages over 8 passes for attacks and 32 for "
        "verdicts, and takes as much longer. If that is not meant, look for dropout or noise that "
        "eval() does not switch off.",
    )  # fmt: skip


@torch.no_grad()
def in_company(model: Classifier, x: Tensor) -> Finding:
    """Compare outputs for each image alone with those in one batch, in both orders."""
    if len(x) < 2 or spread(model, x) > SAME:
        why = "there is only one image" if len(x) < 2 else "answers are random"
        return Finding("batch_size", "not applicable", why)
    together, turned = model(x), model(x.flip(0)).flip(0)
    alone = torch.cat([model(one[None]) for one in x])
    largest = together.abs().amax().clamp_min(1e-12)
    apart = torch.stack([(alone - together).abs().amax(), (turned - together).abs().amax()])
    share = float(apart.amax() / largest)
    return finding(
        "batch_size", share > SAME,
        f"alone and in a batch of {len(x)} answers differ by {share:.1g} of the largest logit",
        "An answer depends on the other images of the batch. Look for batch statistics (a "
        "normalisation over dimension 0, batch norm without running statistics), or a reshape "
        "that mixes samples.",
    )  # fmt: skip


@torch.no_grad()
def training_mode(model: Classifier, x: Tensor) -> Finding:
    """Compare the predictions of eval mode, which audits use, with those of training mode."""
    if not any(isinstance(module, MATTERS) for module in model.net.modules()):
        seen = "no layer (batch norm, dropout) differs in training mode"
        return Finding("training_mode", "not applicable", seen)
    calm = model(x).argmax(1)
    with _in_training(model.net), seeded("training"):
        changed = int((model(x).argmax(1) != calm).sum())
    was = any("training mode" in note for note in model.notes)
    seen = f"in training mode {changed} of {len(x)} predictions would be others"
    return Finding("training_mode", "pass", seen + "; it came in training mode" * was)


@contextmanager
def _in_training(net: nn.Module) -> Iterator[None]:
    """Put ``net`` into training mode within the block; restore modes and buffers."""
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers()]
    with modes_kept(net):
        try:
            net.train()
            yield
        finally:
            for buffer, before in buffers:
                buffer.copy_(before)


@torch.no_grad()
def side_effects(model: Classifier, x: Tensor) -> Finding:
    """Check whether a pass changes a weight or a buffer; `probe` checks the input."""
    before = model.fingerprint()
    model(x)
    changed = model.fingerprint() != before
    return finding(
        "side_effects", changed,
        f"a pass {'changes' if changed else 'leaves'} the weights and buffers"
        + " as they were" * (not changed),
        "A pass changes the weights or buffers of the model: results then depend on the order of "
        "passes. Look for counters and running statistics that forward() updates in eval mode.",
    )  # fmt: skip
