"""Python's collector of what nobody holds any more, and when it had better not look."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let Python's collector rest.

    Compiling makes millions of small objects that live to its end; to look them over again and again would take an
    eighth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
