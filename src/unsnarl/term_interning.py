"""Ids and terms as the user writes them <-> 0 .. n-1: an index is the rank in the order of UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.model import Terms


class Engine(Protocol):
    """What is asked of a session: run SQL, name tables."""

    def run(self, query: str, parameters: Sequence[object] | None = None) -> None:
        """Run a statement."""

    def arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """Run a query and give its columns as arrays."""

    def make_name(self, stem: str) -> str:
        """Make a table name."""


@dataclass(frozen=True)
class InternedTerms:
    """Hold the terms of the records in indexes, and the texts behind these.

    ids    object[n] of str, sorted by UTF-8 bytes: position is the record index
    names  object[V] of str, sorted by UTF-8 bytes: position is the term index
    """

    terms: Terms
    ids: NDArray[Any]
    names: NDArray[Any]


def arrange(record: NDArray[Any], term: NDArray[Any], count: NDArray[Any], shape: tuple[int, int]) -> Terms:
    """Bring entries of any order into the form of Terms; entries of one record and term are added up.

    shape  number of records, number of terms

    >>> arrange(np.array([1, 0, 1]), np.array([0, 1, 0]), np.array([1, 2, 3]), (3, 2)).count.tolist()
    [2, 4]
    """
    n_records, n_terms = shape
    key = record.astype(np.int64) * max(n_terms, 1) + term
    order = np.argsort(key, kind="stable")
    key = key[order]
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    summed = np.add.reduceat(count[order].astype(np.int64), begins) if len(begins) else np.zeros(0, dtype=np.int64)
    if summed.max(initial=0) > np.iinfo(np.int32).max:
        raise InputError(
            "TERMS: the counts of a record and a term add up to more than a run can hold.", hint="Scale them."
        )
    kept = key[begins]
    first = np.searchsorted(kept, np.arange(n_records + 1, dtype=np.int64) * max(n_terms, 1))
    return Terms(first, (kept % max(n_terms, 1)).astype(np.int32), summed.astype(np.int32), n_terms)


def intern_terms(session: Engine, rows: str, ids: str) -> InternedTerms:
    """Number the records and terms of two queries.

    rows  SQL with id, term, n
    ids   SQL with the ids of all records, each once

    Cost: two sorts of texts and two joins.
    """
    raw, records, names = (session.make_name(stem) for stem in ("rows", "records", "names"))
    rank = "CAST(row_number() OVER (ORDER BY {0}) - 1 AS INTEGER) AS position"
    session.run(f"CREATE TEMP TABLE {raw} AS {rows}")
    session.run(f"CREATE TEMP TABLE {records} AS SELECT id, {rank.format('id')} FROM ({ids})")
    session.run(
        f"CREATE TEMP TABLE {names} AS SELECT term, {rank.format('term')} FROM (SELECT DISTINCT term FROM {raw})"
    )
    joined = (
        f"SELECT r.position AS record, t.position AS term, w.n AS n FROM {raw} AS w "
        f"JOIN {records} AS r USING (id) JOIN {names} AS t USING (term)"
    )
    columns = {name: np.ma.getdata(array) for name, array in session.arrays(joined).items()}
    id_texts = np.ma.getdata(session.arrays(f"SELECT id FROM {records} ORDER BY position")["id"])
    term_texts = np.ma.getdata(session.arrays(f"SELECT term FROM {names} ORDER BY position")["term"])
    for table in (raw, records, names):
        session.run(f"DROP TABLE {table}")
    shape = (len(id_texts), len(term_texts))
    return InternedTerms(arrange(columns["record"], columns["term"], columns["n"], shape), id_texts, term_texts)


def intern_matrix(matrix: Any, ids: Sequence[Any] | None) -> InternedTerms:
    """Number the records and terms of a SciPy sparse matrix: rows are records, columns terms, values counts.

    ids  of the rows (default: their numbers, as text)

    Raises InputError for counts that are negative or fractional, and for ids that are not one for each row.
    """
    found = matrix.tocoo()
    data = np.asarray(found.data)
    bad = np.flatnonzero(~np.isfinite(data) | (data < 0) | (data != np.floor(data)))
    if len(bad):
        examples = [f"row {found.row[i]}, column {found.col[i]}: {data[i]}" for i in bad[:5].tolist()]
        said = f"TERMS: {len(bad):,} counts that are negative or fractional."
        raise InputError(said, examples=examples, hint="Give whole numbers.")
    texts = [str(i) for i in (range(matrix.shape[0]) if ids is None else ids)]
    no_ids = [] if ids is None else [i for i in ids if i is None or i == "" or isinstance(i, float)]
    if no_ids:
        raise InputError(
            f"TERMS: {len(no_ids):,} of the ids are null, empty or floating-point numbers.",
            examples=[repr(i) for i in no_ids[:5]],
            hint="Ids must be texts or integers.",
        )
    if len(texts) != matrix.shape[0] or len(set(texts)) != len(texts):
        raise InputError(
            f"TERMS: {len(set(texts)):,} ids for {matrix.shape[0]:,} rows.", hint="Give each row an id of its own."
        )
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    held = data > 0
    used, term = np.unique(found.col[held], return_inverse=True)
    sorted_texts = np.array(texts, dtype=object)[order]
    names = np.array([str(column) for column in used.tolist()], dtype=object)
    terms = arrange(rank[found.row[held]], term, data[held], (len(texts), len(used)))
    return InternedTerms(terms, sorted_texts, names)
