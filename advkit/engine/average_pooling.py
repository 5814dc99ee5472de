"""Replace max-pooling by average pooling, at the function call, in any module."""

from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from advkit.engine.substitute_gradients import function_name


class AveragePools(TorchFunctionMode):
    """Within the block every 2-D max-pool is an average pool times 2, of about the same size.

    Gradients then reach every pixel (Gatys et al. 2016). ``count`` is the number of calls replaced.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        if function_name(func) != "max_pool2d":
            return func(*args, **given)
        self.count += 1
        names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
        asked = {**dict(zip(names, args, strict=False)), **given}
        with torch._C.DisableTorchFunction():
            return 2 * F.avg_pool2d(
                asked["input"], asked["kernel_size"], asked.get("stride") or None,
                asked.get("padding", 0), asked.get("ceil_mode", False),
            )  # fmt: skip
