"""The user's ids <-> 0 .. n-1: an index is the rank of the id in the order of UTF-8 bytes.

Ids are joined as text, so the answer is exact; nothing rests on hashes being different. The order is that of
the ids alone, so it depends on neither rows nor threads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError, UnsnarlError
from unsnarl.model import Index, Score
from unsnarl.settings import Settings

MAX_RECORDS = 2**31 - 1
N_EXAMPLES = 5


class Engine(Protocol):
    """What is asked of a session: run SQL, name tables."""

    def run(self, query: str, parameters: Sequence[object] | None = None) -> None:
        """Run a statement."""

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Run a query."""

    def arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns as arrays."""

    def make_name(self, stem: str) -> str:
        """Make a table name."""


class RecordRows(Protocol):
    """What is asked of RECORDS."""

    def query(self, joint: bool = False) -> str:
        """Give SQL with the column id."""

    def find_problems(self, joint: bool = False) -> Sequence[UnsnarlError]:
        """List null, empty and repeated ids, and files that cannot be read."""


class PairRows(Protocol):
    """What is asked of PAIRS."""

    @property
    def joint(self) -> bool:
        """Say whether ids carry the name of their dataset."""

    def query(self) -> str:
        """Give SQL with the columns left_id, right_id, score_text, units."""

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query over the rows, errors of files in the user's words."""

    def fetch_arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """Do the same, and give the columns as arrays, masked where null."""

    def find_type_problems(self, records: Any) -> Sequence[UnsnarlError]:
        """List id types that do not go together."""

    def find_row_problems(self, ids_table: str, allow_unknown: bool) -> Sequence[UnsnarlError]:
        """List rows that break the contract."""


