"""A small separate file system, for tests of full and read-only disks."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """Mount a tmpfs with ``options`` at ``place`` within the block; skip if not permitted."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
