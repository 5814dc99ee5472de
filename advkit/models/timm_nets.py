"""timm's classifiers, with weights from a file, from the hub's local cache, or untrained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.extras import extra
from advkit.models.hub_cache import hub_file
from advkit.models.load_gate import read_judged
from advkit.models.weights_file import fill, read_weights
from advkit.models.weights_spec import any_weights_in
from advkit.spec_text import Spec, flag, only, whole

OPTIONS = ("weights", "checkpoint", "seed", "num_classes", "in_chans", "download")


def timm_net(spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return the net of ``timm:NAME?checkpoint=FILE&num_classes=K``.

    ``weights=DEFAULT`` takes timm's own weights from the hub's cache (``download=true``: from the
    hub); without either they are drawn from ``seed``. Raises UsageError, InputError, UnsafeError.
    """
    only(spec, OPTIONS)
    config, trained = _config(spec), _trained(spec)
    n_classes = whole(spec, "num_classes", 0) or (
        int(config.num_classes or 1000) if trained else len(classes or ()) or 1000
    )
    options = {"num_classes": n_classes}
    if "in_chans" in spec.query:
        options["in_chans"] = whole(spec, "in_chans", 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(whole(spec, "seed", 0))
        net = _timm(spec).create_model(spec.ref, pretrained=False, **options)
    notes: list[str] = []
    if "checkpoint" in spec.query:
        path = spec.query["checkpoint"]
        tensors, notes = any_weights_in(*read_judged(path), path)
        fill(net, tensors, spec.query["checkpoint"])
    elif not trained and "weights" not in spec.query:
        notes = [f"{spec.text} has random weights, as it names none: ?checkpoint=FILE"]
    elif trained:
        fill(net, _cached(spec), f"timm's {spec.ref}")
    names = tuple(classes) if classes and len(classes) == n_classes else None
    found = Classifier(
        net.eval(), name=spec.text, classes=names, mean=_of(config.mean, options),
        std=_of(config.std, options), shape=timm_shape(spec),
    )  # fmt: skip
    found.n_classes, found.notes = n_classes, (*found.notes, *notes)
    return found


def timm_shape(spec: Spec) -> tuple[int, ...]:
    """Return the images' (channels, height, width) that the net was made for."""
    channels, height, width = _config(spec).input_size
    return whole(spec, "in_chans", channels), height, width


def _trained(spec: Spec) -> bool:
    name = spec.query.get("weights", "none").lower()
    if name not in ("none", "default"):
        raise UsageError(
            f"{spec.text!r}: weights={spec.query['weights']}",
            "none or DEFAULT; which ones is said after a dot: timm:resnet18.a1_in1k",
        )
    if name == "default" and "checkpoint" in spec.query:
        raise UsageError(
            f"{spec.text!r} asks for two sets of weights", "leave one out", code="E207"
        )
    return name == "default"


def _timm(spec: Spec) -> Any:
    return extra("timm", of="timm", by=spec.text)


def _config(spec: Spec) -> Any:
    """Return timm's configuration of the net; raises UsageError for an unknown name."""
    timm = _timm(spec)
    name, _, tag = spec.ref.partition(".")
    if not timm.is_model(name):
        raise UnknownNameError(
            f"timm has no net {spec.ref!r}", did_you_mean(name, timm.list_models())
        )
    config = timm.models.get_pretrained_cfg(spec.ref, allow_unregistered=False)
    if tag and config is None:
        tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{name}.*")]
        raise UnknownNameError(f"timm's {name} has no weights {tag!r}", did_you_mean(tag, tags))
    return config or timm.models.PretrainedCfg()


def _cached(spec: Spec) -> dict[str, Tensor]:
    config = _config(spec)
    if not config.hf_hub_id:
        raise UsageError(f"{spec.text!r}: timm has no weights of this net", "give checkpoint=FILE")
    path: Path | None = hub_file(
        config.hf_hub_id, "model.safetensors", revision=None, download=flag(spec, "download"),
        by=spec.text,
    )  # fmt: skip
    return read_weights(str(path)).tensors


def _of(values: Sequence[float], options: dict[str, int]) -> Sequence[float]:
    """Return the mean or std for the number of channels of the net."""
    if options.get("in_chans", len(values)) == len(values):
        return values
    return [sum(values) / len(values)]
