from pathlib import Path

import pytest
import torch

from advkit.inspection import machine
from advkit.inspection.machine_checks import disk, memory

CPU = torch.device("cpu")


def test_the_limit_of_a_container_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    free = machine.free_memory(CPU)
    assert free is None or free > 0
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.max").write_text("5000000\n")
    assert machine.free_memory(CPU) == 2_000_000
    (tmp_path / "memory.max").write_text("1\n")
    assert machine.free_memory(CPU) == 0
    (tmp_path / "memory.max").write_text("max\n")
    unlimited = machine.free_memory(CPU)
    assert unlimited is None or unlimited > 2_000_000


def test_little_memory_is_a_fault() -> None:
    assert memory(2**20).state == "fail"
    assert memory(2**34).state == "pass"
    assert memory(None).state == "not applicable"


def test_disk(tmp_path: Path) -> None:
    assert disk(tmp_path / "not" / "there").state == "pass"
    (tmp_path / "file").write_text("x")
    assert disk(tmp_path / "file" / "runs").state == "fail"
    assert machine.free_disk(tmp_path / "a" / "b") == pytest.approx(
        machine.free_disk(tmp_path), rel=0.1
    )


@pytest.mark.parametrize(
    ("size", "told"),
    [(12, "12 bytes"), (2048, "2 KiB"), (1.5 * 2**20, "1.5 MiB"), (300 * 2**20, "300 MiB"),
     (5000 * 2**30, "5,000 GiB"), (0, "0 bytes")],
)  # fmt: skip
def test_bytes_for_a_person(size: float, told: str) -> None:
    assert machine.shown_bytes(size) == told
