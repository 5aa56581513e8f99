"""What a run took: the time of each phase, and the most memory it held."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from unsnarl.background import Answer, Later
from unsnarl.model import Progress
from unsnarl.report.machine import peak_memory_bytes


class Spell:
    """Time from now on."""

    def __init__(self) -> None:
        self._started, self._worked = time.perf_counter(), time.process_time()

    def spent(self) -> dict[str, Any]:
        """Tell what has been spent so far: seconds, processor_seconds of all threads, and peak_memory_bytes."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "processor_seconds": round(time.process_time() - self._worked, 3),
            "peak_memory_bytes": peak_memory_bytes(),
        }


@dataclass
class Clock:
    """Time the phases of a run, and pass them on to the display of progress.

    progress  told when a phase without a known amount of work begins and ends; None: nobody looks
    phases    of each finished phase, by its name, seconds, processor_seconds of all threads, and peak_memory_bytes so
              far
    """

    progress: Progress | None = None
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[Spell]:
        """Time a phase whose amount of work is not known."""
        if self.progress is not None:
            self.progress.start(name, 0, "")
        with self.time(name) as spell:
            yield spell
        if self.progress is not None:
            self.progress.finish()

    @contextmanager
    def time(self, name: str) -> Iterator[Spell]:
        """Time a phase that reports its own progress."""
        spell = Spell()
        yield spell
        self.phases[name] = spell.spent()

    def wait(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Time a phase that reports its own progress, in such a way that Ctrl-C ends the wait for it at once."""
        with self.time(name):
            return Later(work).wait()

    def run(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Time a phase that is a single call, in such a way that Ctrl-C ends the wait for it at once.

        Python sees a signal between two of its own steps only, and a kernel is a single step; so the
        call has a thread of its own.
        """
        with self.phase(name):
            return Later(work).wait()
