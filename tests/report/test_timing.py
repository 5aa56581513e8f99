"""Phases are timed by name and shown to whoever looks."""

from __future__ import annotations

import numpy as np
import pytest

from unsnarl.report.timing import Clock, peak_memory_bytes


class Recorder:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, phase: str, total: int, unit: str) -> None:
        self.calls.append(f"start {phase} {total}")

    def update(self, done: int) -> None:
        self.calls.append(f"update {done}")

    def finish(self) -> None:
        self.calls.append("finish")


def test_a_phase_is_shown_and_timed() -> None:
    recorder = Recorder()
    clock = Clock(recorder)
    with clock.phase("reading"):
        pass
    with clock.time("linking"):
        recorder.update(3)
    assert recorder.calls == ["start reading 0", "finish", "update 3"]
    assert list(clock.phases) == ["reading", "linking"]
    assert all(0 <= phase["seconds"] < 1 and phase["peak_memory_bytes"] >= 0 for phase in clock.phases.values())


def test_a_phase_that_fails_is_not_timed() -> None:
    clock = Clock()
    with pytest.raises(KeyError), clock.phase("reading"):
        raise KeyError
    assert clock.phases == {}


def test_peak_memory_covers_what_was_held() -> None:
    held = np.ones(50_000_000, dtype=np.int8)
    assert peak_memory_bytes() >= held.nbytes