class Ids:
    """Hold the text ids, sorted by their UTF-8 bytes.

    Python compares texts by code point, which is the same order.

    >>> ids = Ids(np.array(["a", "b"], dtype=object))
    >>> ids.find("b"), ids.find("c"), len(ids), ids[0]
    (1, None, 2, 'a')
    """

    def __init__(self, texts: NDArray[Any]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> str:
        return str(self._texts[index])

    def texts(self) -> NDArray[Any]:
        """Give all ids, an object array of str: position is the index. Not to be written to."""
        return self._texts

    def find(self, text: str) -> int | None:
        """Give the index of an id, or None where there is no such record. Cost: O(log n)."""
        index = bisect_left(self._texts, text)
        return index if index < len(self._texts) and self._texts[index] == text else None


@dataclass(frozen=True)
class Interned:
    """Hold PAIRS in indexes and score units, in the order of the rows, and the ids behind the indexes.

    left, right  int32[m]  record indexes; either orientation, repeated and self pairs included
    score        int32[m]  score units, 0 .. SCORE_UNITS
    n_records    number of records
    ids          the text ids
    tally        n_rows read, n_bad_scores dropped, n_unknown_ids added
    added        the first of the unknown ids, at most five
    """

    left: Index
    right: Index
    score: Score
    n_records: int
    ids: Ids
    tally: dict[str, int] = field(default_factory=dict)
    added: tuple[str, ...] = ()


def _raise_first(problems: Sequence[UnsnarlError]) -> None:
    if problems:
        raise problems[0]


def _query_pair_ids(pairs: PairRows) -> str:
    query = pairs.query()
    return f"SELECT left_id AS id FROM ({query}) UNION ALL SELECT right_id AS id FROM ({query})"


@dataclass(frozen=True)
class _Added:
    """Say how many ids only PAIRS has, and the first of them."""

    n_ids: int
    first: tuple[str, ...]


def _find_added(session: Engine, ids: str, known: str) -> _Added:
    """Compare the table of all ids with that of RECORDS, which are among them."""
    counts = f"SELECT (SELECT count(*) FROM {ids}) - (SELECT count(*) FROM {known})"
    n_ids = int(session.rows(counts)[0][0])
    if not n_ids:
        return _Added(0, ())
    first = session.rows(f"SELECT id FROM {ids} ANTI JOIN {known} USING (id) ORDER BY id LIMIT {N_EXAMPLES}")
    return _Added(n_ids, tuple(id_ for (id_,) in first))


def _make_ids(session: Engine, pairs: PairRows, records: RecordRows | None, allow_unknown: bool) -> tuple[str, _Added]:
    """Make the table (id, position) of all records; gives its name and the ids that only PAIRS has."""
    known, ids = session.make_name("known"), session.make_name("ids")
    if records is not None:
        _make_known(session, pairs, records, known)
    if records is None:
        union = _query_pair_ids(pairs)
    elif allow_unknown:
        union = f"SELECT id FROM {known} UNION ALL {_query_pair_ids(pairs)}"
    else:
        union = f"SELECT id FROM {known}"
    pairs.fetch(
        f"CREATE TEMP TABLE {ids} AS SELECT id, CAST(row_number() OVER (ORDER BY id) - 1 AS INTEGER) AS position "
        f"FROM (SELECT DISTINCT id FROM ({union}) WHERE id <> '')"
    )
    added = _Added(0, ()) if records is None else _find_added(session, ids, known)
    session.run(f"DROP TABLE IF EXISTS {known}")
    n_ids = int(session.rows(f"SELECT count(*) FROM {ids}")[0][0])
    if n_ids > MAX_RECORDS:
        raise ResourceError(
            f"{n_ids:,} records are more than one run can number ({MAX_RECORDS:,}).", hint="Split them."
        )
    return ids, added


def _make_known(session: Engine, pairs: PairRows, records: RecordRows, table: str) -> None:
    """Copy the ids of RECORDS into a table, refusing null, empty and repeated ones."""
    try:
        session.run(f"CREATE TEMP TABLE {table} AS SELECT id FROM ({records.query(pairs.joint)})")
    except UnsnarlError:
        raise
    except Exception:
        # The engine cannot read RECORDS; looking for problems reads them again, and says where it stops.
        _raise_first(records.find_problems(pairs.joint))
        raise
    n_rows, n_ids = session.rows(f"SELECT count(*), count(DISTINCT id) FILTER (id <> '') FROM {table}")[0]
    if n_rows != n_ids:
        _raise_first(records.find_problems(pairs.joint))


def intern(session: Engine, pairs: PairRows, records: RecordRows | None, settings: Settings) -> Interned:
    """Read PAIRS and RECORDS, check them, and number the records.

    Records are those of RECORDS (with `allow_unknown_ids` also those PAIRS adds), or without RECORDS all ids in
    PAIRS, those in rows dropped for a bad score included.

    Raises InputError, with count and first rows, for ids and scores that break the contract (docs/input.md).
    Cost: two joins and one sort of the ids; 12 bytes a pair in memory, twice while they are fetched.
    """
    _raise_first(pairs.find_type_problems(records))
    ids_table, added = _make_ids(session, pairs, records, settings.allow_unknown_ids)
    joined = (
        f"SELECT l.position AS left_index, r.position AS right_index, p.units AS units FROM ({pairs.query()}) AS p "
        f"LEFT JOIN {ids_table} AS l ON p.left_id = l.id LEFT JOIN {ids_table} AS r ON p.right_id = r.id"
    )
    columns = pairs.fetch_arrays(joined)
    left, right, score = columns["left_index"], columns["right_index"], columns["units"]
    n_rows = len(left)
    bad_score = np.ma.getmaskarray(score)
    n_bad_scores = int(bad_score.sum())
    is_unmatched = np.ma.is_masked(left) or np.ma.is_masked(right)
    if is_unmatched or (n_bad_scores and settings.on_bad_score == "error"):
        _raise_first(pairs.find_row_problems(ids_table, allow_unknown=records is None or settings.allow_unknown_ids))
        raise UnsnarlError("PAIRS changed while they were read.", hint="Run again when nothing else writes to them.")
    if n_bad_scores:
        left, right, score = left[~bad_score], right[~bad_score], score[~bad_score]
    texts = session.arrays(f"SELECT id FROM {ids_table} ORDER BY position")["id"]
    session.run(f"DROP TABLE {ids_table}")
    tally = {"n_rows": n_rows, "n_bad_scores": n_bad_scores, "n_unknown_ids": added.n_ids}
    left, right, score = (
        np.ascontiguousarray(np.ma.getdata(column), dtype=np.int32) for column in (left, right, score)
    )
    return Interned(left, right, score, len(texts), Ids(np.ma.getdata(texts)), tally, added.first)
