"""Checks of modules before their first pass, and of outputs that are not logits."""

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from advkit.errors import InputError


def check_made(net: object, name: str) -> None:
    """Raise InputError for objects that are no module, and for uninitialised lazy layers."""
    if not isinstance(net, nn.Module):
        raise InputError(
            f"the model {name} is a {type(net).__name__}, not a torch.nn.Module",
            "a function of arrays is given by predict:./file.py:function, an estimator of "
            "scikit-learn by a function that returns it, ./file.py:make",
            code="E304",
        )
    lazy = [type(part).__name__ for part in net.modules() if _waits(part)]
    if lazy:
        raise InputError(
            f"the model {name} has layers that have seen no input yet: {', '.join(lazy[:3])}",
            "run it once before its weights are loaded: net(torch.zeros(1, channels, height, "
            "width))",
            code="E304",
        )


def _waits(part: nn.Module) -> bool:
    """Return whether a layer needs its first input to know its size."""
    return isinstance(part, LazyModuleMixin) and part.has_uninitialized_params()


def training_notes(net: nn.Module) -> tuple[str, ...]:
    """Return a note if the outputs of ``net`` depended on training mode."""
    matters = nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm
    if any(module.training and isinstance(module, matters) for module in net.modules()):
        return ("the model was in training mode; it was put into eval mode",)
    return ()


def where_logits_are(output: object) -> str:
    """Return where the logits may be found in a structured output."""
    if isinstance(output, dict):
        return ": output['logits']" if "logits" in output else ""
    if hasattr(output, "logits"):
        return ": output.logits"
    return ": output[0], if they come first" if isinstance(output, tuple | list) else ""


def described(output: object) -> str:
    """Return a description of ``output``."""
    if isinstance(output, dict):
        return f"a dict with the keys {', '.join(map(str, list(output)[:5]))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"
