"""Work done in threads of its own: one thing later, or many side by side.

The threads are daemons: an interrupted caller leaves at once, and they stop after what they are at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

POLL_SECONDS = 0.5
"""A wait without an end cannot be interrupted on every system."""


class Later(Generic[Answer]):
    """Do work in a thread from now on."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._outcome: list[Answer] = []
        self._failure: list[BaseException] = []
        # The thread lets go of the work, and of what that holds, once it is done.
        self._thread = threading.Thread(target=self._attempt, args=(work,), name="unsnarl", daemon=True)
        self._thread.start()

    def _attempt(self, work: Callable[[], Answer]) -> None:
        try:
            self._outcome.append(work())
        except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
            self._failure.append(error)

    def join(self) -> None:
        """Return when it is done, or has failed."""
        while self._thread.is_alive():
            self._thread.join(timeout=POLL_SECONDS)

    def wait(self) -> Answer:
        """Give what the work gives, or raise what it raises."""
        self.join()
        if self._failure:
            raise self._failure[0]
        return self._outcome[0]


class _Crew:
    """Call `work` with 0 .. n_items - 1 on some threads from now on."""

    def __init__(self, work: Callable[[int], None], n_items: int, threads: int) -> None:
        self._work = work
        self._numbers = iter(range(n_items))
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._go_on, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _go_on(self) -> None:
        while not self._failures:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            try:
                self._work(number)
            except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
                self._failures.append(error)

    def wait(self) -> None:
        """Return when all is done; the first error ends it, and is raised here."""
        try:
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(timeout=POLL_SECONDS)
        except BaseException as error:
            self._failures.append(error)
            raise
        if self._failures:
            raise self._failures[0]


def run_side_by_side(work: Callable[[int], None], n_items: int, threads: int) -> None:
    """Call `work` with 0 .. n_items - 1 on some threads; the first error ends it, and is raised here."""
    _Crew(work, n_items, threads).wait()
