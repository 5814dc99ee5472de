"""What the machine has: memory, disk and cores that we may use."""

import os
import shutil
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes a process may still take; None where the system does not say.

    Of a container that is what its limit leaves.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    here = [each for each in (_available(), _left_in_container()) if each is not None]
    return min(here) if here else None


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        (line,) = [line for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        return None
    return int(line.split()[1]) * 1024


def _left_in_container() -> int | None:
    try:
        limit = (CGROUP / "memory.max").read_text("ascii").strip()
        used = int((CGROUP / "memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)


def free_disk(folder: Path) -> int:
    """Return how many bytes may still be written to where ``folder`` is, or is to be."""
    return shutil.disk_usage(_nearest(folder)).free


def can_write(folder: Path) -> bool:
    """Return whether files may be made in ``folder``, or where that is to be made."""
    there = _nearest(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _nearest(path: Path) -> Path:
    """Return ``path``, or the nearest above it that exists."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def shown_bytes(size: float) -> str:
    """Return a number of bytes for a person, in powers of 1,024."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.2g} {unit}"
