"""The recipe: records of equal terms become kinds, kinds and clusters are slots, and the best pair of slots merges.

    terms --> find_kinds --> TermAgglomeration ... advance() ... --> merges --> certify

What the log odds of a pair are, why stale ones are bounds, and what is skipped: docs/methods/bhc.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from unsnarl.bayes.kinds import Kinds, find_kinds
from unsnarl.bayes.prior import Census, Counts, Prior, make_weights, take_census
from unsnarl.kernels.arrays import Records, make_records
from unsnarl.kernels.bhc import agglomerate, postings, rolls, room, state
from unsnarl.kernels.bhc.fixed_point import UNITS
from unsnarl.model import Constraints, Index, Terms

MOST_PARTNERS = 4
"""Partners kept in a row."""

SPLIT_RECORDS = 16
"""A term that so many records have gets a list for each band of clusters."""

MOST_FAMILIES = 1024
"""Families that have a bit in each slot: of these a pair is looked up, of others it is written down."""

SLICE_POSTINGS = 500_000
"""Postings read between two looks at the clock: some tens of milliseconds."""

NO_RECORDS: Index = np.zeros(0, dtype=np.int32)

IDEAS = {
    "table": state.NO_TABLE,
    "deferral": state.NO_DEFERRAL,
    "index": state.NO_INDEX,
    "skipping": state.NO_SKIPPING,
    "duplicates": 0,
    "partners": 0,
}
"""What can be left out, to see what it saves; the answer is the same."""

MODELS = {"multinomial": state.MULTINOMIAL, "bernoulli": state.BERNOULLI}
COUNTERS = {
    "n_candidates_met": state.N_MET,
    "n_candidates_scored": state.N_SCORED,
    "n_postings_read": state.N_READ,
    "n_scans": state.N_SCANS,
    "n_deferred_resolved": state.N_DEFERRED,
}


@dataclass(frozen=True)
class Plan:
    """Say how to agglomerate; nothing here but `group_first` and `floor` changes what is merged.

    without      ideas to leave out (IDEAS)
    disjoint     score pairs without a common term too, where they could merge
    floor        merge while the best log odds are over this; None: until one cluster is left
    group_first  merge records of equal terms first, where that raises the odds
    must_of      int32[n]  the smallest record of those that each must be with, itself where there are none
    cannot       two int32[k]: pairs of records that must not be together, no two of one group of must_of
    families     two int32[f]: records that must_of names, and a family of each: no two of one may be together
    """

    without: frozenset[str] = frozenset()
    disjoint: bool = False
    floor: float | None = 0.0
    group_first: bool = False
    must_of: Index | None = None
    cannot: tuple[Index, Index] = (NO_RECORDS, NO_RECORDS)
    families: tuple[Index, Index] = (NO_RECORDS, NO_RECORDS)

    @staticmethod
    def under(constraints: Constraints, **more: Any) -> Plan:
        """Make the plan of a run under constraints; `more` are the other fields.

        The largest families are looked up, the others are pairs that must not be together.
        """
        member, family = constraints.member, constraints.family
        _, which, size = np.unique(family, return_inverse=True, return_counts=True)
        rank = np.empty(len(size), dtype=np.int32)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(size), dtype=np.int32)
        is_large = rank[which] < MOST_FAMILIES
        some, begins = member[~is_large], np.flatnonzero(np.diff(family[~is_large])) + 1
        pairs = [np.stack([constraints.left, constraints.right], axis=1)]
        pairs += [np.array(list(combinations(members, 2)), dtype=np.int32) for members in np.split(some, begins)]
        both = np.unique(np.concatenate([part.reshape(-1, 2) for part in pairs]), axis=0)
        cannot = (np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1]))
        families = (member[is_large], rank[which][is_large])
        return Plan(must_of=constraints.must_of, cannot=cannot, families=families, **more)

    def find_apart(self, n_records: int) -> tuple[Index, Index]:
        """Give the records that must be with others, and these and all that must not be with some."""
        must_of = np.arange(n_records, dtype=np.int32) if self.must_of is None else self.must_of
        member = np.flatnonzero(must_of != np.arange(n_records)).astype(np.int32)
        grouped = np.union1d(member, must_of[member])
        return grouped, np.union1d(grouped, np.concatenate([*self.cannot, self.families[0]]))


def _make_bands(n_records: int, n_terms: Index) -> Records:
    """Make the bands: kinds by their size, merged clusters by records and, where these are few, by terms.

    n_terms  int32[k]  terms of each kind
    """
    typical = float(np.median(n_terms)) if len(n_terms) else 1.0
    limits = [(1, 0)] * state.SINGLE_BANDS
    first = 2
    while first <= n_records:
        # The terms of a cluster grow slowly with its records.
        shares = (0.0, 0.9, 1.15, 1.4, 1.8) if first < 14 else (0.0,)
        limits += [(first, math.ceil(share * typical * first**0.25)) for share in shares]
        first = max(first + 1, math.ceil(first * 1.4))
    bands = make_records(len(limits), state.BAND)
    bands["first"], bands["first_terms"] = np.array(limits).T
    bands["family"] = np.cumsum(np.diff(bands["first"], prepend=1) > 0)
    return bands


def _make_grid(most: int) -> Index:
    """Give extents at which bounds are kept: each up to 32, then an eighth more at a time."""
    grid = list(range(1, 33))
    while grid[-1] < most:
        grid.append(math.ceil(grid[-1] * 1.125))
    return np.array(grid, dtype=np.int32)


def _make_lists(n_with: Counts, n_bands: int) -> tuple[Index, Index, int]:
    """Give each term a list, and a frequent one a list for each band: first list, whether split, number of lists."""
    split = (n_with >= SPLIT_RECORDS).astype(np.int32)
    ends = np.cumsum(np.where(split, n_bands, 1))
    return np.concatenate([[0], ends])[:-1].astype(np.int32), split, int(ends[-1]) if len(ends) else 0


def _make_postings(n_with: Counts, n_bands: int) -> state.Postings:
    """Make an empty index of merged clusters."""
    list_of, split, n_lists = _make_lists(n_with, n_bands)
    start, stop, limit = (np.zeros(n_lists, dtype=np.int64) for _ in range(3))
    n_in, n_gone = (np.zeros(n_lists, dtype=np.int32) for _ in range(2))
    words = np.zeros(1 << 16, dtype=np.int32)
    return state.Postings(list_of, split, start, stop, limit, words, n_in, n_gone, np.zeros(1, dtype=np.int64))


def _make_rolls(n_with: Counts, view: rolls.KindView) -> state.Rolls:
    """Make the index of kinds: rolls by band for frequent terms."""
    return rolls.make_rolls(view, *_make_lists(n_with, state.SINGLE_BANDS))


def _make_table(n_slots: int) -> state.Table:
    half = 1
    while half < n_slots:
        half *= 2
    keys = make_records(n_slots, state.KEY)
    keys["score"] = state.NOTHING
    return state.Table(make_records((n_slots, MOST_PARTNERS), state.MATCH), keys, np.full(2 * half, -1, dtype=np.int32))


def _make_slots(kinds: Kinds, model: str, n_slots: int, sizes: Index, start_part: Counts) -> Records:
    """Make the slots of the kinds; those of merged clusters are empty."""
    slots = make_records(n_slots, state.SLOT)
    n = len(kinds)
    first = slots[:n]
    first["start"], first["n_terms"] = kinds.start, kinds.n_terms
    first["n_bars"] = 1 if model == "bernoulli" else 0
    first["n_lonely"], first["n_records"], first["copies"] = kinds.n_lonely, 1, kinds.n_copies
    first["extent"] = 1 if model == "bernoulli" else kinds.n_tokens
    first["band"] = np.clip(sizes, 1, state.SINGLE_BANDS) - 1
    first["next_copy"], first["name"] = kinds.first_copy, kinds.copies[kinds.first_copy]
    first["part"] = start_part
    slots["ban"] = slots["last_ban"] = slots["inside"] = -1
    return slots


def _find_parts(kinds: Kinds, model: str, sizes: Index, weights: state.Weights) -> Counts:
    """Give what a single record of each kind brings to any pair: minus its own weight, but for its terms."""
    if not len(kinds):
        return np.zeros(0, dtype=np.int64)
    alone: Counts = -weights.by_records[1] - weights.by_extent[np.ones_like(sizes) if model == "bernoulli" else sizes]
    if model == "bernoulli":
        alone += sizes.astype(np.int64) * weights.absent[1]
    return alone


def _make_query(n_kept: int, n_slots: int, n_records: int, bands: Records) -> state.Query:
    """Make room for what belongs to one query."""
    n_families = int(bands["family"][-1]) + 1
    return state.Query(
        counts=np.zeros(n_kept, dtype=np.int32),
        ones=np.zeros(n_kept, dtype=np.int64),
        sizes=np.full(rolls.LONGEST, state.NOTHING),
        seen=np.zeros(n_slots, dtype=np.int32),
        ceilings=np.zeros(len(bands), dtype=np.int64),
        reach=np.zeros((state.BAND_PLACES, len(bands) + 2), dtype=np.int64),
        tops=np.zeros((n_families, state.BAND_PLACES, state.TOPS), dtype=np.int64),
        memo=np.zeros(n_records + 2, dtype=np.int64),
        memo_of=np.zeros(n_records + 2, dtype=np.int32),
        best=np.zeros(state.BEST, dtype=np.int64),
        sums=np.zeros(state.BEST, dtype=np.int64),
    )


def _make_options(model: str, plan: Plan, n_kinds: int) -> Counts:
    """Put the plan into numbers."""
    options = np.zeros(8, dtype=np.int64)
    options[state.MODEL], options[state.N_KINDS] = MODELS[model], n_kinds
    options[state.FLOOR] = state.NOTHING if plan.floor is None else round(plan.floor * UNITS)
    options[state.PARTNERS] = 1 if "partners" in plan.without else MOST_PARTNERS
    options[state.FLAGS] = sum(IDEAS[idea] for idea in plan.without) | (state.DISJOINT if plan.disjoint else 0)
    return options


def make_state(terms: Terms, prior: Prior, census: Census, plan: Plan) -> state.State:
    """Lay everything out for the kernels.

    Cost: O(n log n + m); about 600 bytes a record and 100 an entry.
    """
    kinds = find_kinds(terms, prior.model, "duplicates" in plan.without, *plan.find_apart(terms.n_records))
    n_records, n_tokens = len(kinds.copies), int((kinds.n_tokens.astype(np.int64) * kinds.n_copies).sum())
    n_slots = len(kinds) + max(n_records, 1)
    weights = make_weights(prior, census, kinds.kept, n_records, n_tokens)
    bands = _make_bands(n_records, kinds.n_terms)
    sizes = kinds.n_terms + kinds.n_lonely if prior.model == "bernoulli" else kinds.n_tokens
    slots = _make_slots(kinds, prior.model, n_slots, sizes, _find_parts(kinds, prior.model, sizes, weights))
    np.add.at(bands["n_live"], slots["band"][: len(kinds)], 1)
    entries = make_records(3 * len(kinds.entries) + 1024, state.ENTRY)
    entries[: len(kinds.entries)] = kinds.entries
    counters = np.zeros(16, dtype=np.int64)
    counters[state.N_SLOTS], counters[state.N_ENTRIES] = len(kinds), len(kinds.entries)
    counters[state.HIGHEST] = state.NOTHING
    grid = _make_grid(n_records if prior.model == "bernoulli" else n_tokens)
    return state.State(
        slots=slots,
        entries=entries,
        weights=weights,
        postings=_make_postings(kinds.n_with, len(bands)),
        rolls=_make_rolls(kinds.n_with, rolls.KindView(slots[: len(kinds)], entries, sizes.astype(np.int32))),
        table=_make_table(n_slots),
        query=_make_query(len(kinds.kept), n_slots, n_records, bands),
        bands=bands,
        ceilings=np.full((len(bands), len(grid)), state.NOTHING),
        grid=grid,
        live=np.zeros(n_slots, dtype=np.int32),
        live_at=np.zeros(n_slots, dtype=np.int32),
        copies=kinds.copies,
        bans=make_records(1, state.BAN),
        families=np.zeros((n_slots, (int(plan.families[1].max(initial=-1)) + 64) // 64), dtype=np.int64),
        merges=make_records(max(n_records, 1), state.MERGE),
        options=_make_options(prior.model, plan, len(kinds)),
        counters=counters,
    )


class TermAgglomeration:
    """Agglomerate records by their terms, a slice at a time.

    The first n_given merges are those of records that must be together; slot_of is the slot of each record at the
    start, -1 for none.

    terms   of each record; those without terms stay alone
    prior   the hyper-parameters
    plan    how to go about it
    census  what the prior rests on (default: these terms)

    >>> terms = Terms(np.array([0, 2, 4, 5]), np.array([0, 1, 0, 1, 2], dtype=np.int32), np.ones(5, dtype=np.int32), 3)
    >>> work = TermAgglomeration(terms, Prior("multinomial", 1.0, 10.0), Plan())
    >>> while work.advance():
    ...     pass
    >>> [(int(merge["left"]), int(merge["right"])) for merge in work.merges]
    [(0, 1)]
    """

    def __init__(self, terms: Terms, prior: Prior, plan: Plan, census: Census | None = None) -> None:
        self.plan = plan
        self.state = make_state(terms, prior, census or take_census(terms, prior.model), plan)
        self.n_kinds = int(self.state.counters[state.N_SLOTS])
        self.finished = self.n_kinds == 0
        self.slot_of = self._find_slots(terms.n_records)
        self._forbid(self.slot_of)
        self._set_families(self.slot_of)
        self._merge_given(self.slot_of)
        self.n_given = len(self.merges)
        if plan.group_first:
            self._merge_equal()

    def _find_slots(self, n_records: int) -> Index:
        """Say which slot each record is in at the start, -1 for none."""
        slot_of = np.full(n_records, -1, dtype=np.int32)
        n_copies = self.state.slots["copies"][: self.n_kinds]
        slot_of[self.state.copies] = np.repeat(np.arange(self.n_kinds, dtype=np.int32), n_copies)
        return slot_of

    def _forbid(self, slot_of: Index) -> None:
        """Tell the slots of records that must not meet: the bans of each slot are a list."""
        left, right = (slot_of[records] for records in self.plan.cannot)
        is_here = (left >= 0) & (right >= 0)
        owner = np.concatenate([left[is_here], right[is_here]])
        if not len(owner):
            return
        partner = np.concatenate([right[is_here], left[is_here]])
        order = np.argsort(owner, kind="stable")
        owner = owner[order]
        goes_on = np.append(owner[1:] == owner[:-1], False)
        begins = np.append(True, ~goes_on[:-1])
        bans = make_records(len(owner), state.BAN)
        bans["partner"], bans["after"] = partner[order], np.where(goes_on, np.arange(1, len(owner) + 1), -1)
        self.state.slots["ban"][owner[begins]] = np.flatnonzero(begins)
        self.state.slots["last_ban"][owner[begins]] = np.flatnonzero(~goes_on)
        self.state = self.state._replace(bans=bans)

    def _set_families(self, slot_of: Index) -> None:
        """Tell the slots of which families they have members."""
        member, family = self.plan.families
        is_here = slot_of[member] >= 0
        slot, family = slot_of[member[is_here]], family[is_here]
        bit = np.left_shift(np.int64(1), family.astype(np.int64) & 63)
        np.bitwise_or.at(self.state.families, (slot, family >> 6), bit)

    def _merge_given(self, slot_of: Index) -> None:
        """Merge what must be together: each record, in their order, with the smallest of its group."""
        must_of = self.plan.must_of
        if must_of is None:
            return
        records = np.flatnonzero(must_of != np.arange(len(must_of)))
        left, right = slot_of[must_of[records]], slot_of[records]
        n_done = 0
        while True:
            n_done = int(agglomerate.join_given(self.state, left, right, n_done))
            if n_done == len(left):
                return
            self._make_room()

    def _merge_equal(self) -> None:
        """Merge records of equal terms while that raises the odds."""
        for kind in range(self.n_kinds):
            if self.state.slots[kind].copies < 2 or agglomerate.score_pair(self.state, kind, kind) <= 0:
                continue
            slot = self.join(kind, kind)
            while self.state.slots[kind].copies and agglomerate.score_pair(self.state, slot, kind) > 0:
                slot = self.join(slot, kind)

    def join(self, one: int, other: int) -> int:
        """Merge two slots whatever their log odds."""
        while not agglomerate.has_room(self.state, one, other):
            self._make_room()
        return int(agglomerate.join(self.state, one, other, agglomerate.score_pair(self.state, one, other)))

    def _make_room(self) -> None:
        """Put what lives close together; where that is not much less than before, take larger arrays."""
        now = self.state
        needed = int(room.count_entries(now))
        entries = make_records(2 * needed + 4096, state.ENTRY)
        room.move_entries(now, entries)
        found = now.postings
        words = np.zeros(2 * int((found.stop - found.start).sum()) + (1 << 20), dtype=np.int32)
        postings.lay_out_anew(found, now.query.seen, words)
        self.state = now._replace(entries=entries, postings=found._replace(words=words))

    def advance(self) -> bool:
        """Work for some tens of milliseconds; return whether there is more to do."""
        if self.finished:
            return False
        answer = agglomerate.agglomerate(self.state, SLICE_POSTINGS)
        if answer == agglomerate.SHORT_OF_ROOM:
            self._make_room()
        self.finished = answer == agglomerate.FINISHED
        return not self.finished

    @property
    def merges(self) -> Records:
        """The merges so far, in the order made (MERGE[k]; clusters are named by their smallest records)."""
        return self.state.merges[: int(self.state.counters[state.N_MERGES])]

    @property
    def counters(self) -> dict[str, int]:
        """What the work has cost so far."""
        counted = {name: int(self.state.counters[place]) for name, place in COUNTERS.items()}
        return {"n_kinds": self.n_kinds, **counted}

    @property
    def disjoint_bound(self) -> float:
        """What no pair of clusters without a common term can have had for log odds, at any time so far."""
        return float(self.state.counters[state.HIGHEST]) / UNITS

    @property
    def n_indexed(self) -> int:
        """How many of the kinds have been scored against the older ones."""
        return min(int(self.state.counters[state.N_INSERTED]), self.n_kinds)

    @property
    def n_open(self) -> int:
        """How many clusters still have a partner they could merge with."""
        return int(self.state.counters[state.N_KEYED])
