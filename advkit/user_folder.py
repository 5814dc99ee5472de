"""The folder of the user's configuration."""

import os
from pathlib import Path


def user_folder() -> Path | None:
    """Return the folder ``advkit`` in the user's configuration; it need not exist.

    None if this user has no home directory, as in a container that runs under a bare number.
    """
    if named := os.environ.get("XDG_CONFIG_HOME"):
        return Path(named) / "advkit"
    try:
        return Path.home() / ".config" / "advkit"
    except RuntimeError:
        return None
