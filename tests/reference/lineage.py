"""What became of clusters, and what they are called, slowly: from the words of docs/lineage.md, with sets.

A clustering is a dict from record id to anything that tells clusters apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping

Clustering = Mapping[str, Hashable]
Members = frozenset[str]
Row = tuple[str, Hashable, Hashable, int]

KINDS = ("unchanged", "grown", "shrunk", "merged", "split", "reshuffled", "new", "gone")


def in_order(members: Members) -> list[bytes]:
    return sorted(member.encode() for member in members)


def content_id(members: Members) -> str:
    framed = b"".join(str(len(member)).encode() + b":" + member for member in in_order(members))
    return hashlib.sha1(framed).hexdigest()


def clusters_of(clustering: Clustering) -> dict[Hashable, Members]:
    found: dict[Hashable, set[str]] = {}
    for record, label in clustering.items():
        found.setdefault(label, set()).add(record)
    return {label: frozenset(members) for label, members in found.items()}


def carry_over(old: Clustering, new: Clustering) -> dict[Hashable, Hashable]:
    """Give for each new cluster that goes on from an old one that one."""
    before, after = clusters_of(old), clusters_of(new)
    pairs = [(a, b) for a in before for b in after if before[a] & after[b]]

    def rank(pair: tuple[Hashable, Hashable]) -> tuple[int, int, bytes]:
        one, other = before[pair[0]], after[pair[1]]
        return -len(one & other), len(one) + len(other), in_order(one & other)[0]

    found: dict[Hashable, Hashable] = {}
    for a, b in sorted(pairs, key=rank):
        if a not in found.values() and b not in found:
            found[b] = a
    return found


def _groups(before: dict[Hashable, Members], after: dict[Hashable, Members]) -> list[tuple[list, list]]:
    """Put clusters that hang together into groups: old ones and new ones of each."""
    waiting = {("old", a) for a in before} | {("new", b) for b in after}
    sides = {"old": before, "new": after}
    groups = []
    while waiting:
        reached = {waiting.pop()}
        while True:
            records = frozenset().union(*(sides[side][label] for side, label in reached))
            further = {(side, label) for side, label in waiting if sides[side][label] & records}
            if not further:
                break
            waiting -= further
            reached |= further
        groups.append(tuple([label for side, label in reached if side == wanted] for wanted in ("old", "new")))
    return groups


def _kind(olds: list[Members], news: list[Members]) -> str:
    if not olds:
        return "new"
    if not news:
        return "gone"
    if len(olds) == len(news) == 1:
        (old,), (new,) = olds, news
        if old == new:
            return "unchanged"
        return "grown" if old < new else "shrunk" if new < old else "reshuffled"
    return "merged" if len(news) == 1 else "split" if len(olds) == 1 else "reshuffled"


def lineage(old: Clustering, new: Clustering) -> list[Row]:
    """Give the rows of lineage.parquet, in order; None for an id that is missing."""
    before, after = clusters_of(old), clusters_of(new)
    goes_on = carry_over(old, new)
    found = []
    for olds, news in _groups(before, after):
        kind = _kind([before[a] for a in olds], [after[b] for b in news])
        was = frozenset().union(*(before[a] for a in olds))
        now = frozenset().union(*(after[b] for b in news))
        cells = [(a, b, before[a] & after[b]) for a in olds for b in news if before[a] & after[b]]
        moved = sum(len(shared) for a, b, shared in cells if goes_on.get(b) != a or b not in goes_on)
        if not cells:
            cells = [(a, None, before[a]) for a in olds] + [(None, b, after[b]) for b in news]
        first = in_order(frozenset().union(*(shared for _, _, shared in cells)))[0]
        cells.sort(key=lambda cell: (-len(cell[2]), in_order(cell[2])[0]))
        rows = [(kind, a, b, len(shared)) for a, b, shared in cells]
        found.append((kind == "unchanged", -moved, -len(was ^ now), KINDS.index(kind), first, rows))
    return [row for group in sorted(found, key=lambda group: group[:5]) for row in group[5]]


class Chain:
    """Name the clusters of one run after the other, with the whole history at hand."""

    def __init__(self, first: Clustering) -> None:
        self.named = {members: in_order(members)[0].decode() for members in clusters_of(first).values()}
        self.last_named = {name: members for members, name in self.named.items()}

    def clustering(self) -> dict[str, str]:
        return {record: name for members, name in self.named.items() for record in members}

    def follow(self, new: Clustering) -> None:
        after = clusters_of(new)
        goes_on = carry_over(self.clustering(), new)
        named = {after[label]: name for label, name in goes_on.items()}
        in_use = set(named.values())
        born = [members for label, members in after.items() if label not in goes_on]
        for members in sorted(born, key=lambda members: in_order(members)[0]):
            base = "cluster:" + content_id(members)
            turn, name = 1, base
            while name in in_use or name in new or self.last_named.get(name, members) != members:
                turn += 1
                name = f"{base}:{turn}"
            named[members] = name
            in_use.add(name)
        self.named = named
        self.last_named |= {name: members for members, name in named.items()}
