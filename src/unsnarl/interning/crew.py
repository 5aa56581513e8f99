"""Work done side by side by a few threads."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Crew:
    """Call `work` with 0 .. n_items - 1 on some threads from now on.

    The threads are daemons: an interrupted caller leaves at once, and they stop after what they are at.
    """

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
                    thread.join(timeout=0.5)
        except BaseException as error:
            self._failures.append(error)
            raise
        if self._failures:
            raise self._failures[0]


def run_side_by_side(work: Callable[[int], None], n_items: int, threads: int) -> None:
    """Call `work` with 0 .. n_items - 1 on some threads; the first error ends it, and is raised here."""
    Crew(work, n_items, threads).wait()
