"""Run a query in a thread of its own, so that Ctrl-C stops it at once: DuckDB's own wait does not always look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def run_apart(query: Callable[[], Answer], interrupt: Callable[[], object]) -> Answer:
    """Run a query in another thread; give its answer, or raise what it raises.

    interrupt  makes the query end early; called where the wait for it is broken off
    """
    outcome: list[Answer] = []
    failure: list[BaseException] = []
    # Not Thread.join: interrupted in Python 3.11, it takes the thread for ended.
    done = threading.Event()

    def attempt() -> None:
        try:
            outcome.append(query())
        except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
            failure.append(error)
        done.set()

    threading.Thread(target=attempt, name="unsnarl-query", daemon=True).start()
    try:
        # A wait without an end cannot be interrupted on every system.
        while not done.wait(timeout=0.5):
            pass
    except BaseException:
        interrupt()
        done.wait()
        raise
    if failure:
        raise failure[0]
    return outcome[0]
