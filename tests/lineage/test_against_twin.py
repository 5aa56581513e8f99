"""Overlap, changes and names against the slow twin, which knows nothing but sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import lineage as slow
from strategies import SMALL
from unsnarl.lineage.changes import CHANGES, count_changes, trace_changes
from unsnarl.lineage.naming import PREFIX, Before, Naming, carry_names, find_content_ids, mint
from unsnarl.lineage.overlap import ABSENT, carry_over, find_overlap

# Of different lengths, past ASCII, in another order by code point than by UTF-16; and records called like clusters.
POOL = ["a", "ab", "b", "c", "d", "e", "é", "ﬀ", "𝒳", "aab", "1", "10", "2", "zz"]
POOL += [PREFIX + slow.content_id(frozenset(members)) for members in (["a"], ["a", "b"])] + [PREFIX]

clusterings = st.dictionaries(st.sampled_from(POOL), st.integers(0, 5), max_size=len(POOL))


def lay_out(clustering: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Give the ids in order, and the clusters numbered in the order of their smallest record."""
    ids = sorted(clustering, key=str.encode)
    numbers: dict[int, int] = {}
    number_of = [numbers.setdefault(clustering[record], len(numbers)) for record in ids]
    return np.array([*ids, None], dtype=object)[:-1], np.array(number_of, dtype=np.int32)


def find_place(old_ids: np.ndarray, new_ids: np.ndarray) -> np.ndarray:
    place = {record: at for at, record in enumerate(new_ids.tolist())}
    return np.array([place.get(record, ABSENT) for record in old_ids.tolist()], dtype=np.int32)


def label_of(clustering: dict[str, int]) -> list[int]:
    """Give the label of each cluster by its number."""
    ids, number_of = lay_out(clustering)
    return [clustering[ids[np.flatnonzero(number_of == number)[0]]] for number in range(len(set(number_of)))]


@settings(max_examples=150 if SMALL else 600, deadline=None)
@given(clusterings, clusterings)
def test_overlap_changes_and_carrying_over(old: dict[str, int], new: dict[str, int]) -> None:
    (old_ids, old_of), (new_ids, new_of) = lay_out(old), lay_out(new)
    overlap = find_overlap(old_of, new_of, find_place(old_ids, new_ids))
    overlap.check()
    olds, news = label_of(old), label_of(new)
    carried = carry_over(overlap).tolist()
    goes_on = {news[number]: olds[before] for number, before in enumerate(carried) if before != ABSENT}
    assert goes_on == slow.carry_over(old, new)

    traced = trace_changes(overlap, old_of, new_of)
    columns = (traced.change, traced.old, traced.new, traced.n_records)
    rows = [
        (CHANGES[change], None if a == ABSENT else olds[a], None if b == ABSENT else news[b], n)
        for change, a, b, n in zip(*(column.tolist() for column in columns), strict=True)
    ]
    assert rows == slow.lineage(old, new)
    assert (np.diff(traced.group) >= 0).all()
    counts = count_changes(traced)
    assert sum(count.n_changes for count in counts.values()) == len(traced.n_moved)
    assert sum(count.n_old_clusters for count in counts.values()) == len(set(old.values()))
    assert sum(count.n_new_clusters for count in counts.values()) == len(set(new.values()))
    # What came and what went adds up over all changes.
    assert int(traced.n_added.sum()) == len(set(new) - set(old))
    assert int(traced.n_removed.sum()) == len(set(old) - set(new))
    assert int(traced.n_moved.sum()) == sum(1 for id_ in set(old) & set(new) if goes_on.get(new[id_]) != old[id_])


