"""Read PAIRS and RECORDS as streams: ids become numbers, pairs go to partitions, and nothing is held as text twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.background import Later, run_side_by_side
from unsnarl.errors import ResourceError, UnsnarlError
from unsnarl.files.arrow import Column, Table
from unsnarl.files.direct import Addresses
from unsnarl.files.footers import Group, UnplainError
from unsnarl.interning.dictionary import Dictionary, make_room
from unsnarl.interning.given import Engine, PairRows, RecordRows
from unsnarl.interning.ids import Ids
from unsnarl.interning.memory import describe, describe_batch
from unsnarl.interning.pages import GroupReader, refuse_undecodable
from unsnarl.interning.store import Columns, Into, PairStore, Refuse, raise_first
from unsnarl.kernels.columns import FIRST, Room
from unsnarl.kernels.partitions import N_BAD, N_EMPTY, N_UNKNOWN
from unsnarl.model import Index
from unsnarl.settings import Settings

MAX_RECORDS = 2**31 - 2
N_EXAMPLES = 5
BLOCK_ROWS = 1 << 20
BATCH_ROWS = 100_000


class Sorted(Protocol):
    """What is asked of a sorting under way."""

    def wait(self) -> tuple[Ids, Index]:
        """Give the ids in order, and the number each has."""


@dataclass(frozen=True)
class Interned:
    """Hold PAIRS in numbers of records, by partition, and the ids behind the numbers.

    store      the pairs: left and right are numbers of records
    sorting    of the ids
    n_records  number of records
    n_known    records that RECORDS have: their numbers are smaller than those of the others
    tally      n_rows read, n_bad_scores dropped, n_unknown_ids added
    known      finds the numbers of further ids; None once it was let go
    """

    store: PairStore
    sorting: Sorted
    n_records: int
    n_known: int = 0
    tally: dict[str, int] = field(default_factory=dict)
    known: Dictionary | None = None

    @property
    def ids(self) -> Ids:
        """The text ids, by index."""
        return self.sorting.wait()[0]

    @property
    def order(self) -> Index:
        """int32[n], the number of the record at each index, which is the rank of its id."""
        return self.sorting.wait()[1]

    @property
    def added(self) -> tuple[str, ...]:
        """The first of the ids that RECORDS lack, at most five."""
        if not self.tally["n_unknown_ids"]:
            return ()
        new = np.flatnonzero(self.order >= self.n_known)
        return tuple(self.ids[int(index)] for index in new[:N_EXAMPLES])

    @cached_property
    def _rows(self) -> tuple[Index, Index, Index]:
        rank_of = np.empty(self.n_records, dtype=np.int32)
        rank_of[self.order] = np.arange(self.n_records, dtype=np.int32)
        blocks = [self.store.block(number) for number in range(self.store.n_blocks)]
        none = (np.zeros(0, dtype=np.int32),) * 3
        a, b, score = (np.concatenate(parts) for parts in zip(none, *blocks, strict=True))
        a, b = rank_of[a], rank_of[b]
        return np.minimum(a, b), np.maximum(a, b), score

    @property
    def left(self) -> Index:
        """The smaller record of each row that has two, and a score; a copy, for looking at small inputs."""
        return self._rows[0]

    @property
    def right(self) -> Index:
        """The larger record of each of those rows."""
        return self._rows[1]

    @property
    def score(self) -> Index:
        """The score units of each of those rows."""
        return self._rows[2]


def _refuse_all(problems: Sequence[UnsnarlError], refuse: Refuse) -> None:
    """Refuse what was found on a second look, which the first one gave reason for."""
    if not problems:
        raise UnsnarlError("The input changed while it was read.", hint="Run again when nothing else writes to it.")
    refuse(problems)


def _read_records(pairs: PairRows, records: RecordRows, dictionary: Dictionary, refuse: Refuse) -> None:
    """Take the ids of RECORDS in, refusing null, empty and repeated ones."""
    n_rows = 0
    lock = threading.Lock()

    def take(columns: list[Column]) -> None:
        nonlocal n_rows
        numbers = np.empty(len(columns[0]), dtype=np.int32)
        dictionary.number_column(describe(columns[0]), True, numbers)
        n_rows += len(numbers)

    def take_places(n_found: int, columns: Addresses) -> None:
        nonlocal n_rows
        numbers = np.empty(n_found, dtype=np.int32)
        with lock:
            dictionary.number_column(describe_batch(columns, records.has_numbers(pairs.joint))[0], True, numbers)
            n_rows += n_found

    try:
        if records.can_scan(pairs.joint):
            records.scan(pairs.joint, take_places)
        else:
            records.stream(pairs.joint, take)
    except UnsnarlError:
        # Looking for problems reads RECORDS again, and may know better what is wrong.
        raise_first(records.find_problems(pairs.joint))
        raise
    if n_rows != len(dictionary):
        _refuse_all(records.find_problems(pairs.joint), refuse)


class _Block:
    """Rows that wait until there are enough of them to be stored; of one thread at a time."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.room = make_room()
        self._columns = tuple(np.empty(BLOCK_ROWS, dtype=np.int32) for _ in range(3))

    def next_rows(self, n_rows: int) -> Columns:
        """Give room for more rows."""
        left, right, score = (column[self.n_rows : self.n_rows + n_rows] for column in self._columns)
        return left, right, score

    def take_rows(self) -> Columns:
        """Give all rows, and be empty."""
        left, right, score = (column[: self.n_rows] for column in self._columns)
        self.n_rows = 0
        return left, right, score


