"""The arguments of a call of an attack, checked once, before the model is queried."""

import math
import warnings
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn

from advkit.attacks.failed_calls import check_highest, explain, wrong
from advkit.attacks.options import Attack, defaults, norm_of
from advkit.engine.objectives import Model
from advkit.errors import UnknownNameError, UsageError, did_you_mean
from advkit.models.net_checks import training_notes
from advkit.numbers import beyond_pixels

_WITHIN = ContextVar("within", default=False)  # an attack made of attacks has warned already
SLACK = 1e-4  # by which rounding may move an image out of [0, 1]


def checked(attack: Attack) -> Attack:
    """Return ``attack`` with its arguments checked, once per call.

    A call raises UsageError, which is a ValueError, for invalid arguments: a norm that it lacks, an
    eps that is no radius, images out of [0, 1], invalid labels, unknown options. It accepts norms
    in any case, labels of any integer type and images that require a gradient (the examples do
    not), and warns of a Linf eps that looks like 255ths.
    """
    known, kinds, name = signature(attack).parameters, _kinds(attack), attack.__name__

    @wraps(attack)
    def call(model: Model, x: Tensor, y: Tensor, **given: Any) -> Tensor:
        _check_options(name, given, known, kinds)
        check_model(name, model)
        _check_images(name, x)
        for what in ("y", "targets"):
            check_labels(name, model, what, y if what == "y" else given.get(what), len(x))
        _check_ids(name, given.get("ids"), len(x))
        y = y.long()
        if given.get("targets") is not None:
            given["targets"] = given["targets"].long()
        if "norm" in given:
            given["norm"] = norm_of(name, attack, given["norm"])
        eps = given.get("eps", known["eps"].default)
        _check_eps(name, eps, len(x), known["eps"].default)
        linf = given.get("norm", known["norm"].default) == "Linf"
        if linf and _largest(eps) > 1 and not _WITHIN.get():
            warnings.warn(f"{name}: eps={'; '.join(beyond_pixels(_largest(eps)))}", stacklevel=2)
        within = _WITHIN.set(True)
        try:
            # A graph that begins at the user's x would grow with every step, and be returned.
            return attack(model, x.detach(), y, **given)
        except (IndexError, RuntimeError, TypeError) as error:
            explain(name, model, x, {"y": y, "targets": given.get("targets")}, error)
            raise
        finally:
            _WITHIN.reset(within)

    return call


def _no_radius(message: str, hint: str) -> UsageError:
    return UsageError(message, hint, code="E208")


def _check_options(
    name: str, given: Mapping[str, Any], known: Mapping[str, Parameter],
    kinds: Mapping[str, tuple[Any, float]],
) -> None:  # fmt: skip
    words = [word for word, each in known.items() if each.kind is Parameter.KEYWORD_ONLY]
    for word, value in given.items():
        if word not in words:
            raise UnknownNameError(f"{name} has no option {word!r}", did_you_mean(word, words))
        kind, least = kinds.get(word, (None, 0))
        hint = _not_of(kind, value, least)
        if hint:
            raise wrong(f"{name}: {word}={value!r} is not possible", hint)


def _kinds(attack: Attack) -> dict[str, tuple[Any, float]]:
    """Return the types of the options of an attack, and the minimum of numbers."""
    hints = get_type_hints(attack)
    own = {
        word: (hints.get(word), min(usual, 0) if hints.get(word) in (int, float) else 0)
        for word, usual in defaults(attack).items()
    }
    return {**own, "seed": (int, -math.inf)}


def _not_of(kind: Any, value: Any, least: float) -> str:
    """Return the allowed values of an option of this type if ``value`` is invalid, else ''."""
    if get_origin(kind) is Literal and value not in get_args(kind):
        return did_you_mean(str(value), map(str, get_args(kind)))
    if kind is bool and not isinstance(value, bool | np.bool_ | Integral):
        return "True or False"
    if kind is int and not (isinstance(value, Integral) and int(value) >= least):
        return "a whole number" if least < 0 else "a whole number, 0 or more"
    if kind is float and not (isinstance(value, Real) and float(value) >= least):
        return "a number, 0 or more"
    return ""


