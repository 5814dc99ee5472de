"""advkit: how easily is a classifier fooled, and can that answer be trusted?"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advkit import attacks, insight
    from advkit.api.auditing import attack, audit
    from advkit.api.certifying import certify
    from advkit.api.comparing import compare
    from advkit.api.explaining import explain
    from advkit.api.inspecting import inspect
    from advkit.api.linear_study import linearity
    from advkit.api.transferring import transfer
    from advkit.data.samples import Samples
    from advkit.data.specs import load_data
    from advkit.errors import AdvkitError
    from advkit.evaluate.measure import measure
    from advkit.models.classifier import Classifier
    from advkit.models.specs import load_model

# Read by MKL and OpenMP at their first use. Without the first, the last bits of a product depend on
# where a row lies in memory, and with them results on the batch. Without the second, idle threads
# spin, which makes a shared machine up to three times slower.
os.environ.setdefault("MKL_CBWR", "AUTO")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_PLACES = {
    "AdvkitError": "errors",
    "Classifier": "models.classifier",
    "Samples": "data.samples",
    "attack": "api.auditing",
    "audit": "api.auditing",
    "certify": "api.certifying",
    "compare": "api.comparing",
    "explain": "api.explaining",
    "inspect": "api.inspecting",
    "linearity": "api.linear_study",
    "load_data": "data.specs",
    "load_model": "models.specs",
    "measure": "evaluate.measure",
    "transfer": "api.transferring",
}
_PARTS = ("attacks", "insight")

__all__ = [
    "AdvkitError",
    "Classifier",
    "Samples",
    "__version__",
    "attack",
    "attacks",
    "audit",
    "certify",
    "compare",
    "explain",
    "insight",
    "inspect",
    "linearity",
    "load_data",
    "load_model",
    "measure",
    "transfer",
]


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds; `advkit --help` must not wait for it.
    if name in _PARTS:
        return import_module(f"advkit.{name}")
    if name in _PLACES:
        return getattr(import_module(f"advkit.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'advkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
