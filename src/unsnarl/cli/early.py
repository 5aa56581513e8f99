"""Ctrl-C while the program is still being loaded: a word and an exit code, as later, and no traceback."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def leave_at_once(_number: int, _frame: FrameType | None) -> None:
    """End the process; there is nothing yet to clean up."""
    os.write(2, b"unsnarl: interrupted.\n")
    os._exit(INTERRUPTED)


def answer_signals_early() -> None:
    """Take Ctrl-C over, unless it is ignored or somebody else's already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)
