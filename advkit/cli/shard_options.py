"""The option `--shard`: which portion of the samples, and its directory."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from advkit.errors import UsageError

if TYPE_CHECKING:
    from advkit.evaluate.portions import Portion


def portion_in(shard: str | None, out: Path | None) -> tuple["Portion | None", Path | None]:
    """Return the portion that ``shard`` names, and its directory within ``out``."""
    from advkit.evaluate.portions import portion_of

    if shard is None:
        return None, out
    if out is None:
        raise UsageError(
            f"--shard {shard} needs --out", "the same for all shards of a run", code="E206"
        )
    portion = portion_of(shard)
    return portion, out if out.name == portion.folder else out / portion.folder


def named(command: str, portion: "Portion | None") -> str:
    """Return the command with the shard that `auto` resolved to, for resuming."""
    if portion is None:
        return command
    return re.sub(r"--shard[ =]auto", f"--shard {portion.number}/{portion.of_all}", command)


def shard_done(portion: "Portion", folder: Path) -> str:
    """Return what to do when all shards are done."""
    return f"shard {portion.number} of {portion.of_all} is done: {folder}\n" \
           f"when all are: advkit merge {folder.parent}"  # fmt: skip
