"""What the machine has: control groups of both versions in a made-up /proc and /sys; and the work that is timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unsnarl.report import forecast, machine

GB = 10**9


def lay_out(root: Path, group: str, limits: dict[str, str]) -> Path:
    """Write /proc/self/cgroup and some limits, each under /sys/fs/cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(group)
    for name, text in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("group", "limits", "allowed"),
    [
        # Version 2: the group itself, a group around it, the top of a container, none at all.
        ("0::/a/b\n", {"a/b/memory.max": f"{GB}\n", "a/memory.max": "max\n"}, GB),
        ("0::/a/b\n", {"a/b/memory.max": f"{4 * GB}\n", "a/memory.max": f"{2 * GB}\n"}, 2 * GB),
        ("0::/\n", {"memory.max": f"{GB}\n"}, GB),
        ("0::/../../docker/x\n", {"memory.max": f"{GB}\n"}, GB),
        ("0::/a\n", {"a/memory.max": "max\n"}, 0),
        ("0::/a\n", {}, 0),
        # Version 1: the memory controller has a line and a folder of its own.
        (
            "5:cpu,cpuacct:/c\n4:memory:/m\n0::/\n",
            {"memory/m/memory.limit_in_bytes": f"{GB}\n", "memory/c/memory.limit_in_bytes": "1\n"},
            GB,
        ),
        ("4:memory:/gone\n", {"memory/memory.limit_in_bytes": f"{3 * GB}\n"}, 3 * GB),
        # What nobody can read is no limit.
        ("rubbish\n", {"memory.max": "rubbish"}, 0),
        ("", {"memory.max": "0"}, 0),
    ],
)
def test_limits_of_control_groups(tmp_path: Path, group: str, limits: dict[str, str], allowed: int) -> None:
    assert machine.container_bytes(lay_out(tmp_path, group, limits)) == allowed


def test_no_control_groups_at_all(tmp_path: Path) -> None:
    assert machine.container_bytes(tmp_path / "nothing") == 0


def test_the_smaller_of_machine_and_container_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "container_bytes", lambda: 0)
    whole = machine.machine_bytes()
    assert whole > GB // 2
    monkeypatch.setattr(machine, "container_bytes", lambda: whole // 4)
    assert machine.machine_bytes() == whole // 4
    assert forecast.allowed_bytes(None) == whole // 4 * 4 // 5
    # 40 % of that is for the engine: it must not go by what the whole machine has.
    assert forecast.share_memory(None).engine == f"{whole // 4 * 4 // 5 * 2 // 5 // 1_000_000}MB"
    monkeypatch.setattr(machine, "container_bytes", lambda: 2**63)
    assert machine.machine_bytes() == whole


def test_a_little_work_is_timed(tmp_path: Path) -> None:
    found = machine.measure_speed(str(tmp_path))
    assert found.sort_seconds > 0 and found.hash_seconds > 0 and found.disk_seconds > 0
    assert os.listdir(tmp_path) == []
    assert machine.measure_speed(str(tmp_path / "nothing")).disk_seconds == machine.REFERENCE.disk_seconds


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says so")
def test_held_memory_grows_with_what_is_held() -> None:
    before = machine.held_bytes()
    held = bytearray(b"x") * 50_000_000
    assert machine.held_bytes() - before > 40_000_000 and len(held) > 0
    assert machine.peak_memory_bytes() >= machine.held_bytes() // 2
