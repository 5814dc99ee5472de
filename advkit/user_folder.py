"""The folder of the user's configuration."""

import os
from pathlib import Path


def user_folder() -> Path:
    """Return the folder ``advkit`` in the user's configuration; it need not exist."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "advkit"
