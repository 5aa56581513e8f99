"""Ids and scores taken from the pages of Parquet files, without an engine between: see files/pages.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.footers import Group, UnplainError
from unsnarl.files.pages import BEGIN, DICTIONARY, END, INDEXES, KIND, LEVELS, N_VALUES, Column, PageReader
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


class _Rows:
    """Room for the values of one column: where texts stand, or scores."""

    def __init__(self, n_rows: int) -> None:
        self.starts, self.lengths = (np.empty(n_rows, dtype=np.int64) for _ in range(2))
        self.indexes = np.empty(n_rows, dtype=np.int32)
        self.scores = np.empty(n_rows, dtype=np.float64)


def _refuse_nulls(column: Column, page: NDArray[np.int64], indexes: Index) -> None:
    """Leave a page in which a value is null to the engine."""
    if page[LEVELS] < 0:
        return
    levels = indexes[: page[N_VALUES]]
    _check(kernels.unpack(column.words, int(page[LEVELS]) + 4, int(page[BEGIN]), 1, levels))
    if not levels.all():
        raise UnplainError


def _unpack_indexes(column: Column, page: NDArray[np.int64], indexes: Index) -> None:
    """Read the references of a page; the first byte says of how many bits they are."""
    begin, end = int(page[BEGIN]), int(page[END])
    if begin >= end:
        raise UnplainError
    _check(kernels.unpack(column.words, begin + 1, end, int(column.words.view(np.uint8)[begin]), indexes))


class _Texts:
    """Find where the texts of a column stand."""

    def __init__(self, column: Column, rows: _Rows) -> None:
        self._column = column
        self._rows = rows
        self._known = (np.zeros(0, dtype=np.int64),) * 2

    def know(self, page: NDArray[np.int64]) -> None:
        """Take a page that others refer to."""
        self._known = (np.empty(page[N_VALUES], dtype=np.int64), np.empty(page[N_VALUES], dtype=np.int64))
        _check(kernels.find_texts(self._column.words, int(page[BEGIN]), int(page[END]), *self._known))

    def take(self, page: NDArray[np.int64], at: slice) -> None:
        """Take a page of plain values."""
        starts, lengths = self._rows.starts[at], self._rows.lengths[at]
        _check(kernels.find_texts(self._column.words, int(page[BEGIN]), int(page[END]), starts, lengths))

    def refer(self, indexes: Index, at: slice) -> None:
        """Take references."""
        _check(kernels.refer(indexes, self._known, self._rows.starts[at], self._rows.lengths[at]))


class _Scores:
    """Copy the scores of a column."""

    def __init__(self, column: Column, rows: _Rows) -> None:
        self._bytes = column.words.view(np.uint8)
        self._rows = rows
        self._known = np.zeros(0, dtype=np.float64)

    def _copy(self, page: NDArray[np.int64], out: NDArray[np.float64]) -> None:
        content = self._bytes[int(page[BEGIN]) : int(page[END])]
        if len(content) != 8 * len(out):
            raise UnplainError
        out.view(np.uint8)[:] = content

    def know(self, page: NDArray[np.int64]) -> None:
        """Take a page that others refer to."""
        self._known = np.empty(page[N_VALUES], dtype=np.float64)
        self._copy(page, self._known)

    def take(self, page: NDArray[np.int64], at: slice) -> None:
        """Take a page of plain values."""
        self._copy(page, self._rows.scores[at])

    def refer(self, indexes: Index, at: slice) -> None:
        """Take references."""
        if indexes.size and not 0 <= int(indexes.min()) <= int(indexes.max()) < len(self._known):
            raise UnplainError
        self._rows.scores[at] = self._known[indexes]


def _take_pages(column: Column, n_rows: int, rows: _Rows, taker: _Texts | _Scores) -> None:
    """Pass the pages of a column on; all together they have n_rows values."""
    done = 0
    for page in column.pages:
        n_values = int(page[N_VALUES])
        if page[KIND] == DICTIONARY:
            if not 0 <= n_values <= 8 * len(column.words):
                raise UnplainError
            taker.know(page)
            continue
        at = slice(done, done + n_values)
        if not 0 <= n_values <= n_rows - done:
            raise UnplainError
        indexes = rows.indexes[:n_values]
        _refuse_nulls(column, page, indexes)
        if page[KIND] == INDEXES:
            _unpack_indexes(column, page, indexes)
            taker.refer(indexes, at)
        else:
            taker.take(page, at)
        done += n_values
    if done != n_rows:
        raise UnplainError


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
        self._rows = _Rows(0)
        self._found = make_found()

    def close(self) -> None:
        """Close what is open."""
        self._pages.close()

    def read(self, group: Group, out: Columns) -> None:
        """Write the numbers of both ids and the score of each row. Raises UnplainError."""
        n_rows = group.n_rows
        if len(self._rows.starts) < n_rows:
            self._rows = _Rows(n_rows)
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            for side in (LEFT, RIGHT):
                column = self._pages.read(group, side)
                _take_pages(column, n_rows, self._rows, _Texts(column, self._rows))
                spans = Spans(column.words, self._rows.starts[:n_rows], self._rows.lengths[:n_rows])
                self._dictionary.number_spans(spans, self._adds, out[side], self._found)
            column = self._pages.read(group, SCORE)
            _take_pages(column, n_rows, self._rows, _Scores(column, self._rows))
            kernels.find_units(self._rows.scores[:n_rows], self._is_distance, out[SCORE])


def refuse_undecodable(texts: Sequence[bytes] | Any) -> None:
    """Leave a file whose texts are not UTF-8 to the engine."""
    try:
        for text in texts:
            text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnplainError from error
