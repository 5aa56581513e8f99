"""What is read from pages against twins that write them; pages cut short are seen to be."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import interning as twin
from strategies import SMALL
from unsnarl.interning.sorting import sort_by, sort_pairs
from unsnarl.kernels import pages

EXAMPLES = 20 if SMALL else 100


def to_words(content: bytes) -> np.ndarray:
    return np.frombuffer(content + bytes(-len(content) % 8 + 16), dtype=np.uint64)


@settings(max_examples=EXAMPLES, deadline=None)
@given(texts=st.lists(st.binary(max_size=20)), begin=st.integers(0, 9))
def test_texts_stand_where_they_were_put(texts, begin):
    page = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    content = bytes(begin) + page
    assert twin.find_texts(page) == texts
    starts, lengths = (np.zeros(len(texts), dtype=np.int64) for _ in range(2))
    words = to_words(content)
    assert pages.find_texts(words, begin, len(content), starts, lengths) == pages.RIGHT
    assert [content[at : at + n] for at, n in zip(starts.tolist(), lengths.tolist(), strict=True)] == texts
    for end in range(begin, len(content)):
        assert pages.find_texts(words, begin, end, starts, lengths) == pages.WRONG
    assert pages.find_texts(words, begin, len(content) + 1, starts, lengths) == pages.WRONG


@st.composite
def runs(draw):
    n_bits = draw(st.integers(0, 32))
    value = st.integers(0, min(2**n_bits, 2**31) - 1)
    one = st.tuples(value, st.integers(1, 300)).map(lambda run: [run[0]] * run[1])
    many = st.integers(1, 3).flatmap(lambda n: st.lists(value, min_size=8 * n, max_size=8 * n))
    return n_bits, draw(st.lists(st.one_of(one, many), min_size=1, max_size=5))


@settings(max_examples=EXAMPLES, deadline=None)
@given(given=runs(), begin=st.integers(0, 9))
def test_packed_numbers_come_back(given, begin):
    n_bits, lists = given
    expected = [value for run in lists for value in run]
    content = bytes(begin) + twin.pack_runs(lists, n_bits)
    out, words = np.full(len(expected), -1, dtype=np.int32), to_words(content)
    with np.errstate(over="ignore"):
        assert pages.unpack(words, begin, len(content), n_bits, out) == pages.RIGHT
        assert out.tolist() == expected
        for end in range(begin, len(content)):
            assert pages.unpack(words, begin, end, n_bits, out) == pages.WRONG
    assert pages.unpack(words, begin, len(content), 33, out) == pages.WRONG


@settings(max_examples=EXAMPLES)
@given(
    known=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5), places=st.lists(st.integers(-1, 6))
)
def test_references_name_what_is_known(known, places):
    columns = (
        tuple(np.array(column, dtype=np.int64) for column in zip(*known, strict=True)) or (np.zeros(0, np.int64),) * 2
    )
    starts, lengths = (np.zeros(len(places), dtype=np.int64) for _ in range(2))
    status = pages.refer(np.array(places, dtype=np.int32), columns, starts, lengths)
    is_right = all(0 <= place < len(known) for place in places)
    assert status == (pages.RIGHT if is_right else pages.WRONG)
    if is_right:
        assert list(zip(starts.tolist(), lengths.tolist(), strict=True)) == [known[place] for place in places]


def test_scores_become_units_as_the_engine_makes_them():
    scores = np.array([0, -0.0, 0.5, 1, 0.7, 2.5e-9, 3.5e-9, 1e-300, -1e-9, 1.0000001, np.nan, np.inf, -np.inf])
    units = np.zeros(len(scores), dtype=np.int32)
    pages.find_units(scores, False, units)
    assert units.tolist() == [0, 0, 500_000_000, 10**9, 700_000_000, 2, 4, 0, -1, -1, -1, -1, -1]
    pages.find_units(scores, True, units)
    assert units.tolist()[:6] == [10**9, 10**9, 500_000_000, 0, 300_000_000, 10**9 - 2]
    assert units.tolist()[8:] == [-1] * 5


@settings(max_examples=EXAMPLES)
@given(keys=st.lists(st.integers(0, 6), max_size=40), data=st.data())
def test_places_are_sorted_by_their_key(keys, data):
    places = data.draw(st.permutations(range(len(keys))))
    array = np.array(keys, dtype=np.int32)
    assert sort_by(array, 7, np.array(places, dtype=np.int32)).tolist() == twin.sort_places(keys, places)
    assert sort_by(array, 7).tolist() == twin.sort_places(keys, list(range(len(keys))))


@settings(max_examples=EXAMPLES)
@given(
    pairs=st.sets(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=120),
    order=st.randoms(use_true_random=False),
)
def test_pairs_are_sorted_by_left_and_right(pairs, order):
    """Rows are short and long: there are four records on the left."""
    given_so = list(pairs)
    order.shuffle(given_so)
    left, right = (np.array([pair[side] for pair in given_so], dtype=np.int32) for side in (0, 1))
    assert [given_so[place] for place in sort_pairs(left, right, 61)] == sorted(pairs)


def test_long_rows_are_sorted_too():
    left, right = np.repeat(np.arange(3, dtype=np.int32), [32, 33, 90]), np.arange(155, dtype=np.int32)[::-1].copy()
    order = sort_pairs(left, right, 155)
    assert [(left[i], right[i]) for i in order] == sorted(zip(left, right, strict=True))
