"""One forward pass of a few samples, to check that model and data fit."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from advkit.engine.layers import takes_hooks
from advkit.errors import AdvkitError, InputError
from advkit.models.black_box import labels_alone
from advkit.models.classifier import LEAST, Classifier
from advkit.models.input_mismatch import misfit

Kind = Literal["logits", "log-probabilities", "probabilities", "labels"]


def probe(classifier: Classifier, x: Tensor, y: Tensor) -> list[str]:
    """Set ``classifier.n_classes`` and return notes for the report.

    ``x`` (n, ...) and ``y`` (n,) are the data; the first 16 samples are queried. Raises InputError
    if model and data do not fit, if the output is not finite logits, or if a pass changes its
    input.
    """
    few = x[:LEAST]
    given = few.clone()
    logits = _forward(classifier, given)
    if not torch.equal(given.nan_to_num(), few.nan_to_num()):
        raise InputError(
            f"the model {classifier.name} changes the images that it is given, in place",
            "look for x.mul_, x.sub_ or F.relu(x, inplace=True) in its forward(); copy x first",
        )
    _check_shape(classifier, logits, few)
    _check_finite(classifier, logits, few)
    n_classes = logits.shape[1]
    if classifier.classes and classifier.named_in_part:
        rest = range(len(classifier.classes), n_classes)
        classifier.classes += tuple(f"class {i}" for i in rest)
    if classifier.classes and len(classifier.classes) != n_classes:
        raise InputError(
            f"the model {classifier.name} has {n_classes} outputs, but there are "
            f"{len(classifier.classes)} class names: {', '.join(classifier.classes[:10])}",
            "give one class name per output, in the order of training; of data that has some of "
            "the classes alone, --class-map says which",
            code="E307",
        )
    classifier.n_classes = n_classes
    _check_labels(classifier, y)
    return [*classifier.notes, *_scale_notes(classifier, logits)]


def check_same_classes(counts: Sequence[tuple[str, int]]) -> None:
    """Raise InputError if nets, given with their names, have different numbers of classes."""
    if len({n for _, n in counts}) > 1:
        told = ", ".join(f"{name} {n}" for name, n in counts)
        raise InputError(
            f"the nets have different numbers of classes: {told}", "the same for all", code="E314"
        )


def _forward(classifier: Classifier, x: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            return classifier(x)  # type: ignore[no-any-return]
    except AdvkitError:
        raise
    except Exception as error:
        raise misfit(classifier, x, error) from error


def _check_shape(classifier: Classifier, logits: Tensor, x: Tensor) -> None:
    shape, name = tuple(logits.shape), classifier.name
    if not logits.is_floating_point():
        raise InputError(
            f"the model {name} gives {logits.dtype} of shape {shape}, not logits",
            "return the logits themselves, of which argmax was taken",
            code="E306",
        )
    if len(shape) == 1 or (len(shape) == 2 and shape[1] < 2):
        raise InputError(
            f"the model {name} gives one number per sample (output {shape}), not one per class",
            _both_logits(logits),
            code="E306",
        )
    if len(shape) != 2 or shape[0] != len(x):
        raise InputError(
            f"the model {name} gives an output of shape {shape} for {len(x)} samples, "
            "not (n, n_classes)",
            "return one row of logits per sample: pool or flatten before the last layer",
            code="E306",
        )


def _both_logits(single: Tensor) -> str:
    """Return how two logits follow from one number per sample, (n,) or (n, 1)."""
    how = "torch.stack([-s, s], 1) / 2" if single.ndim == 1 else "torch.cat([-s, s], 1) / 2"
    if bool(((single >= 0) & (single <= 1)).all()):
        return f"s looks like a probability: leave the last sigmoid out, then return {how}"
    return f"for two classes return both logits, such as {how}"


def _check_finite(classifier: Classifier, logits: Tensor, x: Tensor) -> None:
    bad = (~logits.isfinite().all(1)).nonzero().squeeze(1)
    if not len(bad):
        return
    first = int(bad[0])
    layer = _first_not_finite(classifier, x[first : first + 1])
    raise InputError(
        f"the model {classifier.name} gives NaN or infinite logits, first for sample {first}"
        + (f"; it starts in {layer}" if layer else ""),
        "are the weights whole, and is every std of the normalisation above 0?",
        code="E306",
    )


def _first_not_finite(classifier: Classifier, x: Tensor) -> str:
    found: list[str] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return module.register_forward_hook(look)

    handles = [
        watch(name, module)
        for name, module in classifier.net.named_modules()
        if name and takes_hooks(module)
    ]
    try:
        with torch.no_grad():
            classifier(x)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else ""


def _check_labels(classifier: Classifier, y: Tensor) -> None:
    if len(y) and (int(y.min()) < 0 or int(y.max()) >= classifier.n_classes):
        raise InputError(
            f"the labels go from {int(y.min())} to {int(y.max())}, but the model "
            f"{classifier.name} has {classifier.n_classes} classes "
            f"(0 to {classifier.n_classes - 1})",
            "number the labels from 0, in the order in which the model was trained",
            code="E307",
        )


def output_kind(classifier: Classifier, outputs: Tensor) -> Kind:
    """Return what the rows of ``outputs`` (n, n_classes) are, judged by their values."""
    if labels_alone(classifier):
        return "labels"

    def sums_to_one(p: Tensor) -> bool:
        return bool(((p.sum(1) - 1).abs() < 1e-3).all())

    if bool((outputs >= 0).all()) and sums_to_one(outputs):
        return "probabilities"
    if bool((outputs <= 0).all()) and sums_to_one(outputs.exp()):
        return "log-probabilities"
    return "logits"


def _scale_notes(classifier: Classifier, logits: Tensor) -> list[str]:
    return {
        "probabilities": [
            "the outputs look like probabilities (softmax inside the model): their gradients "
            "vanish where the model is sure; give logits instead"
        ],
        "log-probabilities": [
            "the outputs look like log-probabilities (log-softmax inside the model)"
        ],
        "labels": ["the model gives labels alone: attacks see no scores"],
        "logits": [],
    }[output_kind(classifier, logits)]
