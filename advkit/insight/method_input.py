"""The input of every saliency method: a model, images, and the objective to explain."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advkit.engine.gradient import CHUNK, Objective, evaluate
from advkit.models.classifier import Classifier


class Look(NamedTuple):
    """Input of a saliency method: which pixels of ``x`` determine the value of ``objective``?"""

    model: nn.Module
    x: Tensor
    """(n, ...), in the range that the model takes; [0, 1] for advkit's own."""
    objective: Objective
    layer: str = ""
    """The dotted name of a layer for methods that use one; empty: chosen by the method."""
    seed: int = 0
    ids: Sequence[str] | None = None

    @property
    def root(self) -> nn.Module:
        """Return the module to which layer names are relative."""
        return root_of(self.model)

    def asking(self, who: Tensor) -> Objective:
        """Return the objective for the samples at ``who`` (k,), which may repeat."""
        return self.objective._replace(fixed=tuple(f[who] for f in self.objective.fixed))


def root_of(model: nn.Module) -> nn.Module:
    """Return the user's own net within a Classifier, any other module itself."""
    return model.net if isinstance(model, Classifier) else model


NUMBERS = 2_500_000
"""Pixel values per pass, of 16 rows at least: 64 images of 64 x 64, or 16 photographs, whose
activations take a tenth of a gigabyte each."""
Points = Callable[[Tensor, Tensor], Tensor]
"""(sample index (k,), draw index (k,)) -> inputs (k, ...)."""


def each_draw(
    look: Look, points: Points, draws: int, gradient: bool = True
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (sample index, draw index, gradient) for ``draws`` points of every sample.

    Without ``gradient`` the third is the value, (k,). Draws of one sample come in order, and many
    samples share a pass, so that sums do not depend on the batch.
    """
    device, chunk = look.x.device, min(max(NUMBERS // max(look.x[:1].numel(), 1), 16), CHUNK)
    for start in range(0, len(look.x) * draws, chunk):
        at = torch.arange(start, min(start + chunk, len(look.x) * draws), device=device)
        who, which = at // draws, at % draws
        point = evaluate(look.asking(who), points(who, which), gradient)
        yield who, which, point.gradient if gradient else point.value
