"""advkit: how easily is a classifier fooled, and can that answer be trusted?"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advkit import attacks, insight
    from advkit.api import attack, audit, load_data, load_model
    from advkit.api_maps import explain

# Read by MKL and OpenMP at their first use. Without the first, the last bits of a product depend on
# where a row lies in memory, and with them results on the batch. Without the second, idle threads
# spin, which makes a shared machine up to three times slower.
os.environ.setdefault("MKL_CBWR", "AUTO")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "attack",
    "attacks",
    "audit",
    "certify",
    "explain",
    "insight",
    "load_data",
    "load_model",
]

_API = dict.fromkeys(("attack", "audit", "certify", "load_data", "load_model"), "api")
_API["explain"] = "api_maps"


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds; `advkit --help` must not wait for it.
    if name in ("attacks", "insight"):
        return import_module(f"advkit.{name}")
    if name in _API:
        return getattr(import_module(f"advkit.{_API[name]}"), name)
    raise AttributeError(f"module 'advkit' has no attribute {name!r}")
