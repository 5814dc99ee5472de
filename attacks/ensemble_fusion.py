"""ENS: momentum on several nets at once."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from advkit.attacks.transfer_walk import Way, travel
from advkit.engine import Objective
from advkit.engine.objectives import LOSSES, Model, weighted
from advkit.models.ensemble import mean_answer, nets_of


def ens(
    model: Model,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | Tensor,
    norm: Literal["Linf", "L2"] = "Linf",
    targets: Tensor | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.1,
    loss: Literal["ce", "dlr", "margin", "probability"] = "ce",
    decay: float = 1.0,
    fuse: Literal["logits", "probability", "loss"] = "logits",
) -> Tensor:
    """Return the last iterate on the mean of several nets (Liu et al. 2017; Dong et al. 2018).

    ``model`` is a `Classifier` of an `Ensemble` (`ensemble_of`); ``fuse`` says what is averaged:
    logits, probabilities or losses. On one net it is `mifgsm` with all steps. The cost is given for
    one net.

    Knows: gradients
    Cost: steps + 2 forward, steps backward
    Use: the strongest of all if there are several nets; can be combined with any other method.
    Fails: where the nets at hand are all of one kind and the target is not.
    Paper: Liu et al. 2017, arXiv:1611.02770; Dong et al. 2018, arXiv:1710.06081
    """
    way = fused(Way(decay=decay), fuse=fuse)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def fused(way: Way, *, fuse: Literal["logits", "probability", "loss"] = "logits") -> Way:
    """Return ``way`` on the mean over nets of logits, probabilities or losses."""

    def objective(model: Model, y: Tensor, targets: Tensor | None, loss: str) -> Objective:
        nets = nets_of(model)
        if fuse == "loss":
            return weighted(*((1 / len(nets), LOSSES[loss](net, y, targets)) for net in nets))
        return LOSSES[loss](lambda x: mean_answer(nets, x, fuse), y, targets)

    return way._replace(objective=objective)
