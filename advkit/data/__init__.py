"""Images with labels and stable ids: what an audit is run on."""

from advkit.data.samples import Samples, fingerprint, take
from advkit.data.specs import load_data

__all__ = ["Samples", "fingerprint", "load_data", "take"]
