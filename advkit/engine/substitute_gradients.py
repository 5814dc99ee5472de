"""Models with the same outputs and a substitute gradient, for models with useless gradients.

For attacks (`advkit.attacks.through`); examples are judged by the model itself.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from advkit.engine.gradient import CHUNK
from advkit.engine.objectives import Model
from advkit.engine.seeding import keys, normal


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, value: Tensor, _smooth: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(_ctx: Any, *slopes: Tensor) -> tuple[None, Tensor]:
        return None, slopes[0]


def replaced(value: Tensor, smooth: Tensor) -> Tensor:
    """Return ``value`` exactly, with the gradient of ``smooth``, of the same shape."""
    return _Replaced.apply(value.detach(), smooth)  # type: ignore[no-any-return]


def stands_in(function: type) -> bool:
    """Return whether ``function`` is that of `replaced`, whose backward pass is intended."""
    return function is _Replaced


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_ctx: Any, *slopes: Tensor) -> Tensor:
        return -slopes[0]


def backwards_turned(model: Model) -> Model:
    """Return ``model`` with its gradient negated, for one whose gradient has the wrong sign."""
    return lambda x: model(_Turned.apply(x))


def smoothed(model: Model, deviation: float, draws: int = 8) -> Model:
    """Return ``model`` with the mean gradient at ``draws`` points around each input.

    The points are normal with ``deviation``, the same offsets for every input and call: a piecewise
    constant function then has a gradient (Tramer et al. 2020, arXiv:2002.08347). Costs draws + 1
    passes.
    """

    def ask(x: Tensor) -> Tensor:
        logits = model(x)
        if not (torch.is_grad_enabled() and x.requires_grad):
            return logits
        around = normal(keys(0, None, x[:1], "smoothed"), (draws, *x.shape[1:]))[0].to(x)
        places = torch.cat([x + deviation * step for step in around])
        each = torch.cat([model(part) for part in torch.split(places, CHUNK)])
        return replaced(logits, each.reshape(draws, *logits.shape).mean(0))

    return ask


def showing(ask: Model, model: Model) -> Model:
    """Return ``ask`` with the modules of ``model`` visible to code that inspects modules."""
    ask.modules = getattr(model, "modules", tuple)  # type: ignore[attr-defined]
    return ask


def before_softmax(model: Model) -> Model:
    """Return the model without softmax over rows of numbers: it returns the logits before it.

    The prediction is unchanged if that softmax is the last operation of the model.
    """

    def ask(x: Tensor) -> Tensor:
        with _Logits():
            return model(x)

    return showing(ask, model)


def rescaled(model: Model, factor: float) -> Model:
    """Return ``model`` with its logits times ``factor``: the same predictions.

    Widely separated logits saturate the cross entropy (Carlini and Wagner 2016, arXiv:1607.04311).
    """
    return lambda x: factor * model(x)


class _Logits(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if function_name(func) in ("softmax", "log_softmax"):
            logits = args[0] if args else given["input"]
            if logits.ndim == 2:
                return logits
        return func(*args, **given)


@lru_cache(1024)
def function_name(func: Any) -> str:
    """Return the plain name of a function that torch was called with; that of `.data` is data.

    That of every other attribute is get.
    """
    name = str(getattr(func, "__name__", "")).strip("_")
    if name == "get" and getattr(func, "__self__", None) is Tensor.data:
        return "data"
    return name
