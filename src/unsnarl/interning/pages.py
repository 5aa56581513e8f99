"""Ids and scores taken from the pages of Parquet files, without an engine between: see files/pages.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.footers import Group, UnplainError
from unsnarl.files.pages import DICTIONARY, INDEXES, Page, PageReader
from unsnarl.interning.dictionary import Dictionary, make_found
from unsnarl.interning.store import Columns
from unsnarl.kernels import pages as kernels
from unsnarl.kernels.texts import Spans
from unsnarl.model import Index

LEFT, RIGHT, SCORE = 0, 1, 2
"""The columns of a group of rows."""


def _check(status: int) -> None:
    if status != kernels.RIGHT:
        raise UnplainError


class _Room:
    """Room for the values of one page: where texts stand, references, and scores referred to; it grows."""

    def __init__(self) -> None:
        self._take(0)

    def _take(self, n_values: int) -> None:
        self.starts, self.lengths = (np.empty(n_values, dtype=np.int64) for _ in range(2))
        self.indexes = np.empty(n_values, dtype=np.int32)

    def enlarge(self, n_values: int) -> None:
        """Make room for so many values; what was there is lost."""
        if n_values > len(self.indexes):
            self._take(n_values)


@lru_cache
def _write_run(n_values: int) -> bytes:
    """Write that so many values are there: twice their number, seven bits in a byte, and a one."""
    left, content = 2 * n_values, bytearray()
    while left > 127:
        content.append(left & 127 | 128)
        left >>= 7
    return bytes([*content, left, 1])


def _refuse_nulls(page: Page, levels: Index) -> None:
    """Leave a page in which a value is null to the engine."""
    if page.levels < 0:
        return
    # Where none is null, there is one run of ones nearly always.
    run = page.words.view(np.uint8)[page.levels + 4 : page.begin].tobytes()
    if run == _write_run(page.n_values):
        return
    _check(kernels.unpack(page.words, page.levels + 4, page.begin, 1, levels))
    if not levels.all():
        raise UnplainError


def _unpack_indexes(page: Page, indexes: Index) -> None:
    """Read the references of a page; the first byte says of how many bits they are."""
    if page.begin >= page.end:
        raise UnplainError
    n_bits = int(page.words.view(np.uint8)[page.begin])
    _check(kernels.unpack(page.words, page.begin + 1, page.end, n_bits, indexes))


def _find_texts(page: Page, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Spans:
    _check(kernels.find_texts(page.words, page.begin, page.end, starts, lengths))
    return Spans(page.words, starts, lengths)


def _copy_scores(page: Page, scores: NDArray[np.float64]) -> None:
    content = page.words.view(np.uint8)[page.begin : page.end]
    if len(content) != 8 * len(scores):
        raise UnplainError
    scores.view(np.uint8)[:] = content


class GroupReader:
    """Number the ids of groups of rows, one group after the other; for one thread at a time.

    dictionary   of the ids
    adds         True to take new ids in
    is_distance  True where a score of 0 is the best
    """

    def __init__(self, dictionary: Dictionary, adds: bool, is_distance: bool) -> None:
        self._dictionary = dictionary
        self._adds = adds
        self._is_distance = is_distance
        self._pages = PageReader()
        self._room = _Room()
        self._found = make_found()

    def close(self) -> None:
        """Close what is open."""
        self._pages.close()

    def read(self, group: Group, out: Columns) -> None:
        """Write the numbers of both ids and the score of each row. Raises UnplainError."""
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            self._read_ids(group, LEFT, out[LEFT])
            self._read_ids(group, RIGHT, out[RIGHT])
            self._read_scores(group, out[SCORE])

    def _list_pages(self, group: Group, side: int) -> Iterator[tuple[Page, slice, Index]]:
        """Give the pages of a column, the rows of each (none for a DICTIONARY), and what its rows refer to."""
        done = 0
        for page in self._pages.read(group, side):
            n_rows = 0 if page.kind == DICTIONARY else page.n_values
            if n_rows > group.n_rows - done:
                raise UnplainError
            self._room.enlarge(n_rows)
            indexes = self._room.indexes[:n_rows]
            if n_rows:
                _refuse_nulls(page, indexes)
            if n_rows and page.kind == INDEXES:
                _unpack_indexes(page, indexes)
            yield page, slice(done, done + n_rows), indexes
            done += n_rows
        if done != group.n_rows:
            raise UnplainError

    def _read_ids(self, group: Group, side: int, numbers: Index) -> None:
        """Write the numbers of the ids of one column."""
        none = np.zeros(0, dtype=np.int64)
        known = Spans(np.zeros(0, dtype=np.uint64), none, none)
        for page, rows, indexes in self._list_pages(group, side):
            if page.kind == DICTIONARY:
                starts, lengths = (np.empty(page.n_values, dtype=np.int64) for _ in range(2))
                known = _find_texts(page, starts, lengths)
                continue
            starts, lengths = self._room.starts[: len(indexes)], self._room.lengths[: len(indexes)]
            if page.kind == INDEXES:
                _check(kernels.refer(indexes, (known.starts, known.lengths), starts, lengths))
                spans = Spans(known.words, starts, lengths)
            else:
                spans = _find_texts(page, starts, lengths)
            self._dictionary.number_spans(spans, self._adds, numbers[rows], self._found)

    def _read_scores(self, group: Group, units: Index) -> None:
        """Write the score units of each row."""
        known = np.zeros(0, dtype=np.float64)
        for page, rows, indexes in self._list_pages(group, SCORE):
            scores = np.empty(page.n_values, dtype=np.float64)
            if page.kind != INDEXES:
                _copy_scores(page, scores)
            elif len(indexes):
                if not 0 <= int(indexes.min()) <= int(indexes.max()) < len(known):
                    raise UnplainError
                scores = known[indexes]
            if page.kind == DICTIONARY:
                known = scores
                continue
            kernels.find_units(scores, self._is_distance, units[rows])


def refuse_undecodable(texts: Sequence[bytes] | Any) -> None:
    """Leave a file whose texts are not UTF-8 to the engine."""
    try:
        for text in texts:
            text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnplainError from error