class _Reader:
    """Take batches of PAIRS, and store them in blocks; several threads may bring some at a time."""

    def __init__(self, dictionary: Dictionary, store: PairStore, adds: bool, has_numbers: bool) -> None:
        self._dictionary = dictionary
        self._store = store
        self._adds = adds
        self._has_numbers = has_numbers
        self._idle: list[_Block] = []
        self._lock = threading.Lock()
        self.n_rows = 0

    def take(self, columns: list[Column]) -> None:
        """Number the ids of a batch of a stream."""
        self._number(np.array([describe(column) for column in columns]), len(columns[2]))

    def take_places(self, n_rows: int, columns: Addresses) -> None:
        """Number the ids of a batch that lies in the engine's memory."""
        self._number(describe_batch(columns, self._has_numbers), n_rows)

    def _number(self, columns: NDArray[np.int64], n_rows: int) -> None:
        for first in range(0, n_rows, BLOCK_ROWS):
            self._number_some(columns, min(BLOCK_ROWS, n_rows - first))
            columns[:, FIRST] += BLOCK_ROWS

    def _number_some(self, columns: NDArray[np.int64], n_rows: int) -> None:
        def write(out: Columns, room: Room) -> None:
            self._dictionary.number_rows(columns, self._adds, out, room)

        self._fill(n_rows, write)

    def take_groups(self, groups: Sequence[Group], threads: int, is_distance: bool) -> None:
        """Number the ids of groups of rows of files. Raises UnplainError."""
        idle: list[GroupReader] = []

        def take_group(number: int) -> None:
            reader = idle.pop() if idle else GroupReader(self._dictionary, self._adds, is_distance)
            self._fill(groups[number].n_rows, lambda out, _: reader.read(groups[number], out))
            idle.append(reader)

        n_known = len(self._dictionary)
        try:
            run_side_by_side(take_group, len(groups), threads)
        finally:
            for reader in idle:
                reader.close()
        refuse_undecodable(self._dictionary.list_wide(n_known))

    def _fill(self, n_rows: int, write: Callable[[Columns, Room], None]) -> None:
        """Have at most a block of rows written."""
        try:
            block = self._idle.pop()
        except IndexError:
            block = _Block()
        if block.n_rows + n_rows > BLOCK_ROWS:
            self._store.add(*block.take_rows())
        write(block.next_rows(n_rows), block.room)
        block.n_rows += n_rows
        self._idle.append(block)
        if len(self._dictionary) > MAX_RECORDS:
            raise ResourceError(
                f"There are more records than one run can number ({MAX_RECORDS:,}).", hint="Split them."
            )
        with self._lock:
            self.n_rows += n_rows
            if self._store.progress is not None:
                self._store.progress.update(self.n_rows)

    def flush(self) -> None:
        """Store what is held."""
        for block in self._idle:
            self._store.add(*block.take_rows())
        self._idle.clear()


