"""Read PAIRS and RECORDS as streams: ids become numbers, pairs go to partitions, and nothing is held as text twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError, UnsnarlError
from unsnarl.files.arrow import Column, Table
from unsnarl.files.direct import Addresses
from unsnarl.files.footers import Group, UnplainError
from unsnarl.interning.crew import run_side_by_side
from unsnarl.interning.dictionary import Dictionary, make_room
from unsnarl.interning.ids import Ids
from unsnarl.interning.memory import describe, describe_batch
from unsnarl.interning.pages import GroupReader, refuse_undecodable
from unsnarl.interning.store import Columns, PairStore
from unsnarl.kernels.columns import FIRST, Room
from unsnarl.kernels.partitions import N_BAD, N_EMPTY, N_UNKNOWN
from unsnarl.model import Index
from unsnarl.settings import Settings

MAX_RECORDS = 2**31 - 2
N_EXAMPLES = 5
BLOCK_ROWS = 1 << 20
BATCH_ROWS = 100_000


class Engine(Protocol):
    """What is asked of a session: run SQL, name tables, show it a table of ours."""

    @property
    def threads(self) -> int:
        """Processors to use."""

    def register(self, stem: str, frame: object) -> str:
        """Show SQL a table."""

    def unregister(self, name: str) -> None:
        """Forget it."""


class RecordRows(Protocol):
    """What is asked of RECORDS."""

    def stream(self, joint: bool, take: Callable[[list[Column]], None]) -> None:
        """Pass the ids on, batch by batch."""

    def has_numbers(self, joint: bool) -> bool:
        """Say whether ids come as 64-bit whole numbers, not as texts."""

    def can_scan(self, joint: bool) -> bool:
        """Say whether `scan` can be used."""

    def scan(self, joint: bool, take: Callable[[int, Addresses], None]) -> None:
        """Have the ids taken where they lie, by several threads at a time."""

    def find_problems(self, joint: bool = False) -> Sequence[UnsnarlError]:
        """List null, empty and repeated ids, and files that cannot be read."""


class PairRows(Protocol):
    """What is asked of PAIRS."""

    @property
    def joint(self) -> bool:
        """Say whether ids carry the name of their dataset."""

    def count_quickly(self) -> int:
        """Count the rows where that needs no look at them; 0 where it would."""

    def stream(self, take: Callable[[list[Column]], None]) -> None:
        """Pass left id, right id and score units (-1: none) on, batch by batch."""

    @property
    def has_numbers(self) -> bool:
        """Say whether ids come as 64-bit whole numbers, not as texts."""

    def find_groups(self) -> list[Group]:
        """List where ids and scores lie in files. Raises UnplainError where the engine must read them."""

    @property
    def is_distance(self) -> bool:
        """Say whether a score of 0 is the best."""

    @property
    def can_scan(self) -> bool:
        """Say whether `scan` can be used."""

    def scan(self, take: Callable[[int, Addresses], None]) -> None:
        """Have the same taken where it lies, by several threads at a time."""

    def find_type_problems(self, records: Any) -> Sequence[UnsnarlError]:
        """List id types that do not go together."""

    def find_row_problems(self, ids_table: str, allow_unknown: bool) -> Sequence[UnsnarlError]:
        """List rows that break the contract."""


@dataclass(frozen=True)
class Interned:
    """Hold PAIRS in numbers of records, by partition, and the ids behind the numbers.

    store      the pairs: left and right are numbers of records
    order      int32[n]  number of the record at each index, which is the rank of its id
    n_records  number of records
    ids        the text ids, by index
    tally      n_rows read, n_bad_scores dropped, n_unknown_ids added
    added      the first of the unknown ids, at most five
    known      finds the numbers of further ids; None once it was let go
    """

    store: PairStore
    order: Index
    n_records: int
    ids: Ids
    tally: dict[str, int] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    known: Dictionary | None = None

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


def _raise_first(problems: Sequence[UnsnarlError]) -> None:
    if problems:
        raise problems[0]


def _changed() -> UnsnarlError:
    return UnsnarlError("The input changed while it was read.", hint="Run again when nothing else writes to it.")


def _read_records(pairs: PairRows, records: RecordRows, dictionary: Dictionary) -> None:
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
        _raise_first(records.find_problems(pairs.joint))
        raise
    if n_rows != len(dictionary):
        _raise_first(records.find_problems(pairs.joint))
        raise _changed()


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


def _refuse_rows(session: Engine, pairs: PairRows, dictionary: Dictionary, allow_unknown: bool) -> None:
    """Say which rows break the contract."""
    known = dictionary.unsorted()
    table = _show_ids(session, known, len(known))
    try:
        _raise_first(pairs.find_row_problems(table, allow_unknown))
    finally:
        session.unregister(table)
    raise _changed()


def _read_all(
    session: Engine,
    sources: tuple[PairRows, RecordRows | None],
    store: PairStore,
    adds: bool,
    groups: Sequence[Group] | None,
) -> tuple[Dictionary, int, int]:
    """Read RECORDS, then PAIRS; gives the dictionary, how many ids RECORDS have, and how many rows PAIRS.

    sources  PAIRS and RECORDS
    adds     True where PAIRS may have further ids
    groups   where PAIRS lie, to take them from there; None to have the engine read them

    Raises UnplainError where the engine must.
    """
    pairs, records = sources
    dictionary = Dictionary()
    if records is not None:
        _read_records(pairs, records, dictionary)
    n_known = len(dictionary)
    reader = _Reader(dictionary, store, adds, pairs.has_numbers)
    if store.progress is not None:
        store.progress.start("reading", pairs.count_quickly(), "rows")
    if groups is not None:
        reader.take_groups(groups, session.threads, pairs.is_distance)
    elif pairs.can_scan:
        pairs.scan(reader.take_places)
    else:
        pairs.stream(reader.take)
    reader.flush()
    if store.progress is not None:
        store.progress.finish()
    return dictionary, n_known, reader.n_rows


def intern(
    session: Engine, pairs: PairRows, records: RecordRows | None, settings: Settings, store: PairStore | None = None
) -> Interned:
    """Read PAIRS and RECORDS, check them, and number the records.

    Records are those of RECORDS (with `allow_unknown_ids` also those PAIRS adds), or without RECORDS all ids in
    PAIRS, those in rows dropped for a bad score included.

    Raises InputError, with count and first rows, for ids and scores that break the contract (docs/input.md).
    Cost: one pass over each, and a sort of the ids; 12 bytes a pair, and some 70 bytes a record more than its text.
    """
    _raise_first(pairs.find_type_problems(records))
    store = PairStore() if store is None else store
    adds = records is None or settings.allow_unknown_ids
    try:
        dictionary, n_known, n_rows = _read_all(session, (pairs, records), store, adds, pairs.find_groups())
    except UnplainError:
        store.restart()
        dictionary, n_known, n_rows = _read_all(session, (pairs, records), store, adds, None)
    n_bad = int(store.tally[N_BAD])
    if store.tally[N_UNKNOWN] or store.tally[N_EMPTY] or (n_bad and settings.on_bad_score == "error"):
        _refuse_rows(session, pairs, dictionary, adds)
    ids, order = dictionary.sort()
    new = np.flatnonzero(order >= n_known) if records is not None else np.zeros(0, dtype=np.int64)
    tally = {"n_rows": n_rows, "n_bad_scores": n_bad, "n_unknown_ids": len(new)}
    added = tuple(ids[int(index)] for index in new[:N_EXAMPLES])
    return Interned(store, order, len(ids), ids, tally, added, dictionary)
