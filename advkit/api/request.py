"""Parse a request: defaults for model, data and eps, the device, the run directory."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from os import PathLike
from pathlib import Path

import torch

from advkit.api.pairing import paired
from advkit.data.python_data import Data, name_of_data
from advkit.data.samples import Samples, moved, taken_relative
from advkit.data.spec_guesses import check_bare as check_bare_data
from advkit.errors import InputError, UsageError
from advkit.models.classifier import Classifier
from advkit.models.spec_guesses import check_bare
from advkit.models.specs import bundled_models, input_shape
from advkit.models.user_code import is_estimator
from advkit.numbers import Relative, decibels, radii_of
from advkit.spec_text import parse_spec

MODEL, DATA = "bundled:fashion-mnist-cnn-robust", "bundled:fashion-mnist"
OTHERS = ("digits", "spoken-digits")
"""Other bundled data, each with a bundled net NAME-cnn."""
BUNDLED_EPS = {
    "Linf": (0.05, 0.1, 0.15),
    "L2": (0.5, 1.0, 1.5),
    "L1": (5.0, 10.0, 15.0),
}
SPEECH_DB = (50.0, 40.0, 30.0)
"""The default eps of sound: decibels below the signal."""
EPS = {
    "Linf": (2 / 255, 4 / 255, 8 / 255),
    "L2": (0.25, 0.5, 1.0),
    "L1": (3.0, 6.0, 12.0),
}


def asked_of(
    model: str | Classifier, data: Data | None, samples: Samples, command: str
) -> dict[str, str]:
    """Return the specs of a request, for the record of a run."""
    return {
        "model": name_of(model),
        "data": data if isinstance(data, str) else samples.name,
        "command": command,
    }


def load_both(
    model: str | Classifier,
    data: Data | None,
    limit: int | None,
    arch: str | None,
    device: torch.device,
    *,
    stream: bool = False,
) -> tuple[Samples, Classifier]:
    """Load data in the input size of the model, then the model with the classes of the data.

    ``stream`` is for callers that take a few samples at a time: see `load_data`. Raises UsageError
    for a bare module, which would have to be changed.
    """
    name_of(model)
    if torch.is_inference_mode_enabled():
        raise UsageError(
            "within torch.inference_mode() there are no gradients", "leave it before", code="E203"
        )
    if data is None:
        data = own_data(model)
    shape = input_shape(model) if isinstance(model, str) else model.shape
    samples, model = paired(model, data, limit, arch, shape, stream=stream)
    return moved(samples, device), model.to(device)


def name_of(model: str | Classifier) -> str:
    """Return the spec or the name of ``model``; raises UsageError for a bare module."""
    if isinstance(model, str):
        return model
    if isinstance(model, Classifier):
        return model.name
    raise UsageError(f"the model is a {type(model).__name__}", _how_to_give(model), code="E203")


def _how_to_give(model: object) -> str:
    if isinstance(model, PathLike):
        return "give its name as text: str(path)"
    if is_estimator(model):
        return "give a function that returns it by its name: './file.py:make'"
    return 'wrap it, which freezes its weights: advkit.Classifier(net, name="mine")'


def model_for(
    model: str | Classifier | None, data: Data | None, usual: str = MODEL
) -> str | Classifier:
    """Return ``model``, or without one the bundled net for bundled data; raises UsageError.

    The default without data is ``usual``. For the user's own data a model is required.
    """
    if model is not None:
        return model
    name = "bundled:" if data is None else name_of_data(data)
    if not name.startswith("bundled:"):
        if isinstance(data, str):
            check_bare_data(parse_spec(data))
        raise UsageError(
            f"--data {name} does not imply a model",
            f"give one: --model ./net.py:make, --model FILE, or the net that comes "
            f"with advkit: --model {usual}",
            code="E204",
        )
    own = name.removeprefix("bundled:").partition("?")[0]
    return f"bundled:{own}-cnn" if own in OTHERS else usual


def own_data(model: str | Classifier) -> str:
    """Return the spec of the images of a bundled model; raises UsageError."""
    name = name_of(model)
    for own in OTHERS:
        if name.startswith(f"bundled:{own}"):
            return f"bundled:{own}"
    if name.startswith("bundled:"):
        return DATA
    if isinstance(model, str):
        check_bare(parse_spec(model), bundled_models())
    raise UsageError(
        f"--model {name} has no default images", "give --data imagefolder:DIR", code="E204"
    )


def in_units(samples: Samples, eps: Sequence[float]) -> Samples:
    """Return the samples, relative if ``eps`` are in decibels; raises UsageError."""
    relative = {isinstance(e, Relative) for e in eps}
    if len(relative) > 1:
        raise UsageError(
            "some eps are in decibels and some are not",
            "write all of them the same way",
            code="E208",
        )
    return taken_relative(samples) if relative == {True} else samples


def sounds(model: str | Classifier, data: Data | None) -> bool:
    """Return whether the request is about sound, judged by names."""
    if isinstance(data, Samples):
        return data.rate is not None
    name = name_of(model) if data is None else name_of_data(data)
    return name.startswith(("audio:", "bundled:spoken"))


def pick_eps(
    eps: float | Sequence[float] | None,
    norm: str,
    model: str | Classifier,
    data: Data | None = None,
) -> tuple[float, ...]:
    """Return the radii in ascending order, by default the usual ones; raises UsageError."""
    if eps is None and sounds(model, data):
        return tuple(decibels(below) for below in SPEECH_DB)
    if eps is None:
        return (BUNDLED_EPS if name_of(model).startswith("bundled:") else EPS)[norm]
    return radii_of(eps)


def pick_device(name: str) -> torch.device:
    """Return the device ``name``; ``auto`` is CUDA if available, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise InputError(
            f"--device {name} is not available on this machine",
            f"available: {', '.join(here)}",
            code="E310",
        ) from error
    return device


def new_run(*about: str, kind: str = "audit") -> Path:
    """Return a new run directory under ``runs/``, named by time, command and a short hash."""
    stamp = datetime.now(UTC)
    tag = sha256(repr((about, stamp.isoformat())).encode()).hexdigest()[:6]
    return Path("runs") / f"{stamp:%Y%m%dT%H%M%S}-{kind}-{tag}"
