"""Work done side by side by a few threads."""

from __future__ import annotations

import threading
from collections.abc import Callable


def run_side_by_side(work: Callable[[int], None], n_items: int, threads: int) -> None:
    """Call `work` with 0 .. n_items - 1 on some threads; the first error ends it, and is raised here.

    The threads are daemons: an interrupted caller leaves at once, and they stop after what they are at.
    """
    numbers = iter(range(n_items))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def go_on() -> None:
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                work(number)
            except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
                failures.append(error)

    crew = [threading.Thread(target=go_on, daemon=True) for _ in range(threads)]
    for thread in crew:
        thread.start()
    try:
        for thread in crew:
            while thread.is_alive():
                thread.join(timeout=0.5)
    except BaseException as error:
        failures.append(error)
        raise
    if failures:
        raise failures[0]
