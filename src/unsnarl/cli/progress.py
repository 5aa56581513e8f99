"""Progress on standard error: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def wants_animation(quiet: bool) -> bool:
    """Say whether standard error is a terminal that can redraw a line, and the user wants to see it."""
    return not quiet and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


class SilentProgress:
    """Take every report of progress and show none; what is told stands on a line of its own.

    quiet  True to tell nothing
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def tell(self, text: str) -> None:
        """Write a line that stays."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a phase."""

    def update(self, done: int) -> None:
        """Take note of how far the phase is."""

    def finish(self) -> None:
        """End the phase."""

    def __enter__(self) -> SilentProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class TerminalProgress(SilentProgress):
    """Draw the phase at work: a bar, units done, and the time left where the total is known.

    Finished phases are wiped, so that the lines a run leaves behind are its summary.
    rich honours NO_COLOR by itself.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bars: Bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        super().__init__()
        self._task: TaskID | None = None
        self._total = 0
        self._unit = ""

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, text: str) -> None:
        """Write a line above the bar."""
        self._bars.console.print(text, markup=False, highlight=False)

    def start(self, phase: str, total: int, unit: str) -> None:
        """Show a new phase; a total of 0 shows a bar that only says that work goes on."""
        self.finish()
        self._total, self._unit = total, unit
        self._task = self._bars.add_task(phase, total=total or None, amount=self._describe(0))

    def update(self, done: int) -> None:
        """Move the bar; cheap enough to be called many times a second."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, amount=self._describe(done))

    def _describe(self, done: int) -> str:
        """Say how much is done, where the phase counts anything."""
        return f"{done:,} of {self._total:,} {self._unit}" if self._total else ""

    def finish(self) -> None:
        """Wipe the phase."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


def open_progress(quiet: bool) -> SilentProgress:
    """Choose the progress display for this terminal; a context manager that leaves the terminal clean."""
    return TerminalProgress() if wants_animation(quiet) else SilentProgress(quiet)
