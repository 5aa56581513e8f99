"""The dictionary and the partitions against their twins, with hashes of all strengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import interning as twin
from reference.graphs import canonical, components, inside
from strategies import SMALL
from unsnarl.files.arrow import Numbers, Texts
from unsnarl.interning.dictionary import Dictionary, make_room
from unsnarl.interning.ids import Ids
from unsnarl.interning.memory import describe, describe_batch
from unsnarl.interning.reading import Interned
from unsnarl.interning.settling import run_side_by_side, settle
from unsnarl.interning.store import N_PARTITIONS, PairStore
from unsnarl.kernels import partitions
from unsnarl.kernels.partitions import N_BAD, N_EMPTY, N_SELF, N_UNKNOWN

EXAMPLES = 30 if SMALL else 150
MASKS = [0, 1, 2**4 - 1, 2**64 - 1]
CONTENT = st.lists(
    st.one_of(st.binary(max_size=3), st.sampled_from([b"a" * 8, b"a" * 9, b"a" * 16, b"a" * 17, b"a\0"]))
)


def pack(texts: list[bytes], skipped: int = 0) -> Texts:
    """Pack texts as the engine does, with bytes that are none of theirs before and after."""
    joined = b"?" * skipped + b"".join(texts)
    joined += b"!" * (-len(joined) % 8)
    offsets = np.cumsum([skipped, *(len(text) for text in texts)]).astype(np.int64)
    return Texts(np.frombuffer(joined, dtype=np.uint64), offsets)


@pytest.mark.parametrize("mask", MASKS)
@settings(max_examples=EXAMPLES)
@given(first=CONTENT, second=CONTENT, skipped=st.integers(0, 9), adds=st.booleans())
def test_numbers_are_those_of_the_twin(mask, first, second, skipped, adds):
    dictionary, known = Dictionary(mask, key=1), {}
    assert dictionary.number(pack(first, skipped), adds=True).tolist() == twin.number(first, known, True)
    assert dictionary.number(pack(second), adds=adds).tolist() == twin.number(second, known, adds)
    texts = list(known)
    ids, order = dictionary.sort()
    assert order.tolist() == twin.order(texts)
    everything = np.arange(len(ids), dtype=np.int32)[::-1].copy()
    assert ids.pack(everything).to_bytes().tobytes() == b"".join(sorted(texts, reverse=True))


@pytest.mark.parametrize("mask", MASKS)
def test_many_texts_that_differ_in_one_byte(mask):
    n_texts = 200 if SMALL or mask < 2**64 - 1 else 100_000
    texts = [b"record-%06d" % i for i in range(n_texts)] + [b"%040d" % i for i in range(n_texts)]
    dictionary = Dictionary(mask)
    for _ in range(2):
        assert dictionary.number(pack(texts), adds=True).tolist() == list(range(2 * n_texts))
    assert len(dictionary) == 2 * n_texts
    assert dictionary.sort()[1].tolist() == twin.order(texts)


def test_texts_of_one_hash_are_told_apart_whatever_the_key():
    """With a hash of no bits all texts share one: nothing but their bytes tells them apart."""
    texts = [bytes([i, j]) * k for i in range(1, 8) for j in range(8) for k in (1, 2, 7)]
    for key in (0, 2**64 - 1, 7):
        dictionary = Dictionary(mask=0, key=key)
        assert dictionary.number(pack(texts), adds=True).tolist() == list(range(len(texts)))
        assert dictionary.number(pack(texts[::-1]), adds=False).tolist() == list(range(len(texts)))[::-1]
        assert dictionary.number(pack([text + b"!" for text in texts]), adds=False).tolist() == [-1] * len(texts)


WORDS = st.lists(st.one_of(st.none(), st.binary(max_size=20)), max_size=20)


def show_strings(texts: list[bytes | None]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Lay texts out as the engine does, and describe them; whatever must stay alive comes second."""
    rows, valid, alive = np.zeros((len(texts) + 1, 16), dtype=np.uint8), np.zeros(1, dtype=np.uint64), []
    for i, text in enumerate(texts):
        if text is None:
            rows[i] = 255
            rows[i, 4:] = 0
            continue
        valid[0] |= np.uint64(1 << i)
        rows[i, :4] = np.array([len(text)], dtype=np.uint32).view(np.uint8)
        rows[i, 4 : 4 + min(12, len(text))] = np.frombuffer(text[:12], dtype=np.uint8)
        if len(text) > 12:
            alive.append(np.frombuffer(b"?" * (i % 9) + text + b"!", dtype=np.uint8))
            rows[i, 8:] = np.array([alive[-1].ctypes.data + i % 9], dtype=np.uint64).view(np.uint8)
    everything = describe_batch([(rows.ctypes.data, valid.ctypes.data)])[0]
    return everything, [rows, valid, *alive]