def _show_ids(session: Engine, ids: Ids, n_known: int) -> str:
    """Show SQL the ids of the first `n_known` records in the dictionary's order, as a table with the column id."""

    def batches() -> Any:
        for start in range(0, n_known, BATCH_ROWS):
            yield [ids.pack(np.arange(start, min(n_known, start + BATCH_ROWS), dtype=np.int32))]

    return session.register("known", Table([("id", "U")], batches))


def _find_row_problems(
    session: Engine, pairs: PairRows, known: Ids, n_known: int, allow_unknown: bool
) -> Sequence[UnsnarlError]:
    """Say which rows break the contract."""
    table = _show_ids(session, known, n_known)
    try:
        return pairs.find_row_problems(table, allow_unknown)
    finally:
        session.unregister(table)


def _read_all(
    session: Engine,
    pairs: PairRows,
    records: RecordRows | None,
    into: Into,
    how: tuple[bool, Sequence[Group] | None],
) -> tuple[Dictionary, int, int]:
    """Read RECORDS, then PAIRS; gives the dictionary, how many ids RECORDS have, and how many rows PAIRS.

    how  whether PAIRS may have further ids; and where PAIRS lie, to take them from there, None to have the engine read
         them

    Raises UnplainError where the engine must.
    """
    adds, groups = how
    dictionary = Dictionary(expected=0 if records is None else records.guess_count())
    if records is not None:
        into.begin("reading records", 0, "")
        _read_records(pairs, records, dictionary, into.tell)
    n_known = len(dictionary)
    reader = _Reader(dictionary, into.store, adds, pairs.has_numbers)
    into.begin("reading", pairs.count_quickly(), "rows")
    if groups is not None:
        reader.take_groups(groups, session.threads, pairs.is_distance)
    elif pairs.can_scan:
        pairs.scan(reader.take_places)
    else:
        pairs.stream(reader.take)
    reader.flush()
    return dictionary, n_known, reader.n_rows


def intern(
    session: Engine, pairs: PairRows, records: RecordRows | None, settings: Settings, into: Into | None = None
) -> Interned:
    """Read PAIRS and RECORDS, check them, and number the records.

    Records are those of RECORDS (with `allow_unknown_ids` also those PAIRS adds), or without RECORDS all ids in
    PAIRS, those in rows dropped for a bad score included.

    Raises InputError, with count and first rows, for ids and scores that break the contract (docs/input.md).
    Cost: one pass over each, and a sort of the ids; 12 bytes a pair, and some 70 bytes a record more than its text.
    """
    into = Into(PairStore()) if into is None else into
    store = into.store
    into.tell(pairs.find_type_problems(records))
    adds = records is None or settings.allow_unknown_ids
    try:
        read = _read_all(session, pairs, records, into, (adds or into.refuse is not None, pairs.find_groups()))
    except UnplainError:
        store.restart()
        read = _read_all(session, pairs, records, into, (adds or into.refuse is not None, None))
    dictionary, n_known, n_rows = read
    n_bad = int(store.tally[N_BAD])
    is_unknown = store.tally[N_UNKNOWN] or (not adds and len(dictionary) > n_known)
    if is_unknown or store.tally[N_EMPTY] or (n_bad and settings.on_bad_score == "error"):
        _refuse_all(_find_row_problems(session, pairs, dictionary.unsorted(), n_known, adds), into.tell)
    n_known = len(dictionary) if records is None else n_known
    tally = {"n_rows": n_rows, "n_bad_scores": n_bad, "n_unknown_ids": len(dictionary) - n_known}
    into.finish()
    # Nobody asks for the order at once.
    return Interned(store, Later(dictionary.sort), len(dictionary), n_known, tally, dictionary)
