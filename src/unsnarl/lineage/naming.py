"""Names that stay with clusters: what a cluster's records hash to, and which id a cluster gets (docs/lineage.md)."""

from __future__ import annotations

import hashlib
import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.arrow import Texts, pack_objects
from unsnarl.lineage.changes import UNCHANGED, Lineage, trace_changes
from unsnarl.lineage.overlap import ABSENT, Numbers, carry_over, find_overlap

PREFIX = "cluster:"
_MINTED = re.compile(re.escape(PREFIX) + r"([0-9a-f]{40})(?::([1-9][0-9]*))?")
_AT_ONCE = 200_000


class IdList(Protocol):
    """Give the ids of records by their index, in the order of their UTF-8 bytes."""

    def __len__(self) -> int:
        """Count the records."""

    def __getitem__(self, index: Any) -> Any:
        """Give one id, or an object array of those at some indexes."""


@dataclass(frozen=True)
class Naming:
    """Hold the ids of the clusters of a run.

    1. Clusters are numbered in the order of their smallest record; all ids differ.
    2. No id in `retired` is in use.

    number_of    int32[n]   cluster of each record
    cluster_ids  object[k]  of str
    content_ids  object[k]  of str: `find_content_ids` of each cluster
    retired      ids that may not be given to a new cluster, though it has the content for it
    """

    number_of: NDArray[np.int32]
    cluster_ids: NDArray[Any]
    content_ids: NDArray[Any]
    retired: frozenset[str] = frozenset()

    def check(self) -> None:
        """Assert what the class guarantees."""
        used, first = np.unique(self.number_of, return_index=True)
        assert used.tolist() == list(range(len(self.cluster_ids)))
        assert (np.diff(first) > 0).all()
        assert len(set(self.cluster_ids)) == len(self.cluster_ids) == len(self.content_ids)
        assert not self.retired & set(self.cluster_ids)


@dataclass(frozen=True)
class Before:
    """Hold the clusters a run goes on from.

    number_of    int[n]     cluster of each of its records, numbers 0 .. k - 1
    place        int[n]     where the record stands in this run, increasing; ABSENT where it does not
    cluster_ids  object[k]  of str
    content_ids  object[k]  of str, or None: not known
    retired      as in Naming
    """

    number_of: Numbers
    place: Numbers
    cluster_ids: NDArray[Any]
    content_ids: NDArray[Any] | None
    retired: frozenset[str] = frozenset()


Digest = Callable[[Texts, NDArray[np.int64]], list[str]]
"""Hashes ranges of texts, see `hash_texts`."""