@settings(max_examples=EXAMPLES)
@given(first=WORDS, second=WORDS, adds=st.booleans())
def test_strings_of_the_engine_are_numbered_where_they_lie(first, second, adds):
    dictionary, known = Dictionary(), {}
    for texts, may_add in ((first, True), (second, adds)):
        described, _alive = show_strings(texts)
        numbers = np.empty(len(texts), dtype=np.int32)
        dictionary.number_column(described, may_add, numbers)
        assert numbers.tolist() == twin.number([text or b"" for text in texts], known, may_add)


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 9, 10, -1, -(2**63), 2**63 - 1]))),
    st.booleans(),
)
def test_whole_numbers_are_the_ids_they_read_as(numbers, adds):
    texts = [str(number).encode() for number in numbers]
    dictionary, known = Dictionary(), {}
    assert dictionary.number(pack(texts[::2]), True).tolist() == twin.number(texts[::2], known, True)
    given_ids, found = np.array(numbers, dtype=np.int64), np.empty(len(numbers), dtype=np.int32)
    dictionary.number_column(describe(Numbers(given_ids)), adds, found)
    assert found.tolist() == twin.number(texts, known, adds)


def test_several_threads_number_the_same_ids_alike():
    texts = [b"%d" % (i * i % 977) for i in range(100 if SMALL else 4000)]
    dictionary, found = Dictionary(mask=2**4 - 1 if SMALL else 2**64 - 1), {}

    def work(turn: int) -> None:
        described, room = describe(packed), make_room()
        out = tuple(np.empty(len(texts), dtype=np.int32) for _ in range(3))
        scores = describe(units)
        dictionary.number_rows(np.array([described, described, scores]), True, out, room)
        found[turn] = out

    packed, units = pack(texts), np.arange(-1, len(texts) - 1, dtype=np.int32)
    run_side_by_side(work, 6, 4)
    assert len(dictionary) == len(set(texts))
    texts_of = dictionary.unsorted()
    for left, right, score in found.values():
        assert left.tolist() == right.tolist() and score.tolist() == units.tolist()
        assert [texts_of[int(number)].encode() for number in left] == texts


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.integers(-2, 4), st.integers(-2, 4), st.integers(-1, 2))))
def test_partitions_hold_what_the_twin_keeps(rows):
    columns = [np.array(column, dtype=np.int32) for column in (zip(*rows, strict=True) if rows else ([], [], []))]
    store = PairStore()
    store.add(*columns)
    found = [row for p in range(N_PARTITIONS) for row in zip(*(c.tolist() for c in store.load(p)), strict=True)]
    kept, tally = twin.partition(rows)
    assert sorted(found) == kept
    counted = {"empty": N_EMPTY, "unknown": N_UNKNOWN, "bad": N_BAD, "self": N_SELF}
    assert tally == {name: int(store.tally[which]) for name, which in counted.items()}
    where = {}
    for p in range(N_PARTITIONS):
        for left, right, _ in zip(*(c.tolist() for c in store.load(p)), strict=True):
            assert where.setdefault((left, right), p) == p