@settings(max_examples=60 if SMALL else 250, deadline=None)
@given(st.lists(clusterings, min_size=2, max_size=10), st.booleans())
def test_names_along_a_chain(runs: list[dict[str, int]], has_contents: bool) -> None:
    chain = slow.Chain(runs[0])
    ids, number_of = lay_out(runs[0])
    by_record = [chain.clustering()[ids[np.flatnonzero(number_of == k)[0]]] for k in range(len(set(number_of)))]
    names = np.array([*by_record, None], dtype=object)[:-1]
    contents = find_content_ids(ids, number_of, np.arange(len(names))) if has_contents else None
    before, retired = (ids, number_of, names, contents), frozenset()
    last_named: dict[str, frozenset[str]] = {}
    for run in runs[1:]:
        chain.follow(run)
        ids, number_of = lay_out(run)
        old_ids, old_of, old_names, old_contents = before
        naming, _ = carry_names(
            ids, number_of, Before(old_of, find_place(old_ids, ids), old_names, old_contents, retired)
        )
        naming.check()
        given_names = dict(zip(ids.tolist(), naming.cluster_ids[number_of].tolist(), strict=True))
        assert given_names == chain.clustering()
        members_of = slow.clusters_of(given_names)
        for name, content in zip(naming.cluster_ids.tolist(), naming.content_ids.tolist(), strict=True):
            assert content == slow.content_id(members_of[name])
            # A name that was away comes back for the very records it had, or not at all.
            if name in last_named and name not in set(old_names.tolist()):
                assert last_named[name] == members_of[name]
        last_named |= members_of
        before, retired = (ids, number_of, naming.cluster_ids, naming.content_ids), naming.retired


def test_content_ids_of_many_records_at_once() -> None:
    ids = np.array([f"{i:06d}" for i in range(250_000)], dtype=object)
    number_of = np.minimum(np.arange(len(ids)) // 3, 70_000)
    found = find_content_ids(ids, number_of, np.arange(70_001))
    for number in (0, 66_665, 66_666, 69_999, 70_000):
        assert found[number] == slow.content_id(frozenset(ids[number_of == number].tolist()))
    assert len(set(found)) == len(found)


def test_members_are_framed() -> None:
    ids = np.array(["a", "ab", "bc", "c"], dtype=object)
    contents = find_content_ids(ids, np.array([0, 1, 0, 1]), np.array([0, 1]))
    assert contents[0] != contents[1]


def test_a_vanished_id_is_not_given_to_something_else() -> None:
    """{x, y} is born, grows, loses its name to the larger half, and is born again beside it."""
    h = "cluster:" + slow.content_id(frozenset("xy"))
    chain = slow.Chain({"q": 0})
    for run, expected in [
        ({"q": 0, "x": 1, "y": 1}, {"xy": h}),
        ({"q": 0, "x": 1, "y": 1, "z": 1, "v": 1, "w": 1}, {"vwxyz": h}),
        ({"q": 0, "x": 1, "y": 1, "z": 2, "v": 2, "w": 2}, {"vwz": h, "xy": f"{h}:2"}),
        ({"q": 0}, {}),
        ({"q": 0, "x": 1, "y": 1}, {"xy": f"{h}:2"}),
        ({"q": 0, "x": 1, "y": 1, "z": 2, "v": 2, "w": 2}, {"xy": f"{h}:2"}),
    ]:
        chain.follow(run)
        named = {"".join(sorted(members)): name for members, name in chain.named.items()}
        assert named.items() >= expected.items()
        assert len(set(named.values())) == len(named)


def test_minting_where_hashes_agree() -> None:
    """Two clusters of one hash, which nobody has seen yet, get two ids."""
    assert mint(["ab", "cd", "ab", "ab"], {"cluster:ab:3"}.__contains__) == [
        "cluster:ab",
        "cluster:cd",
        "cluster:ab:2",
        "cluster:ab:4",
    ]


def test_a_long_tangle_is_taken_in_one_pass() -> None:
    """Clusters of two records, each of which shares one with the next: one group, whatever its length."""
    n = 100_000
    traced = trace_changes(
        find_overlap(np.arange(n) // 2, (np.arange(n) + 1) // 2, np.arange(n)),
        np.arange(n) // 2,
        (np.arange(n) + 1) // 2,
    )
    assert set(traced.change.tolist()) == {CHANGES.index("reshuffled")}
    assert len(traced.n_moved) == 1


def test_an_id_in_use_and_retired_is_caught() -> None:
    names = np.array(["x"], dtype=object)
    with pytest.raises(AssertionError):
        Naming(np.zeros(1, np.int32), names, names, frozenset({"x"})).check()
