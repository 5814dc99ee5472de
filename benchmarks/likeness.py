"""Similarity of two nets (gradients, predictions, codes), and its correlation with transfer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from advkit.benchmarks.transfer_runs import Net
from advkit.engine import NORMS, evaluate
from advkit.engine.objectives import cross_entropy
from advkit.insight.similarity import spearman

SHUFFLES = 2000

Matrix = NDArray[np.float64]

PREDICTORS = {
    "gradient": "cosine of the input gradients",
    "agreement": "share of clean images read alike",
    "cka": "similarity of codes (linear CKA)",
    "family": "same architecture",
}


def gradients(net: Net, x: Tensor, y: Tensor) -> Tensor:
    """Return the input gradients of the cross entropy, flattened and normalised, (n, d)."""
    slope = evaluate(cross_entropy(net.model, y), x).gradient.flatten(1)
    length = NORMS["L2"].size(slope).clamp_min(torch.finfo(slope.dtype).tiny)
    return slope / length[:, None]


def codes(net: Net, x: Tensor) -> Tensor:
    """Return the input of the last linear layer, (n, d); the logits if there is none."""
    last = [module for module in net.model.modules() if isinstance(module, nn.Linear)][-1:]
    seen: list[Tensor] = []
    handles = [module.register_forward_pre_hook(lambda _m, given: seen.append(given[0]))
               for module in last]  # fmt: skip
    found = []
    try:
        for part in torch.split(x, 64):
            with torch.no_grad():
                logits = net.model(part)
            code = seen.pop() if seen else logits
            found.append(code[: len(part)].flatten(1))
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat(found)


def cka(a: Tensor, b: Tensor) -> float:
    """Return the linear CKA of two sets of codes (n, p), (n, q) (Kornblith et al. 2019).

    1 for codes that are equal up to rotation and scale.
    """
    a, b = (each.double() - each.double().mean(0) for each in (a, b))
    p, q = a @ a.T, b @ b.T
    norms = float((p * p).sum() * (q * q).sum()) ** 0.5
    return float((p * q).sum()) / norms if norms > 0 else 0.0


def likeness(
    nets: Sequence[Net], x: Tensor, y: Tensor, classes: NDArray[np.int64]
) -> dict[str, Matrix]:
    """Return a matrix (nets, nets) for each of PREDICTORS; every net must have gradients.

    Gradients are compared on samples ``x`` (n, ...) with labels ``y`` (n,); ``classes`` (nets, n)
    are the predictions.
    """
    size = len(nets)
    slopes, inner = [gradients(net, x, y) for net in nets], [codes(net, x) for net in nets]
    found = {name: np.zeros((size, size)) for name in PREDICTORS}
    for i in range(size):
        for j in range(size):
            found["gradient"][i, j] = float((slopes[i] * slopes[j]).sum(1).mean())
            found["cka"][i, j] = cka(inner[i], inner[j])
            found["agreement"][i, j] = float((classes[i] == classes[j]).mean())
            found["family"][i, j] = float(nets[i].family == nets[j].family)
    return found


def explained(success: Matrix, alike: dict[str, Matrix], seed: int) -> list[dict[str, Any]]:
    """Return the rank correlation of each predictor with ``success`` (nets, nets) over pairs.

    Spearman's rho over all ordered pairs of two nets, and p by Mantel's test (1967): the share of
    permutations of the nets with a correlation as far from 0. Pairs with a common net are not
    independent, so the usual p would be far too small.
    """
    off = ~np.eye(len(success), dtype=bool)
    generator = np.random.default_rng(seed)
    rows = []
    for name, matrix in alike.items():
        use = off & np.isfinite(success) & np.isfinite(matrix)
        rho = _spearman(matrix[use], success[use])
        if rho is None:
            continue
        as_far = 1
        for _ in range(SHUFFLES):
            order = generator.permutation(len(success))
            turned = matrix[np.ix_(order, order)]
            both = use & np.isfinite(turned)
            other = _spearman(turned[both], success[both])
            as_far += other is not None and abs(other) >= abs(rho) - 1e-12
        row = {"name": name, "rho": rho, "p": as_far / (SHUFFLES + 1), "pairs": int(use.sum())}
        rows.append(row)
    return rows


def _spearman(a: Matrix, b: Matrix) -> float | None:
    """Return the rank correlation, None if one of the two is constant."""
    rho = spearman(a, b) if len(a) >= 3 else np.nan
    return None if np.isnan(rho) else rho
