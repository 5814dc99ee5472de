"""The Python interface of the picture commands: load, compute, write the page."""

import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import Tensor

from advkit.api.picture_setting import Setting, another, loaded
from advkit.api.request import new_run
from advkit.data.single_pictures import SAMPLES, load_picture
from advkit.evaluate import (
    dream_run,
    embed_run,
    fool_run,
    invert_run,
    style_run,
    visualize_run,
)
from advkit.evaluate.album import Asked, Studio, check_white, studio
from advkit.evaluate.workers import one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.input_mismatch import SIZES
from advkit.pages.albums import write_album


def visualize(
    setting: Setting, *, beside: str | Classifier | None = None,
    judge: str | Classifier | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Make the images that excite classes or neurons most; write the run directory.

    ``beside`` is a net for which the same images are made, ``judge`` one whose predictions are
    reported; ``options`` are those of `advkit.evaluate.visualize_run.Plan`. Returns the record of
    the run with the path of its page. Raises AdvkitError.
    """
    plan = visualize_run.Plan(**options)
    others = [_beside(beside, setting), another(judge, setting)]
    return made(setting, "visualize", plan.told(), others,
                lambda at: visualize_run.visualize(at, plan, *others))  # fmt: skip


def _beside(model: str | Classifier | None, setting: Setting) -> Classifier | None:
    """Return the net to make the same pictures for; raises InapplicableError for a black box."""
    other = another(model, setting)
    if other:
        check_white(other, "--beside")
    return other


def invert(setting: Setting, *, pictures: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """Reconstruct images from the codes of inner layers; write the run directory.

    ``pictures`` are files in place of the first images of the data; ``options`` are those of
    `advkit.evaluate.invert_run.Plan`. Returns and raises as `visualize`.
    """
    plan = invert_run.Plan(**options)

    def make(at: Studio) -> dict[str, Any]:
        found = {name: _fitted(at, name) for name in pictures}
        if not found and at.samples is not None:
            some = range(min(plan.images, len(at.samples.ids)))
            found = {at.samples.ids[i]: at.samples.x[i] for i in some}
        return invert_run.invert(at, plan, found or {name: _fitted(at, name) for name in SAMPLES})

    told = {**plan.told(), "pictures": list(pictures)}
    return made(setting, "invert", told, (), make, files=pictures)


def fool(
    setting: Setting, *, beside: str | Classifier | None = None, picture: str = "china",
    **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Make images without content that the net classifies with certainty; write the run directory.

    ``beside`` is another net to fool; ``options`` are those of `advkit.evaluate.fool_run.Plan`.
    Returns and raises as `visualize`.
    """
    plan = fool_run.Plan(**options)
    other = _beside(beside, setting)
    return made(setting, "fool", {**plan.told(), "picture": picture}, [other],
                lambda at: fool_run.fool(at, plan, _fitted(at, picture), other),
                files=[picture])  # fmt: skip


def embed(setting: Setting, **options: Any) -> dict[str, Any]:
    """Embed the images of the data by their codes, layer by layer; write the run directory.

    ``options`` are those of `advkit.evaluate.embed_run.Plan`. Returns and raises as `visualize`.
    """
    plan = embed_run.Plan(**options)
    return made(setting, "embed", plan.told(), (), lambda at: embed_run.embed(at, plan), None)


def dream(
    setting: Setting, *, picture: str = "china", guide: str | None = None, longest: int = 320,
    **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Amplify the features that layers detect in an image; write the run directory.

    ``picture`` and ``guide`` are files, china or flower, ``longest`` is the longer side in pixels;
    ``options`` are those of `advkit.evaluate.dream_run.Plan`. Returns and raises as `visualize`.
    """
    plan = dream_run.Plan(**options)

    def make(at: Studio) -> dict[str, Any]:
        device, channels = at.canvas.mean.device, at.canvas.shape[0]
        x = load_picture(picture, channels, longest).to(device)
        other = None if guide is None else load_picture(guide, channels, longest).to(device)
        return dream_run.dream(at, plan, x, other)

    told = {**plan.told(), "picture": picture, "guide": guide or "", "longest": longest}
    files = [picture, *filter(None, [guide])]
    return made(setting, "dream", told, (), make, (longest, *SIZES), files)


def style(setting: Setting, **options: Any) -> dict[str, Any]:
    """Render one image in the textures of others; write the run directory.

    ``options`` are those of `advkit.evaluate.style_run.Plan`. Returns and raises as `visualize`.
    """
    plan = style_run.Plan(**options)

    def make(at: Studio) -> dict[str, Any]:
        device, channels = at.canvas.mean.device, at.canvas.shape[0]
        content, *styles = (load_picture(name, channels, plan.size).to(device)
                            for name in (plan.content, *plan.styles))  # fmt: skip
        return style_run.style(at, plan, content, styles)

    files = (plan.content, *plan.styles)
    return made(setting, "style", plan.told(), (), make, (plan.size, *SIZES), files)


def _fitted(at: Studio, name: str) -> Tensor:
    """Return an image (c, h, w) cropped to the input size of the net."""
    channels, height, width = at.canvas.shape
    whole = load_picture(name, channels)
    factor = max(height / whole.shape[2], width / whole.shape[3])
    whole = load_picture(name, channels, math.ceil(factor * max(whole.shape[2:])))
    top, left = (whole.shape[2] - height) // 2, (whole.shape[3] - width) // 2
    return whole[0, :, top : top + height, left : left + width].to(at.canvas.mean.device)


def made(
    setting: Setting, kind: str, options: dict[str, Any], others: Sequence[Classifier | None],
    make: Callable[[Studio], dict[str, Any]], sizes: Sequence[int] | None = (),
    files: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Run a picture command, some inputs from ``files``; return its record, with the paths.

    A model that declares no input shape, without data, is tried on images of ``sizes`` if the
    setting has none; None is for commands that need data.
    """
    model, samples, shape = loaded(setting, sizes)
    folder = Path(setting.out) if setting.out else new_run(model.name, kind=kind)
    spec = {"model": str(setting.model if isinstance(setting.model, str) else model.name),
            "command": setting.command}  # fmt: skip
    contents = {name: sha256(Path(name).read_bytes()).hexdigest()
                for name in files if name not in SAMPLES and Path(name).is_file()}  # fmt: skip
    asked = Asked(kind, folder, setting.seed, setting.fresh, spec, setting.progress, contents)
    with one_thread_each():
        at = studio(model, samples, shape, asked, options, [each for each in others if each])
        record = make(at)
    return {**record, "out": str(folder), "report": str(write_album(folder))}
