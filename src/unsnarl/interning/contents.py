"""What components consist of, as a SHA-256 each: equal hashes, equal dendrograms."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.interning.ids import Ids
from unsnarl.interning.sorting import sort_by
from unsnarl.kernels import split
from unsnarl.model import Components, Constraints, Index, Pairs

N_DIGITS = 32
"""Hexadecimal digits that are kept: 128 bits."""


def _group(component_of: Index, members: Index) -> tuple[Index, NDArray[np.int64]]:
    """Give some records (or rows) component by component, each in order, and where each component begins."""
    grouped = sort_by(component_of, len(component_of), members)
    begins = np.flatnonzero(np.diff(component_of[grouped], prepend=-1))
    return grouped, np.append(begins, len(grouped))


def _list_rows(pairs: Pairs, component_of: Index, members: Index, place: Index) -> tuple[Any, NDArray[np.int64]]:
    """Give the pairs inside components as bytes, both places and the score, and where those of each member end."""
    first = np.zeros(pairs.n_records + 1, dtype=np.int64)
    split.find_first_pairs(pairs.left, first)
    ends = np.zeros(len(members) + 1, dtype=np.int64)
    rows = np.empty(3 * int((first[members + 1] - first[members]).sum()), dtype="<i4")
    split.list_pairs(split.Part(members, place, component_of, first, pairs.right, pairs.score), ends, rows)
    return rows.view(np.uint8).data, ends


def hash_contents(ids: Ids, pairs: Pairs, components: Components) -> NDArray[Any]:
    """Give for each component of two or more, in order, the SHA-256 of its ids, pairs and scores in N_DIGITS digits.

    Components of two have an empty one: nobody looks for them. Records and pairs outside a component have no say, nor
    have their numbers. Cost: O(n + m) and a hash of 3 bytes a character and 12 a pair.
    """
    component_of = components.component_of
    size = components.sizes
    names = np.flatnonzero(size >= 2)
    hashes = np.full(len(names), "", dtype=object)
    members, starts = _group(component_of, np.flatnonzero(size[component_of] > 2).astype(np.int32))
    place = np.full(len(ids), -1, dtype=np.int32)
    place[members] = np.arange(len(members)) - np.repeat(starts[:-1], np.diff(starts))
    packed = ids.pack(members)
    content, lengths = packed.to_bytes().tobytes(), np.diff(packed.offsets).astype("<i8").tobytes()
    rows, ends = _list_rows(pairs, component_of, members, place)
    hashed = component_of[members[starts[:-1]]]
    at, text_at, row_at = (column.tolist() for column in (starts, packed.offsets[starts], ends[starts]))
    found = []
    for i in range(len(hashed)):
        head = b"%d %d;" % (at[i + 1] - at[i], row_at[i + 1] - row_at[i])
        texts = lengths[8 * at[i] : 8 * at[i + 1]] + content[text_at[i] : text_at[i + 1]]
        found.append(hashlib.sha256(head + texts + rows[12 * row_at[i] : 12 * row_at[i + 1]]).hexdigest()[:N_DIGITS])
    hashes[np.searchsorted(names, hashed)] = found
    return hashes


def add_constraints(hashes: NDArray[Any], ids: Ids, components: Components, under: Constraints) -> NDArray[Any]:
    """Give the hashes of components with each must-link, cannot-link and member of a family inside them hashed in.

    hashes  of hash_contents. What has no constraint keeps its hash; one of two records gets one.

    Cost: O(n) without, O(n log n) with families.
    """
    component_of = components.component_of
    names = np.flatnonzero(components.sizes >= 2)
    tied = under.tied
    places = component_of[under.member].astype(np.int64) << 32 | under.family
    _, first, which = np.unique(places, return_index=True, return_inverse=True)
    # A family is known by its first member in the component; where there is no other it says nothing.
    links = [
        (under.must_of[tied], tied),
        (np.minimum(under.left, under.right), np.maximum(under.left, under.right)),
        (np.delete(under.member[first][which], first), np.delete(under.member, first)),
    ]
    kind = np.repeat(np.arange(3, dtype=np.int32), [len(left) for left, _ in links])
    left, right = (np.concatenate([link[side] for link in links]) for side in range(2))
    found = hashes.copy()
    if not len(left):
        return found
    order = np.lexsort((right, left, kind, component_of[left]))
    kind, left, right = kind[order], left[order], right[order]
    packed = ids.pack(np.stack([left, right], axis=1).ravel().astype(np.int32))
    content, text_at = packed.to_bytes().tobytes(), packed.offsets[::2].tolist()
    lengths = np.diff(packed.offsets).astype("<i8").reshape(-1, 2)
    rows = np.concatenate([kind.astype("<i8")[:, None], lengths], axis=1).tobytes()
    touched, begins = np.unique(component_of[left], return_index=True)
    at, stops = np.searchsorted(names, touched), np.append(begins[1:], len(left)).tolist()
    for i, begin, stop in zip(at.tolist(), begins.tolist(), stops, strict=True):
        said = rows[24 * begin : 24 * stop] + content[text_at[begin] : text_at[stop]]
        found[i] = hashlib.sha256(b"%s;%d;" % (found[i].encode(), stop - begin) + said).hexdigest()[:N_DIGITS]
    return found
