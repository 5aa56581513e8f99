"""All pairs as they come, in partitions: in memory as far as they are allowed to, then in files.

A pair is always in the same partition, so each partition can be settled by itself. A file has no name once it is open,
so nothing of it outlives the process, however that ends.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError, UnsnarlError
from unsnarl.kernels import partitions as kernels
from unsnarl.model import Index, Progress

N_BITS = 6
N_PARTITIONS = 1 << N_BITS
ROW_BYTES = 12

Columns = tuple[Index, Index, Index]
"""left, right, score"""


class _Block(Protocol):
    """Hold some rows."""

    def read(self, start: int, stop: int) -> Columns:
        """Give some rows; not to be written to."""

    def write(self, start: int, rows: Columns) -> None:
        """Put other rows there."""


class _MemoryBlock:
    """Hold rows in memory."""

    def __init__(self, rows: Columns) -> None:
        self._rows = rows

    def read(self, start: int, stop: int) -> Columns:
        """Give some rows; not to be written to."""
        left, right, score = self._rows
        return left[start:stop], right[start:stop], score[start:stop]

    def write(self, start: int, rows: Columns) -> None:
        """Put other rows there."""
        for column, given in zip(self._rows, rows, strict=True):
            column[start : start + len(given)] = given


def _no_room(error: OSError) -> ResourceError:
    return ResourceError(
        f"Pairs do not fit into the memory allowed, and cannot be put on disk: {error.strerror or error}",
        hint="Give more with --memory-limit, or name a folder with room by --temp-dir.",
    )


class _FileBlock:
    """Hold rows in a file, column by column."""

    def __init__(self, rows: Columns, folder: str | None) -> None:
        self._n_rows = len(rows[0])
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  (open as long as the block)
            self.write(0, rows)
        except OSError as error:
            raise _no_room(error) from None

    def read(self, start: int, stop: int) -> Columns:
        """Read some rows."""
        columns = []
        for number in range(3):
            content = np.empty(stop - start, dtype=np.int32)
            left = content.view(np.uint8).data
            offset = 4 * (number * self._n_rows + start)
            while len(left):
                n_bytes = os.preadv(self._file.fileno(), [left], offset)
                if not n_bytes:
                    raise ResourceError("A temporary file is shorter than it was written.", hint="Check the disk.")
                left, offset = left[n_bytes:], offset + n_bytes
            columns.append(content)
        return columns[0], columns[1], columns[2]

    def write(self, start: int, rows: Columns) -> None:
        """Write other rows there. Raises OSError."""
        for number, column in enumerate(rows):
            left = np.ascontiguousarray(column).view(np.uint8).data
            offset = 4 * (number * self._n_rows + start)
            while len(left):
                n_bytes = os.pwrite(self._file.fileno(), left, offset)
                left, offset = left[n_bytes:], offset + n_bytes


class PairStore:
    """Hold pairs by partition.

    room_bytes  how much of them may be in memory
    folder      where files go (default: the system's folder for them)
    progress    told of the rows taken in
    tally       rows without a score, of one record twice, with an id that is not known, and kept: see kernels
    """

    def __init__(self, room_bytes: int = 2**62, folder: str | None = None, progress: Progress | None = None) -> None:
        self.progress = progress
        self.tally = np.zeros(kernels.N_TALLIES, dtype=np.int64)
        self._lock = threading.Lock()
        self._allowed_bytes = self._room_bytes = room_bytes
        self._folder = folder
        self._blocks: list[tuple[_Block, NDArray[np.int64]]] = []
        self._n_kept = np.zeros(N_PARTITIONS, dtype=np.int64)

    @property
    def n_kept(self) -> int:
        """Rows held."""
        return int(self._n_kept.sum())

    @property
    def n_blocks(self) -> int:
        """Count the blocks."""
        return len(self._blocks)

    def add(self, left: Index, right: Index, score: Index) -> None:
        """Take rows in; those without two different records, or without a score (negative), are counted only.

        Several threads may bring some at a time.
        """
        starts, tally = np.zeros(N_PARTITIONS + 2, dtype=np.int64), np.zeros(kernels.N_TALLIES, dtype=np.int64)
        new_left, new_right, new_score = (np.empty(len(left), dtype=np.int32) for _ in range(3))
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            kernels.partition_pairs((left, right, score), N_BITS, (new_left, new_right, new_score), starts, tally)
        n_rows = int(starts[-2])
        rows = (new_left[:n_rows], new_right[:n_rows], new_score[:n_rows])
        with self._lock:
            self.tally += tally
            self._room_bytes -= n_rows * ROW_BYTES
            fits = self._room_bytes >= 0 or not n_rows
            self._n_kept += np.diff(starts[:-1])
        block = _MemoryBlock(rows) if fits else _FileBlock(rows, self._folder)
        self._blocks.append((block, starts))

    def clear(self) -> None:
        """Let all rows go."""
        self._blocks.clear()
        self._n_kept[:] = 0

    def restart(self) -> None:
        """Be as new."""
        self.clear()
        self.tally[:] = 0
        self._room_bytes = self._allowed_bytes

    def block(self, number: int) -> Columns:
        """Give the rows of one block; those with a negative score are none. Not to be written to."""
        block, starts = self._blocks[number]
        return block.read(0, int(starts[-2]))

    def change_scores(self, number: int, score: Index) -> None:
        """Put other scores in the place of those of one block."""
        left, right, _ = self.block(number)
        try:
            self._blocks[number][0].write(0, (left, right, score))
        except OSError as error:
            raise _no_room(error) from None

    def _spans(self, partition: int, n_rows: int) -> list[tuple[_Block, int, int, int]]:
        """List where the first n_rows rows of a partition stand: block, start, stop there, and where its room ends."""
        spans = []
        for block, starts in self._blocks:
            start, end = int(starts[partition]), int(starts[partition + 1])
            stop = min(end, start + n_rows)
            n_rows -= stop - start
            spans.append((block, start, stop, end))
        return spans

    def parts(self, partition: int) -> Iterator[Columns]:
        """Give the rows of a partition, block by block; not to be written to."""
        for block, start, stop, _ in self._spans(partition, int(self._n_kept[partition])):
            if stop > start:
                yield block.read(start, stop)

    def n_rows(self, partition: int) -> int:
        """Count the rows of a partition."""
        return int(self._n_kept[partition])

    def load(self, partition: int) -> Columns:
        """Copy a partition together."""
        none = (np.zeros(0, dtype=np.int32),) * 3
        left, right, score = (np.concatenate(columns) for columns in zip(none, *self.parts(partition), strict=True))
        return left, right, score

    def replace(self, partition: int, rows: Columns) -> None:
        """Put other rows, fewer than there were, in the place of a partition; what is left over gets a score of -1."""
        at = 0
        for block, start, stop, end in self._spans(partition, len(rows[0])):
            left, right, score = (column[at : at + stop - start] for column in rows)
            rest = np.full(end - stop, -1, dtype=np.int32)
            padded = [np.concatenate([column, rest]) for column in (left, right, score)]
            try:
                block.write(start, (padded[0], padded[1], padded[2]))
            except OSError as error:
                raise _no_room(error) from None
            at += stop - start
        self._n_kept[partition] = len(rows[0])


Refuse = Callable[[Sequence[UnsnarlError]], None]
"""Told of what breaks the contract: raises the first of it, or takes note and has the rest looked at."""


def raise_first(problems: Sequence[UnsnarlError]) -> None:
    """Raise the first of some problems, if there are any."""
    if problems:
        raise problems[0]


@dataclass(frozen=True)
class Into:
    """Say where what is read goes.

    store   the pairs
    refuse  told of what breaks the contract (default: the first of it is raised); where it returns, rows that do so are
            left out, and ids that RECORDS lack are taken in
    """

    store: PairStore
    refuse: Refuse | None = None

    def tell(self, problems: Sequence[UnsnarlError]) -> None:
        """Refuse problems, if there are any."""
        (self.refuse or raise_first)(problems)

    def begin(self, phase: str, total: int, unit: str) -> None:
        """Say that a phase begins."""
        if self.store.progress is not None:
            self.store.progress.start(phase, total, unit)

    def finish(self) -> None:
        """Say that the last phase has ended."""
        if self.store.progress is not None:
            self.store.progress.finish()
