"""The Python face of pictures: load, make, write the page. The command line calls the same."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from advkit.albums import write_album
from advkit.api import new_run, own_data, pick_device
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.errors import UsageError
from advkit.evaluate import visualize_run
from advkit.evaluate.album import Asked, Studio, studio, untold
from advkit.evaluate.workers import one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.specs import input_shape, load_model

ROBUST, STANDARD = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist-cnn"


class Setting(NamedTuple):
    """What all commands that make pictures are given."""

    model: str | Classifier = ROBUST
    data: str | Samples | None = None
    limit: int | None = None
    size: int | None = None
    """Side of the pictures in pixels, for nets that take any."""
    arch: str | None = None
    device: str = "auto"
    seed: int = 0
    out: str | Path | None = None
    fresh: bool = False
    command: str = ""
    progress: Callable[..., None] = untold


def visualize(
    setting: Setting, *, beside: str | Classifier | None = None,
    judge: str | Classifier | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Make the pictures that excite classes or neurons most; write the run directory.

    ``beside`` is a net to make the same pictures with, ``judge`` one that says what it takes them
    for; ``options`` are those of `advkit.evaluate.visualize_run.Plan`. Returns the record of the
    run with the path of its page. Raises AdvkitError.
    """
    plan = visualize_run.Plan(**options)
    others = [another(each, setting) for each in (beside, judge)]
    return made(setting, "visualize", plan.told(), others,
                lambda at: visualize_run.visualize(at, plan, *others))  # fmt: skip


def made(
    setting: Setting, kind: str, options: dict[str, Any], others: Sequence[Classifier | None],
    make: Callable[[Studio], dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Make a run of pictures and its page; return its record, with the paths."""
    model, samples, shape = loaded(setting)
    folder = Path(setting.out) if setting.out else new_run(model.name, kind=kind)
    spec = {"model": str(setting.model if isinstance(setting.model, str) else model.name),
            "command": setting.command}  # fmt: skip
    asked = Asked(kind, folder, setting.seed, setting.fresh, spec, setting.progress)
    with one_thread_each():
        at = studio(model, samples, shape, asked, options, [each for each in others if each])
        record = make(at)
    return {**record, "out": str(folder), "report": str(write_album(folder))}


def loaded(setting: Setting) -> tuple[Classifier, Samples | None, Sequence[int]]:
    """Return the model, the data if there are any, and the shape of an image."""
    device = pick_device(setting.device)
    spec = setting.model
    name = spec if isinstance(spec, str) else spec.name
    data = setting.data
    if data is None and name.startswith("bundled:"):
        data = own_data(name)
    shape = input_shape(spec) if isinstance(spec, str) else spec.shape
    if setting.size is not None and shape is not None:
        shape = (shape[0], setting.size, setting.size)
    samples = load_data(data, limit=setting.limit, shape=shape) if isinstance(data, str) else data
    if samples is not None:
        shape = tuple(samples.x.shape[1:])
        samples = samples._replace(x=samples.x.to(device), y=samples.y.to(device))
    if shape is None:
        raise UsageError(f"{name} does not say what images it takes", "give --data or --size")
    classes = samples.classes if samples else None
    model = load_model(spec, arch=setting.arch, classes=classes) if isinstance(spec, str) else spec
    return model.to(device), samples, shape


def another(model: str | Classifier | None, setting: Setting) -> Classifier | None:
    """Return a further net, on the device of the first."""
    if model is None:
        return None
    found = load_model(model) if isinstance(model, str) else model
    return found.to(pick_device(setting.device))
