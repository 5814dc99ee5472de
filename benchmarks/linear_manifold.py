"""The off-manifold explanation, measured: how far adversarial images lie from the data.

Also how linearly separable the classes are in each layer of a net.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.benchmarks.linear_fits import Halves
from advkit.benchmarks.linear_nets import right_ones
from advkit.data.samples import Samples, take
from advkit.data.stratified import chosen
from advkit.engine.gradient import CHUNK
from advkit.engine.seeding import keys, uniform
from advkit.models import Classifier

EXPLAINED = 0.95
"""Share of the variance of the images that the principal components explain."""
FOOLING_EPS = 0.5
"""Linf eps of fooling images around random ones."""


MOST = 500
"""Images used of each half, as the codes of a wide layer are large."""


def some(data: Halves) -> Halves:
    """Return up to 500 images of each half, in the proportions of the classes."""
    return Halves(*(take(part, chosen(part.y.tolist(), MOST)) if len(part.y) > MOST else part
                    for part in data))  # fmt: skip


@contextmanager
def _recorded(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Yield a dict into which every forward pass writes the outputs of ``layers``."""
    found: dict[str, Tensor] = {}

    def keep(name: str):  # type: ignore[no-untyped-def]
        return lambda _module, _args, output: found.__setitem__(name, output.detach().flatten(1))

    hooks = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def layers_of(model: Classifier) -> dict[str, nn.Module]:
    """Return the layers whose codes are analysed, by dotted name, in the order of the net.

    These are its activation functions (such as ReLU) and its last layer with weights; the whole net
    if it has neither.
    """
    kinds = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.ELU)
    found = {
        name: module for name, module in model.net.named_modules() if isinstance(module, kinds)
    }
    weighted = [(name, module) for name, module in model.net.named_modules()
                if isinstance(module, nn.Linear | nn.Conv2d)]  # fmt: skip
    return {**found, **dict(weighted[-1:])} or {"output": model.net}


@torch.no_grad()
def codes(model: Classifier, x: Tensor) -> dict[str, Tensor]:
    """Return the outputs (n, features) of `layers_of`, flattened."""
    parts: list[dict[str, Tensor]] = []
    with _recorded(layers_of(model)) as found:
        for at in range(0, len(x), CHUNK):
            n = len(x[at : at + CHUNK])
            model(x[at : at + CHUNK])
            parts.append({name: output[:n] for name, output in found.items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def last_codes(model: Classifier, x: Tensor) -> Tensor:
    """Return the input of the last layer with weights, or its output if it is the only layer."""
    found = list(codes(model, x).values())
    return found[-2] if len(found) > 1 else found[-1]


def kinds(model: Classifier, test: Samples, eps: float, seed: int = 0) -> dict[str, Samples]:
    """Return groups of equal size: clean, adversarial, random and fooling images.

    Adversarial images are made by PGD within Linf ``eps``; random ones are uniform; fooling ones
    are the random ones after targeted PGD within Linf 0.5, towards the class of the clean image.
    """
    clean = right_ones(model, test, 100)
    x, y, ids = clean.x, clean.y, clean.ids
    pgd = ATTACKS["pgd"]
    adversarial = pgd(model, x, y, eps=eps, norm="Linf", seed=seed, ids=ids, steps=20)
    random = uniform(keys(seed, ids, x, "manifold"), x.shape[1:], 0).to(x.dtype)
    read = model(random).argmax(1)
    fooling = pgd(model, random, read, targets=y, eps=FOOLING_EPS, seed=seed, ids=ids, steps=20)
    images = {"clean": x, "adversarial": adversarial, "random": random, "fooling": fooling}
    return {name: clean._replace(x=found) for name, found in images.items()}


def off_manifold(model: Classifier, train: Samples, groups: Mapping[str, Samples]) -> pd.DataFrame:
    """Return a row per image of ``groups``: its distance from the images of ``train``.

    Columns: group, id, ``residual`` (L2 distance to the subspace of the principal components that
    explain 95% of the variance of ``train``), ``pixels`` and ``codes`` (L2 distance to its nearest
    neighbour in ``train``, in pixels and in the input of the last layer), ``confidence``.
    """
    pixels = train.x.flatten(1).numpy()
    plane = PCA(EXPLAINED, svd_solver="full").fit(pixels)
    near = NearestNeighbors(n_neighbors=1).fit(pixels)
    near_codes = NearestNeighbors(n_neighbors=1).fit(last_codes(model, train.x).numpy())
    frames = []
    for name, group in groups.items():
        flat = group.x.flatten(1).numpy()
        left = flat - plane.inverse_transform(plane.transform(flat))
        with torch.no_grad():
            sure = model(group.x).softmax(1).amax(1)
        frames.append(pd.DataFrame({
            "group": name, "id": group.ids, "residual": np.linalg.norm(left, axis=1),
            "pixels": near.kneighbors(flat)[0][:, 0],
            "codes": near_codes.kneighbors(last_codes(model, group.x).numpy())[0][:, 0],
            "confidence": sure.numpy(),
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def probes(model: Classifier, data: Halves) -> pd.DataFrame:
    """Return a row per layer: the accuracy of a linear probe on its codes, in images.

    Columns: layer (``pixels`` first), features, ``train``, n_train, ``test``, n_test. The probe is
    ridge regression on standardised codes, its strength chosen on the training half only.
    """
    pixels = {"pixels": (data.train.x.flatten(1), data.test.x.flatten(1))}
    both = [codes(model, part.x) for part in data]
    found = {**pixels, **{name: (both[0][name], both[1][name]) for name in both[0]}}
    rows = []
    for name, (train, test) in found.items():
        scaler = StandardScaler().fit(train.double().numpy())
        probe = RidgeClassifierCV(alphas=np.logspace(0, 6, 7))
        z = [scaler.transform(part.double().numpy()) for part in (train, test)]
        probe.fit(z[0], data.train.y.numpy())
        right = [int((probe.predict(part) == side.y.numpy()).sum())
                 for part, side in zip(z, data, strict=True)]  # fmt: skip
        rows.append({"layer": name, "features": train.shape[1], "train": right[0],
                     "n_train": len(data.train.y), "test": right[1],
                     "n_test": len(data.test.y)})  # fmt: skip
    return pd.DataFrame(rows)
