"""ILA: a run with momentum, then one along its change of a middle layer."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from advkit.attacks.transfer_walk import Scene, Way, travel, walk
from advkit.engine import Objective, evaluate
from advkit.engine.layers import check_hooks
from advkit.engine.objectives import Model
from advkit.errors import UnknownNameError, UsageError, did_you_mean


def ila(
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
    layer: str = "",
) -> Tensor:
    """Return the last iterate along a first run's change of a layer (Huang et al. 2019).

    The first run is that of `mifgsm`. The second, from ``x`` and as long, increases the change of
    ``layer`` in the direction of the change that the first made: features matter to other nets too,
    this net's own logits do not. ``layer`` is a dotted name; the default is the middle one of the
    layers with weights. The backward pass of the second run starts at the layer and is not counted.

    Knows: gradients
    Cost: 2 * steps + 4 forward, steps backward
    Use: together with a stronger first run (`vmifgsm+ila`).
    Fails: where the first run does not change the layer: the second then has no direction.
    Paper: Huang et al. 2019, arXiv:1907.10823
    """
    way = at_middle_layer(Way(decay=decay), layer=layer)
    return travel(way, model, x, y, eps=eps, norm=norm, targets=targets, seed=seed, ids=ids,
                  steps=steps, step=step, loss=loss)  # fmt: skip


def at_middle_layer(way: Way, *, layer: str = "") -> Way:
    """Return ``way`` followed by a run along its change of ``layer``."""

    def then(model: Model, x: Tensor, there: Tensor, scene: Scene, steps: int) -> Tensor:
        place = layer_of(model, layer)
        before, after = (evaluate(_code(model, place), each, False).output for each in (x, there))
        return walk(Way(decay=way.decay), _along(model, place, after - before), x, scene, steps)

    return way._replace(then=then)


def layer_of(model: Model, layer: str) -> nn.Module | None:
    """Return the module of this dotted name, or the middle one of those with weights.

    None for a model without weights, or a plain function: its logits are the layer then. Raises
    UsageError.
    """
    if not isinstance(model, nn.Module):
        return None
    modules = dict(model.named_modules())
    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    known = [name for name, module in modules.items() if isinstance(module, kinds)]
    if layer and layer not in modules:
        raise UnknownNameError(f"there is no layer {layer!r}", did_you_mean(layer, known))
    name = layer or (known[len(known) // 2] if len(known) > 1 else "")
    return modules[name] if name else None


def _code(model: Model, place: nn.Module | None) -> Objective:
    """Return the objective whose output is the code of the layer, (n, d)."""

    def value(x: Tensor) -> tuple[Tensor, Tensor]:
        if place is None:
            code = model(x).flatten(1)
        else:
            seen: list[Tensor] = []
            check_hooks(place)
            handle = place.register_forward_hook(lambda _m, _given, out: seen.append(out))
            try:
                model(x)
            finally:
                handle.remove()
            if not seen:
                raise UsageError(
                    "the layer is not used in the model's forward pass", "name another"
                )
            code = seen[-1][: len(x)].flatten(1)
        return code.sum(1), code

    return Objective(value)


def _along(model: Model, place: nn.Module | None, way: Tensor) -> Objective:
    """Return the projection of the code onto ``way`` (n, d), up to a constant."""

    def value(x: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
        _, code = _code(model, place)(x)
        return (code * way).sum(1), code

    return Objective(value, (way,))