def _hash(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def hash_texts(packed: Texts, spans: NDArray[np.int64]) -> list[str]:
    """Hash ranges of texts: range i is spans[i] .. spans[i + 1] - 1. No compiler is needed for it."""
    content, cuts = packed.to_bytes().tobytes(), packed.offsets.tolist()
    framed = [b"%d:%b" % (j - i, content[i:j]) for i, j in itertools.pairwise(cuts)]
    # Most clusters are of one record.
    return [_hash(framed[i] if j - i == 1 else b"".join(framed[i:j])) for i, j in itertools.pairwise(spans.tolist())]


def _pack(ids: IdList, index: NDArray[np.int32]) -> Texts:
    """Give some ids as bytes, one after the other."""
    pack = getattr(ids, "pack", None)
    return pack_objects(ids[index]) if pack is None else pack(index)


def _batches(size: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut clusters, in order, into ranges of about _AT_ONCE records."""
    ends = np.cumsum(size)
    start = done = 0
    while start < len(size):
        stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE)))
        yield start, stop
        start, done = stop, int(ends[stop - 1])


def find_content_ids(ids: IdList, number_of: Numbers, wanted: Numbers, digest: Digest = hash_texts) -> NDArray[Any]:
    """Hash the members of some clusters: SHA-1, as 40 hexadecimal digits; an object array of str.

    What is hashed is, for each id in the order of their bytes, the number of its bytes in decimal digits, a colon and
    the bytes (UTF-8), one id right after the other: no two sets of ids are written alike.

    ids        of the records
    number_of  int[n]  cluster of each record
    wanted     int[k]  clusters, increasing
    digest     what does the work

    Cost: about a microsecond a record, a third of that by the kernel.

    >>> find_content_ids(np.array(["a", "bc"], dtype=object), np.array([0, 0]), np.array([0])).tolist()
    ['fd598ee13e448acb47f9923cb6922eef2997a60f']
    """
    is_wanted = np.zeros(int(number_of.max(initial=-1)) + 1, dtype=np.bool_)
    is_wanted[wanted] = True
    some = np.flatnonzero(is_wanted[number_of])
    members = some[np.argsort(number_of[some], kind="stable")].astype(np.int32)
    size = np.bincount(number_of, minlength=len(is_wanted))[wanted].astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(size)])
    found: list[str] = []
    for start, stop in _batches(size):
        packed = _pack(ids, members[ends[start] : ends[stop]])
        found += digest(packed, ends[start : stop + 1] - ends[start])
    return _as_texts(found)


def _as_texts(texts: Sequence[str]) -> NDArray[Any]:
    """Make an object array of some texts."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def mint(content_ids: Iterable[str], is_taken: Any) -> list[str]:
    """Make an id for each new cluster, in order: PREFIX and its content_id, with :2, :3, ... where that is taken.

    is_taken  whether an id, or one like it, may not be given: a function of str

    >>> mint(["ab", "ab", "cd"], {"cluster:cd"}.__contains__)
    ['cluster:ab', 'cluster:ab:2', 'cluster:cd:2']
    """
    made: dict[str, None] = {}
    for content in content_ids:
        name, turn = PREFIX + content, 2
        while name in made or is_taken(name):
            name, turn = f"{PREFIX}{content}:{turn}", turn + 1
        made[name] = None
    return list(made)


def _may_come_back(name: str, content: str | None) -> bool:
    """Say whether an id can only ever be minted again for a cluster of this content, the one it last had."""
    found = _MINTED.fullmatch(name)
    return found is None or found[1] == content


def _retire(before: Before, goes_on: Numbers) -> frozenset[str]:
    """Give the ids that may not be given again: those so far, and those that went out of use with other contents."""
    ended = np.ones(len(before.cluster_ids), dtype=np.bool_)
    ended[goes_on[goes_on != ABSENT]] = False
    numbers = np.flatnonzero(ended)
    names = before.cluster_ids[numbers].tolist()
    contents = [None] * len(names) if before.content_ids is None else before.content_ids[numbers].tolist()
    pairs = zip(names, contents, strict=True)
    return before.retired | {name for name, content in pairs if not _may_come_back(name, content)}


def _take_contents(before: Before, lineage: Lineage, n_clusters: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Take the hashes of clusters that have not changed over; gives them, and the clusters that have none yet."""
    contents = np.empty(n_clusters, dtype=object)
    is_known = np.zeros(n_clusters, dtype=np.bool_)
    if before.content_ids is not None:
        same = np.flatnonzero(lineage.change == UNCHANGED)
        contents[lineage.new[same]] = before.content_ids[lineage.old[same]]
        is_known[lineage.new[same]] = True
    return contents, np.flatnonzero(~is_known)


def _find_records(ids: IdList) -> frozenset[str]:
    """Find the records whose ids begin with PREFIX: they stand together. Cost: O(log n) where there are none."""
    low, high = (bisect_left(ids, text) for text in (PREFIX, PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)))
    return frozenset(ids[np.arange(low, high, dtype=np.int32)].tolist() if low < high else ())


def carry_names(
    ids: IdList, number_of: NDArray[np.int32], before: Before, digest: Digest = hash_texts
) -> tuple[Naming, Lineage]:
    """Give each cluster the id of the one it goes on from, or a new one; and say what became of each old one.

    ids        of the records
    number_of  int32[n]  cluster of each, numbered in the order of their smallest record
    before     the clusters of the run before
    digest     as for `find_content_ids`

    A new id is made of what the cluster consists of and of nothing else, unless that id is in use, is a record's, or
    went out of use when it named something else. Cost: O(n log n), a hash for each cluster that is not as it was.
    """
    overlap = find_overlap(before.number_of, number_of, before.place)
    lineage = trace_changes(overlap, before.number_of, number_of)
    goes_on = carry_over(overlap)
    n_clusters = len(goes_on)
    contents, wanted = _take_contents(before, lineage, n_clusters)
    contents[wanted] = find_content_ids(ids, number_of, wanted, digest)
    names = np.empty(n_clusters, dtype=object)
    is_carried = goes_on != ABSENT
    names[is_carried] = before.cluster_ids[goes_on[is_carried]]
    retired = _retire(before, goes_on)
    born = np.flatnonzero(~is_carried)
    in_use = set(names[is_carried].tolist()) if len(born) else set()
    # No record is called like a cluster, or the question is asked for each.
    is_record = _find_records(ids).__contains__
    names[born] = mint(contents[born].tolist(), lambda name: name in in_use or name in retired or is_record(name))
    return Naming(number_of, names, contents, retired), lineage
