"""The outputs of inner layers as functions of the image; later layers are not run."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from torch import Tensor, nn

from advkit.engine.gradient import Objective
from advkit.engine.layers import tapped

Code = Callable[[Tensor], Tensor]
"""Images (n, ...) -> a layer's output (n, ...)."""


class _Enough(Exception):  # noqa: N818 (no error: the pass is over)
    """Ends the pass: all requested layers have been computed."""


def codes_of(ask: Code, root: nn.Module, names: Sequence[str]) -> Callable[[Tensor], list[Tensor]]:
    """Return a function from images to the outputs of the layers ``names`` of ``root``.

    ``ask`` runs the net that contains ``root``; the pass ends with the last of the layers, so that
    images may have any size that these accept. Raises what `tapped` raises.
    """

    def look(x: Tensor) -> list[Tensor]:
        found: dict[str, Tensor] = {}

        def keep(name: str) -> Code:
            def note(output: Tensor) -> Tensor:
                found[name] = output
                if len(found) == len(set(names)):
                    raise _Enough
                return output.clone()

            return note

        with ExitStack() as stack:
            for name in dict.fromkeys(names):
                stack.enter_context(tapped(root, name, keep(name)))
            stack.enter_context(suppress(_Enough))
            ask(x)
        return [found[name] for name in names]

    return look


def code_of(ask: Code, root: nn.Module, name: str) -> Code:
    """Return the function from images to the output of one layer, as `codes_of`."""
    look = codes_of(ask, root, [name])
    return lambda x: look(x)[0]


def code_distance(code: Code, wanted: Tensor) -> Objective:
    """Return minus |code(x) - wanted|^2 / |wanted|^2 (Mahendran and Vedaldi 2015), (n,).

    ``wanted`` (n, ...) is one code per sample.
    """

    def value(x: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        found = code(x)
        size = wanted.flatten(1).square().sum(1).clamp_min(1e-12)
        return -(found - wanted).flatten(1).square().sum(1) / size, found

    return Objective(value, (wanted,))


def energy(code: Code) -> Objective:
    """Return |code(x)|^2 / 2, whose gradient at the layer is the code itself (Mordvintsev 2015)."""

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        found = code(x)
        return found.flatten(1).square().sum(1) / 2, found

    return Objective(value)


def guided_by(code: Code, guide: Tensor) -> Objective:
    """Return the sum over positions of the best product with a position of ``guide`` (1, c, h, w).

    Each position is optimised towards its most similar one in the guide (Mordvintsev 2015).
    """
    patches = guide[0].flatten(1)  # (c, places)

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        found = code(x)
        products = found.flatten(2).transpose(1, 2) @ patches
        return products.amax(2).sum(1), found

    return Objective(value)
