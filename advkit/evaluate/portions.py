"""Shards of a run (--shard): each attacks every n-th sample in its own directory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from advkit.errors import UsageError
from advkit.evaluate.fingerprint import now
from advkit.evaluate.record_fields import Schema, check_fields
from advkit.evaluate.run_folder import write_json

SCHEMA = "advkit/shard/1"
RANKS = (("RANK", "WORLD_SIZE", 0), ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", None),
         ("SLURM_PROCID", "SLURM_NTASKS", 0))  # fmt: skip
"""Environment variables with the rank and number of processes, and the rank of the first."""


class Portion(NamedTuple):
    """Portion ``number`` (from 1) of ``of_all``."""

    number: int
    of_all: int

    def of(self, samples: int) -> np.ndarray:
        """Return the positions of this portion: every n-th, for an even mix of samples."""
        return np.arange(self.number - 1, samples, self.of_all)

    @property
    def folder(self) -> str:
        """The name of its directory within that of the run."""
        return f"shard-{self.number}-of-{self.of_all}"


def portion_of(text: str, environment: Mapping[str, str] = os.environ) -> Portion:
    """Return the portion that ``i/n`` names; ``auto`` reads the variables of torchrun or Slurm.

    Raises UsageError.
    """
    number, slash, of_all = text.partition("/")
    if text == "auto":
        return _from(environment)
    if not (slash and number.isdecimal() and of_all.isdecimal()):
        raise UsageError(f"--shard {text} is not i/n", "write 1/4, or auto")
    portion = Portion(int(number), int(of_all))
    if not 1 <= portion.number <= portion.of_all:
        raise UsageError(
            f"--shard {text}: there are 1/{portion.of_all} to {portion.of_all}/{of_all}"
        )
    return portion


def _from(environment: Mapping[str, str]) -> Portion:
    for rank, size, first in RANKS:
        if rank in environment and size in environment:
            least = int(environment.get("SLURM_ARRAY_TASK_MIN", 0)) if first is None else first
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1)) if first is None else 1
            place = (int(environment[rank]) - least) // step + 1
            return portion_of(f"{place}/{environment[size]}")
    names = ", ".join(f"{rank} and {size}" for rank, size, _ in RANKS)
    raise UsageError(
        "--shard auto: no environment variable gives the shard number and count", f"set {names}"
    )


FIELDS: Schema = {
    "type": "object",
    "required": ["shard"],
    "properties": {
        "command": {"type": "string"},
        "shard": {"type": "array", "minItems": 2, "maxItems": 2,
                  "items": {"type": "integer", "minimum": 1}},
    },
}  # fmt: skip


def portion_in(record: Any, folder: Path) -> Portion:
    """Return the portion that the shard in ``folder`` is; raises InputError for a damaged one."""
    check_fields(record, FIELDS, folder / "run.json")
    return Portion(*record["shard"])


def write_shard(out: Path, begun: Mapping[str, Any], portion: Portion) -> dict[str, Any]:
    """Write and return the record of a finished portion."""
    record = {
        **begun,
        "schema": SCHEMA,
        "shard": list(portion),
        "finished": begun["finished"] or now(),
    }
    write_json(out, "run.json", record)
    return record
