"""The schemes of model specs, and the functions that load them, imported on demand."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

LOADERS = {
    "efficientnet-lite": "efficientnet_lite:efficientnet_lite",
    "endpoint": "endpoint_spec:endpoint",
    "hf": "hf_nets:hf_net",
    "http": "endpoint_spec:endpoint",
    "https": "endpoint_spec:endpoint",
    "predict": "predict_function:predict_function",
    "timm": "timm_nets:timm_net",
    "torchvision": "torchvision_nets:torchvision_net",
}
SHAPES = {
    "efficientnet-lite": "efficientnet_lite:efficientnet_lite_shape",
    "hf": "hf_nets:hf_shape",
    "timm": "timm_nets:timm_shape",
    "torchvision": "torchvision_nets:torchvision_shape",
}
SCHEMES = ("bundled", *LOADERS)


def function_of(table: dict[str, str], scheme: str) -> Callable[..., Any]:
    """Return the function that ``table`` names for ``scheme``, imported now."""
    module, _, name = table[scheme].partition(":")
    return getattr(import_module(f"advkit.models.{module}"), name)  # type: ignore[no-any-return]
