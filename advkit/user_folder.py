"""Where the user's own configuration is."""

import os
from pathlib import Path


def user_folder() -> Path:
    """Return the folder ``advkit`` in the user's configuration; it need not be there."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "advkit"
