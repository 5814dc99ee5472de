"""Load a model and data that match: image size and colours, class names."""

from collections.abc import Sequence

from advkit.data.python_data import Data, given
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.models.channels import wants_grey
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape, load_model


def paired(
    model: str | Classifier, data: Data, limit: int | None, arch: str | None,
    shape: tuple[int, ...] | None, *, stream: bool = False,
) -> tuple[Samples, Classifier]:  # fmt: skip
    """Load data in the input ``shape`` of the model, then the model with the classes of the data.

    If the model declares no shape (None) and takes grey only, images are read again as grey.
    """
    if not isinstance(data, str):
        samples = given(data, limit, shape)
        return samples, loaded_for(samples, model, arch)
    samples = load_data(data, limit=limit, shape=shape, stream=stream)
    found = loaded_for(samples, model, arch)
    if shape is None and wants_grey(found, samples.x):
        grey = (1, *samples.x.shape[2:])
        samples = load_data(data, limit=limit, shape=grey, stream=stream)
    return samples, found


def paired_with_all(
    models: Sequence[str | Classifier], data: Data, limit: int | None
) -> tuple[Samples, list[Classifier]]:
    """Load data for the first of ``models`` that declares a shape, and all models, as `paired`."""
    shapes = [input_shape(each) if isinstance(each, str) else each.shape for each in models]
    shape = next(filter(None, shapes), None)
    samples, first = paired(models[0], data, limit, None, shape)
    return samples, [first, *(loaded_for(samples, each) for each in models[1:])]


def loaded_for(samples: Samples, model: str | Classifier, arch: str | None = None) -> Classifier:
    """Return the model, loaded with the classes of the samples if it is a spec."""
    if isinstance(model, Classifier):
        return model
    found = load_model(model, arch=arch, classes=samples.classes)
    found.named_in_part = samples.mapped and found.classes == samples.classes
    return found
