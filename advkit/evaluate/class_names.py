"""Do model and data mean the same by a class number?"""

from collections.abc import Sequence

from advkit.data.samples import Samples
from advkit.errors import InputError
from advkit.models.classifier import Classifier

REMEDY = "--class-map FILE gives the order: the names of the model's classes, one per line"


def class_notes(model: Classifier, samples: Samples) -> list[str]:
    """Return a note if the names of classes differ; raises InputError if their order does."""
    ours, theirs = _names(model, samples)
    if not ours or not theirs or ours == theirs:
        return []
    told = other_order(model, samples)
    if told:
        raise InputError(told, REMEDY, code="E307")
    return [f"Model and data name their classes differently: {ours[0]!r}, {theirs[0]!r}, ..."]


def other_order(model: Classifier, samples: Samples) -> str:
    """Return how the order of the classes of model and data differs, by their names; '' if not."""
    ours, theirs = _names(model, samples)
    if ours != theirs and sorted(ours) == sorted(theirs):
        return (
            f"the classes of {model.name} and of {samples.name} are the same in another order: "
            f"{', '.join(ours[:5])} ... and {', '.join(theirs[:5])} ..."
        )
    # Who wrote a class map may put images under any class of the model.
    moved = [] if samples.mapped else [
        (name, i) for i, name in enumerate(theirs) if name in ours and ours[i : i + 1] != (name,)
    ]  # fmt: skip
    if not moved:
        return ""
    name, i = moved[0]
    return (
        f"the classes of {model.name} and of {samples.name} are in another order: {name!r} is "
        f"{ours.index(name)} of the model, and {i} of the data"
    )


def _names(model: Classifier, samples: Samples) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ours, theirs = model.classes or (), tuple(samples.classes or ())
    return ours, _filled(theirs, ours) if ours and theirs and samples.mapped else theirs


def _filled(some: Sequence[str], ours: Sequence[str]) -> tuple[str, ...]:
    """Return the names ``some`` of a class map, with gaps filled from ``ours``."""
    kept = [ours[i] if i < len(ours) and name == f"class {i}" else name
            for i, name in enumerate(some)]  # fmt: skip
    return (*kept, *ours[len(kept) :])