def check_model(name: str, model: object) -> None:
    """Raise UsageError for objects that cannot be called, and in contexts without gradients.

    Warns of a module in training mode if its outputs depend on that.
    """
    if not callable(model):
        raise wrong(
            f"{name}: the model is a {type(model).__name__}",
            "give a module, such as advkit.load_model('bundled:digits-cnn')",
        )
    if torch.is_inference_mode_enabled():
        raise wrong(
            f"{name} is called within torch.inference_mode(), where there are no gradients",
            "call it outside; torch.no_grad() does no harm",
        )
    outermost = not _WITHIN.get()
    if outermost and isinstance(model, nn.Module) and model.training and training_notes(model):
        warnings.warn(
            f"{name}: the model is in training mode: dropout and batch norm answer otherwise than "
            "in use, and every pass changes the statistics of batch norms; call .eval() first",
            stacklevel=3,
        )


def _check_images(name: str, x: object) -> None:
    if not isinstance(x, Tensor):
        raise wrong(f"{name}: x is a {type(x).__name__}", "give a tensor: torch.from_numpy(x)")
    if not x.is_floating_point():
        raise wrong(f"{name}: x holds {x.dtype}", "give numbers in [0, 1]: x.float() / 255")
    if not x.numel():
        return
    low, high = (each.item() for each in x.detach().aminmax())
    if math.isnan(low):
        raise wrong(f"{name}: x holds NaN", "leave such samples out")
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise wrong(
            f"{name}: x ranges from {low:.4g} to {high:.4g}, not from 0 to 1",
            "divide by 255, or put the normalisation into the model: advkit.Classifier(net, "
            "name=..., mean=..., std=...)",
        )


def check_labels(name: str, model: Model, what: str, y: object, n: int) -> None:
    """Raise UsageError for ``what`` (y, targets) if it is not one integer per sample."""
    if y is None and what == "targets":
        return
    if not isinstance(y, Tensor):
        raise wrong(f"{name}: {what} is a {type(y).__name__}", f"give torch.tensor({what})")
    if y.is_floating_point() or y.dtype == torch.bool:
        raise wrong(f"{name}: {what} holds {y.dtype}", f"give whole numbers: {what}.long()")
    if y.ndim != 1:
        raise wrong(
            f"{name}: {what} has the shape {tuple(y.shape)}",
            f"give one label per sample, such as {what}.argmax(1) of rows of 0 and 1",
        )
    if len(y) != n:
        raise wrong(f"{name}: x has {n} samples and {what} has {len(y)}", "one label per sample")
    if n and y.min() < 0:
        raise wrong(f"{name}: {what} holds {int(y.min())}", "classes are numbered from 0 up")
    check_highest(name, what, y, getattr(model, "n_classes", 0))


def _check_ids(name: str, ids: Sequence[str] | None, n: int) -> None:
    if ids is not None and len(ids) != n:
        raise wrong(f"{name}: x has {n} samples and ids has {len(ids)}", "one name per sample")


def _check_eps(name: str, eps: Any, n: int, usual: object) -> None:
    if eps is None and usual is None:
        return
    if eps is Parameter.empty:
        raise UsageError(
            f"{name} needs an eps", "a number, or one per sample: 8 / 255", code="E204"
        )
    if not isinstance(eps, Tensor):
        if isinstance(eps, np.ndarray | Sequence) and not isinstance(eps, str):
            raise _no_radius(f"{name}: eps is a {type(eps).__name__}", "give torch.as_tensor(eps)")
        if not isinstance(eps, Real):
            hint = "a number, or one per sample: 8 / 255"
            raise _no_radius(f"{name}: eps={eps!r} is not a radius", hint)
        if not float(eps) >= 0:
            raise _no_radius(f"{name}: eps={eps!r} is not a radius", "give 0 or more")
        return
    if tuple(eps.shape) not in ((), (1,), (n,)):
        shape = f"{name}: eps has the shape {tuple(eps.shape)} for {n} samples"
        raise _no_radius(shape, "give one number, or one per sample")
    bad = (~(eps.reshape(-1) >= 0)).nonzero()
    if len(bad):
        first = int(bad[0])
        told = f"{name}: eps of sample {first} is {eps.reshape(-1)[first].item():g}"
        raise _no_radius(told, "give 0 or more")


def _largest(eps: Any) -> float:
    """Return the largest finite radius; 0 if there is none."""
    if isinstance(eps, Tensor):
        eps = eps[eps.isfinite()].max().item() if eps.isfinite().any() else 0.0
    return 0.0 if eps is None or eps == math.inf else float(eps)
