"""Ids become ranks in the order of their UTF-8 bytes, whatever the rows, threads and memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import SMALL
from unsnarl.files.pairs import read_pairs
from unsnarl.files.records import read_records
from unsnarl.files.session import Session
from unsnarl.interning import Ids, intern
from unsnarl.settings import Settings

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
PAIRS = st.lists(st.tuples(TEXT, TEXT, st.integers(0, 10**9)), max_size=20)


def read(session, rows, records=None, **chosen):
    left, right, units = zip(*rows, strict=True) if rows else ((), (), ())
    given = {"id_l": list(left), "id_r": list(right), "score": [number / 1e9 for number in units]}
    made = Settings(**chosen)
    record_source = None if records is None else read_records(session, {"id": records}, made)
    return intern(session, read_pairs(session, given, made), record_source, made)


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.sets(TEXT, max_size=5))
def test_index_is_the_rank_of_the_id(rows, more):
    expected = sorted({text for row in rows for text in row[:2]} | more, key=lambda text: text.encode())
    with Session(threads=2) as session:
        interned = read(session, rows, sorted(more), allow_unknown_ids=True)
    assert list(interned.ids.texts()) == expected and interned.n_records == len(expected)
    found = zip(interned.left, interned.right, interned.score, strict=True)
    # A pair has one orientation from here on, and pairs of a record with itself are only counted.
    oriented = [(*sorted(row[:2], key=str.encode), row[2]) for row in rows if row[0] != row[1]]
    assert sorted((interned.ids[a], interned.ids[b], int(s)) for a, b, s in found) == sorted(oriented)
    for array in (interned.left, interned.right, interned.score):
        assert array.dtype == np.int32 and type(array) is np.ndarray and array.flags.c_contiguous


@settings(max_examples=200)
@given(st.sets(TEXT), TEXT)
def test_find_gives_the_index(texts, other):
    ordered = sorted(texts, key=lambda text: text.encode())
    ids = Ids.of(texts)
    for index, text in enumerate(ordered):
        assert ids.find(text) == index and ids[index] == text
    assert (ids.find(other) is None) == (other not in texts)


def test_unicode_forms_are_different_ids(tmp_path):
    with Session() as session:
        interned = read(session, [("é", "e\u0301", 1), ("A", "a", 2)])
    assert list(interned.ids.texts()) == ["A", "a", "e\u0301", "é"]


@pytest.mark.parametrize(("threads", "memory"), [(1, None), (2, None), (4, "200MB")])
def test_threads_and_memory_change_nothing(tmp_path, threads, memory):
    n_rows = 20_000 if SMALL else 300_000
    with Session() as session:
        path = tmp_path / "p.parquet"
        session.run(
            "COPY (SELECT 'r' || (i * 7919 % 40000) AS id_l, 'r' || (i * 104729 % 40009) AS id_r, "
            f"i % 1000 / 1000 AS score FROM range({n_rows}) AS t(i)) TO '{path}'"
        )
    with Session(threads=threads, memory_limit=memory, temp_dir=tmp_path) as session:
        interned = intern(session, read_pairs(session, path, Settings()), None, Settings())
    texts = interned.ids.texts()
    numbers = np.arange(n_rows)
    left = np.char.add("r", (numbers * 7919 % 40000).astype(str))
    right = np.char.add("r", (numbers * 104729 % 40009).astype(str))
    assert (texts[:-1] < texts[1:]).all()
    got = sorted(zip(texts[interned.left], texts[interned.right], interned.score.tolist(), strict=True))
    rows = zip(left.tolist(), right.tolist(), (numbers % 1000 * 10**6).tolist(), strict=True)
    assert got == sorted((min(a, b), max(a, b), s) for a, b, s in rows if a != b)
