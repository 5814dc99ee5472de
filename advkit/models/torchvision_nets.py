"""torchvision's classifiers, untrained or with weights from its local cache; no download."""

import io
import re
import warnings
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from advkit.errors import InputError, UnknownNameError, UnsafeError, UsageError, did_you_mean
from advkit.models.classifier import Classifier
from advkit.models.preprocess import KNOWN
from advkit.models.weights_file import fill
from advkit.spec_text import Spec, only, whole

# The published DenseNets have names with a dot that the present class does not have.
_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")


def torchvision_net(spec: Spec, classes: Sequence[str] | None) -> Classifier:
    """Return the net of ``torchvision:NAME?weights=none&seed=0&num_classes=K``.

    Without weights they are drawn from ``seed``; the default of K is the number of ``classes``.
    """
    from torchvision import models

    only(spec, ("weights", "seed", "num_classes"))
    weights = _weights(spec)
    if weights is None:
        n_classes = whole(spec, "num_classes", len(classes) if classes else 1000)
        if n_classes < 2:
            raise UsageError(f"{spec.text!r}: num_classes={n_classes}", "2 classes or more")
        names = classes if classes and len(classes) == n_classes else None
        mean, std = KNOWN["imagenet"][:2]
    else:
        if "num_classes" in spec.query:
            raise UsageError(f"{spec.text!r}: trained weights have their own num_classes")
        names, tensors = weights.meta["categories"], _cached(spec, weights)
        n_classes, mean, std = len(names), *_normalisation(weights)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(whole(spec, "seed", 0))
        net = models.get_model(spec.ref, weights=None, num_classes=n_classes)
    if weights is not None:
        fill(net, tensors, f"torchvision's {weights}")
        if hasattr(net, "transform_input"):
            # The trained Inceptions undo the normalisation that their own preset applies.
            net.transform_input = True
    classifier = Classifier(
        net.eval(), name=spec.text, classes=names, mean=mean, std=std, shape=torchvision_shape(spec)
    )
    classifier.n_classes = n_classes
    if "weights" not in spec.query:
        classifier.notes += (f"{spec.text} has random weights, as it names none: ?weights=DEFAULT",)
    return classifier


def torchvision_shape(spec: Spec) -> tuple[int, ...]:
    """Return (3, size, size), the crop that the net's own weights were trained on."""
    from torchvision import models

    weights = _weights(spec) or models.get_model_weights(_name(spec)).DEFAULT
    size = int(weights.transforms.keywords["crop_size"])
    return (3, size, size)


def _name(spec: Spec) -> str:
    from torchvision import models

    names = models.list_models(module=models)
    if spec.ref not in names:
        raise UnknownNameError(
            f"torchvision has no classifier {spec.ref!r}", did_you_mean(spec.ref, names)
        )
    return spec.ref


def _weights(spec: Spec) -> Any:
    """Return torchvision's weights entry, or None for random weights."""
    from torchvision import models

    known = models.get_model_weights(_name(spec))
    name = spec.query.get("weights", "none")
    if name.lower() == "none":
        return None
    if name in known.__members__:
        return known[name]
    if Path(name).is_file():
        raise UsageError(f"{spec.text!r}: weights in a file are given as the model",
                         f"--model {name} --arch torchvision:{spec.ref}?num_classes=K")  # fmt: skip
    raise UnknownNameError(
        f"{spec.ref} has no weights {name!r}", did_you_mean(name, ["none", *known.__members__])
    )


def _normalisation(weights: Any) -> tuple[list[float], list[float]]:
    transforms = weights.transforms()
    return list(transforms.mean), list(transforms.std)


def _cached(spec: Spec, weights: Any) -> dict[str, torch.Tensor]:
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not file.is_file():
        raise InputError(
            f"{spec.text!r}: the weights are not in the local cache, and advkit downloads nothing",
            f"get {weights.url} and save it as {file}",
            code="E318",
        )
    data = file.read_bytes()
    published = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if published is None or not sha256(data).hexdigest().startswith(published[1]):
        raise UnsafeError(
            f"{file} is not the file that torchvision published (its checksum differs); "
            "it was not opened",
            f"get {weights.url} again",
        )
    # 8 hexadecimal digits can be forged by anyone who can write to the cache: no pickled code.
    tensors = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    return {_DENSENET.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}
