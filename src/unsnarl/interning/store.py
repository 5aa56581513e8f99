"""All pairs as they come, in partitions: in memory as far as they are allowed to, then in files.

A pair is always in the same partition, so each partition can be settled by itself. A file is given all its room when
it is made: a full disk is then an error, and not a signal in the middle of a write. It has no name from then on, so
nothing of it outlives the process, however that ends.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError
from unsnarl.kernels import partitions as kernels
from unsnarl.model import Index, Progress

N_BITS = 10
N_PARTITIONS = 1 << N_BITS
ROW_BYTES = 12

Columns = tuple[Index, Index, Index]
"""left, right, score"""


def _make_file(n_rows: int, folder: str | None) -> Columns:
    """Make three columns in a file without a name. Raises ResourceError where the disk has no room for it."""
    handle, path = tempfile.mkstemp(prefix="unsnarl-pairs-", dir=folder)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, n_rows * ROW_BYTES)
        else:
            os.truncate(handle, n_rows * ROW_BYTES)
        whole = np.memmap(path, dtype=np.int32, mode="r+", shape=(3, n_rows))
    except OSError as error:
        raise ResourceError(
            f"Pairs do not fit into the memory allowed, and cannot be put on disk: {error.strerror or error}",
            hint="Give more with --memory-limit, or name a folder with room by --temp-dir.",
        ) from None
    finally:
        os.close(handle)
        os.unlink(path)
    return whole[0], whole[1], whole[2]


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
        self.n_rows = 0
        self._room_bytes = room_bytes
        self._folder = folder
        self._blocks: list[tuple[Columns, NDArray[np.int64]]] = []
        self._n_kept = np.zeros(N_PARTITIONS, dtype=np.int64)

    @property
    def n_kept(self) -> int:
        """Rows held."""
        return int(self._n_kept.sum())

    def _make_columns(self, n_rows: int) -> Columns:
        self._room_bytes -= n_rows * ROW_BYTES
        if self._room_bytes < 0 and n_rows:
            return _make_file(n_rows, self._folder)
        left, right, score = (np.empty(n_rows, dtype=np.int32) for _ in range(3))
        return left, right, score

    def add(self, left: Index, right: Index, score: Index) -> None:
        """Take rows in; those without two different records, or without a score (negative), are counted only."""
        starts = np.zeros(N_PARTITIONS + 2, dtype=np.int64)
        columns = self._make_columns(len(left))
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            kernels.partition_pairs((left, right, score), N_BITS, columns, starts, self.tally)
        self.n_rows += len(left)
        self._n_kept += np.diff(starts[:-1])
        self._blocks.append((columns, starts))

    def clear(self) -> None:
        """Let all rows go."""
        self._blocks.clear()
        self._n_kept[:] = 0

    @property
    def n_blocks(self) -> int:
        """Count the blocks."""
        return len(self._blocks)

    def block(self, number: int) -> Columns:
        """Give the rows of one block, as they are stored; those with a negative score are none."""
        columns, starts = self._blocks[number]
        left, right, score = (column[: starts[-2]] for column in columns)
        return left, right, score

    def load(self, partition: int) -> Columns:
        """Copy a partition together."""
        n_rows = int(self._n_kept[partition])
        whole = tuple(np.empty(n_rows, dtype=np.int32) for _ in range(3))
        at = 0
        for columns, starts in self._blocks:
            start = int(starts[partition])
            stop = min(int(starts[partition + 1]), start + n_rows - at)
            for column, out in zip(columns, whole, strict=True):
                out[at : at + stop - start] = column[start:stop]
            at += stop - start
        return whole[0], whole[1], whole[2]

    def replace(self, partition: int, rows: Columns) -> None:
        """Put other rows, fewer than there were, in the place of a partition; what is left over gets a score of -1."""
        n_rows = len(rows[0])
        at = 0
        for columns, starts in self._blocks:
            start = int(starts[partition])
            stop = min(int(starts[partition + 1]), start + n_rows - at)
            for column, given in zip(columns, rows, strict=True):
                column[start:stop] = given[at : at + stop - start]
            columns[2][stop : int(starts[partition + 1])] = -1
            at += stop - start
        self._n_kept[partition] = n_rows
