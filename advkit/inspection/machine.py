"""Resources of the machine: memory, disk and cores."""

import os
import shutil
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> int | None:
    """Return the number of bytes that a process may still allocate; None if unknown.

    In a container, what its limit leaves.
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
    """Return the number of free bytes on the disk of ``folder``, which need not exist yet."""
    return shutil.disk_usage(_nearest(folder)).free


def can_write(folder: Path) -> bool:
    """Return whether files can be created in ``folder``, which need not exist yet."""
    there = _nearest(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _nearest(path: Path) -> Path:
    """Return ``path``, or its nearest existing parent."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def shown_bytes(size: float) -> str:
    """Return a number of bytes as text, in powers of 1,024."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.2g} {unit}"
