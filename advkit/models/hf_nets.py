"""Image classifiers of transformers: from a local folder, or a repository in the hub's cache."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advkit.errors import InputError, UnsafeError
from advkit.models.classifier import Classifier
from advkit.models.extras import extra
from advkit.models.hf_processor import input_shape, normalisation
from advkit.models.hub_cache import hub_file
from advkit.models.load_gate import missing
from advkit.models.weights_file import read_about
from advkit.spec_text import Spec, flag, only

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


class Logits(nn.Module):
    """A net of transformers that returns its logits only; ``turned``, of channels as BGR."""

    def __init__(self, net: nn.Module, turned: bool = False) -> None:
        super().__init__()
        self.net, self.turned = net, turned

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, K) of ``x`` (n, channels, height, width), normalised."""
        x = x.flip(1) if self.turned else x
        return self.net(pixel_values=x).logits  # type: ignore[no-any-return]


def hf_net(spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return the net of ``hf:FOLDER`` or ``hf:owner/name@revision``.

    Weights are loaded from safetensors only, and code from transformers only. Raises InputError,
    UnsafeError.
    """
    only(spec, ("download",))
    folder = _folder(spec)
    config = _json(folder / "config.json")
    _check(spec, folder, config)
    net = _filled(spec, folder)
    said = _processor(folder)
    mean, std = normalisation(said)
    turned = bool(said.get("do_flip_channel_order"))
    found = Classifier(
        Logits(net, turned),
        name=spec.text,
        classes=_names(config, classes),
        mean=mean,
        std=std,
        shape=input_shape(config, said),
    )
    found.n_classes = int(net.config.num_labels)
    if not folder.joinpath("preprocessor_config.json").is_file():
        found.notes += (f"{spec.ref} says nothing of a normalisation; none is applied",)
    if not Path(spec.ref).is_dir() and "@" not in spec.ref:
        found.notes += (f"{spec.ref} is not pinned to a revision: write {spec.ref}@COMMIT",)
    return found


def hf_shape(spec: Spec) -> tuple[int, ...] | None:
    """Return the images' (channels, height, width), None if the net does not declare it."""
    folder = _folder(spec)
    return input_shape(_json(folder / "config.json"), _processor(folder))


def _folder(spec: Spec) -> Path:
    """Return the folder with config and weights."""
    if Path(spec.ref).is_dir():
        return Path(spec.ref)
    repo, _, revision = spec.ref.partition("@")
    if spec.ref.startswith((".", "/")) or repo.count("/") > 1:
        raise missing(Path(spec.ref))
    download = flag(spec, "download")

    def get(file: str, optional: bool = False) -> Path | None:
        return hub_file(repo, file, revision=revision or None, download=download, by=spec.text,
                        optional=optional)  # fmt: skip

    config = get("config.json")
    get("preprocessor_config.json", optional=True)
    index = get(INDEX, optional=True)
    for shard in set(_json(index)["weight_map"].values()) if index else {WEIGHTS}:
        get(shard)
    return Path(str(config)).parent


def _check(spec: Spec, folder: Path, config: dict[str, Any]) -> None:
    """Raise UnsafeError for custom code or pickled weights, InputError for broken weights."""
    if "auto_map" in config:
        raise UnsafeError(
            f"{spec.ref} contains its own code (auto_map in config.json); it was not opened",
            "read that code, and give it as ./file.py:callable",
        )
    foreign = _foreign_kernels(config)
    if foreign:
        raise UnsafeError(
            f"{spec.ref} names code from elsewhere in config.json ({foreign}); it was not opened",
            "take that line out of config.json",
        )
    parts = [WEIGHTS]
    if (folder / INDEX).is_file():
        parts = sorted(set(_json(folder / INDEX)["weight_map"].values()))
    if any(Path(part).name != part for part in parts):
        raise UnsafeError(f"{folder / INDEX} names weights outside of its folder")
    if not (folder / parts[0]).exists() and (folder / "pytorch_model.bin").exists():
        raise UnsafeError(
            f"{folder} has weights in pytorch_model.bin alone, a pickle, which can run code; it "
            "was not opened",
            f"advkit convert {folder}/pytorch_model.bin -o {folder}/{WEIGHTS}",
        )
    for part in parts:
        read_about(folder / part)


def _foreign_kernels(config: dict[str, Any]) -> str:
    """Return the entry, at any depth, with which a config downloads kernels (CVE-2026-4372)."""
    for key, value in config.items():
        if isinstance(value, dict) and (found := _foreign_kernels(value)):
            return found
        if "implementation" in key and "/" in str(value):
            return key
    return ""


def _filled(spec: Spec, folder: Path) -> Any:
    transformers = extra("transformers", of="hf", by=spec.text)
    transformers.utils.logging.set_verbosity_error()
    bars = transformers.utils.logging
    bars.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net, told = transformers.AutoModelForImageClassification.from_pretrained(
                str(folder), use_safetensors=True, trust_remote_code=False, local_files_only=True,
                output_loading_info=True, dtype=torch.float32,
            )  # fmt: skip
    except Exception as error:
        raise InputError(
            f"transformers cannot load {spec.ref}: {' '.join(str(error).split())[:300]}",
            "it must be an image classifier that transformers knows",
        ) from error
    lost = [*told["missing_keys"], *(each[0] for each in told["mismatched_keys"])]
    if lost:
        raise InputError(
            f"{spec.ref} lacks {len(lost)} weights: {', '.join(sorted(lost)[:5])}",
            "is it fine-tuned for classification?",
        )
    return net.eval()


def _names(config: dict[str, Any], classes: Sequence[str] | None) -> tuple[str, ...] | None:
    numbered = sorted((int(key), name) for key, name in config.get("id2label", {}).items())
    own = [name for _, name in numbered]
    if own and not all(str(name).startswith("LABEL_") for name in own):
        return tuple(map(str, own))
    labels = len(own) or 2
    return tuple(classes) if classes and len(classes) == labels else None


def _processor(folder: Path) -> dict[str, Any]:
    file = folder / "preprocessor_config.json"
    return _json(file) if file.is_file() else {}


def _json(path: Path | str) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise missing(Path(path)) from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is not a JSON object")
    return found