@settings(max_examples=EXAMPLES)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(4, 6))),
    st.integers(0, 40),
    st.integers(0, 4),
)
def test_repeated_pairs_are_found(pairs, cut, n_bits):
    parts = [np.array(part, dtype=np.int32).reshape(-1, 2).T.copy() for part in (pairs[:cut], pairs[cut:])]
    starts, hashes = np.zeros((1 << n_bits) + 2, dtype=np.int64), np.empty(len(pairs) + 1, dtype=np.uint64)
    found = []
    with np.errstate(over="ignore"):
        for left, right in parts:
            partitions.count_buckets(left, right, 0, n_bits, starts)
        starts = np.cumsum(starts)
        for left, right in parts:
            partitions.fill_buckets(left, right, 0, n_bits, starts, hashes)
        assert starts[-2] == len(pairs) and (np.diff(starts) >= 0).all()
        buckets = np.repeat(np.arange(1 << n_bits), np.diff(starts[:-1]))
        assert [int(word) >> 64 - n_bits for word in hashes[:-1]] == buckets.tolist()
        n_distinct = len({int(word) for word in hashes[:-1]})
        repeated = hashes[: partitions.keep_repeated(starts, np.ones(128, dtype=np.uint64), hashes)]
        table = np.zeros(128, dtype=np.uint64)
        partitions.enter_hashes(repeated, table)
        for left, right in parts:
            rows = np.empty(len(left) + 1, dtype=np.int32)
            n_found = partitions.find_rows(left, right, table, rows)
            found.append([row in rows[:n_found].tolist() for row in range(len(left))])
    assert n_distinct == len(set(pairs)) and len(repeated) == len(pairs) - n_distinct
    assert found[0] + found[1] == twin.repeated(pairs)


class InOrder:
    """What a sorting has come to."""

    def __init__(self, ids: Ids, order: np.ndarray) -> None:
        self._found = ids, order

    def wait(self) -> tuple[Ids, np.ndarray]:
        return self._found


@pytest.mark.parametrize("on_conflict", ["error", "max", "mean", "min"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0, 3, 5, 8])), max_size=40),
    order=st.permutations(range(10)),
    room=st.sampled_from([0, 2**40]),
    cut=st.integers(0, 40),
)
def test_settled_pairs_are_those_of_the_twin(on_conflict, rows, order, room, cut):
    """Records get numbers in any order here, pairs come in two blocks, in memory or in files."""
    rows = [(a, b, 10**8 * score) for a, b, score in rows]
    number_of = {rank: number for number, rank in enumerate(np.argsort(order))}
    store = PairStore(room)
    for block in (rows[:cut], rows[cut:]):
        numbered = [(number_of[a], number_of[b], score) for a, b, score in block]
        store.add(*(np.array(c, dtype=np.int32) for c in (zip(*numbered, strict=True) if numbered else ([], [], []))))
    order_of = np.array([number_of[rank] for rank in range(10)], dtype=np.int32)
    settled = settle(Interned(store, InOrder(Ids.of("abcdefghij"), order_of), 10), 0.5, on_conflict, threads=2)
    settled.pairs.check()
    settled.components.check()
    pairs, tally = canonical(rows, on_conflict)
    component_of = components(pairs, 10, 5 * 10**8)
    assert settled.components.component_of.tolist() == component_of
    columns = (settled.pairs.left, settled.pairs.right, settled.pairs.score)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == inside(pairs, component_of)
    assert settled.n_pairs == len(pairs)
    found = {"n_self": settled.n_self, "n_repeated": settled.n_repeated, "n_conflicts": settled.n_conflicts}
    assert found == {name: tally[name] for name in found}
    scores = {}
    for a, b, score in rows:
        if a != b:
            scores.setdefault((min(a, b), max(a, b)), []).append(score)
    assert settled.conflicts == sorted(pair for pair, given in scores.items() if len(set(given)) > 1)[:5]
    assert settled.repeated == sorted(pair for pair, given in scores.items() if len(set(given)) < len(given))[:5]
