"""What the kernels of Bayesian hierarchical clustering work on.

A slot is a cluster, or a kind: several records of exactly the same terms, of which each copy is a cluster as long as
it is left alone. Kinds have the first slots; a merged cluster gets the next one, so of two slots the smaller is the
older. A cluster is named by its smallest record; a kind by the smallest of its copies that are left, so a name only
ever grows.

Terms are numbered by falling frequency, and a slot's terms stand in that order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records

SLOT = np.dtype(
    [
        ("part", np.int64),  # what it brings to the log odds of any pair, in units
        ("start", np.int64),  # its first entry
        ("n_terms", np.int32),  # its distinct terms, those of no other record left out
        ("n_bars", np.int32),  # entries after the terms: (count, how many terms have it), Bernoulli only
        ("n_lonely", np.int32),  # its terms that are in no other record
        ("n_records", np.int32),
        ("extent", np.int32),  # tokens for the multinomial model, records for the Bernoulli model
        ("band", np.int32),  # clusters of a like size are in one band
        ("name", np.int32),  # smallest record of it
        ("copies", np.int32),  # copies left; 0: the slot is gone
        ("next_copy", np.int32),  # place of the smallest copy left, in `copies`
        ("inside", np.int32),  # the slot it went into
        ("ban", np.int32),  # first of its bans, -1 for none
        ("last_ban", np.int32),
        ("at", np.int32),  # first place of its row that may still hold
        ("n_matches", np.int32),  # places of its row that were filled
    ]
)
ENTRY = np.dtype([("term", np.int32), ("count", np.int32)])
MATCH = np.dtype([("score", np.int64), ("partner", np.int32), ("name", np.int32)])
KEY = np.dtype([("score", np.int64), ("low", np.int32), ("high", np.int32)])
MERGE = np.dtype([("score", np.int64), ("left", np.int32), ("right", np.int32), ("n_records", np.int64)])
BAND = np.dtype(
    [
        ("first", np.int32),  # smallest n_records of the band
        ("n_live", np.int32),
        ("most_records", np.int32),  # most records any slot of the band has ever had
        ("most_terms", np.int32),
        ("most_count", np.int32),  # largest count of a term in such a slot
        ("first_terms", np.int32),  # fewest terms of a slot of the band
        ("family", np.int32),  # the bands of the same n_records
    ]
)
BAN = np.dtype([("partner", np.int32), ("after", np.int32)])

NOTHING = np.int64(-(2**62))
"""In the place of a score: none."""

UNLIMITED = np.int64(2**61)
"""In the place of a bound: none. NOTHING can be taken from it."""

MULTINOMIAL = 0
BERNOULLI = 1
MODEL, FLOOR, PARTNERS, FLAGS, N_KINDS = 0, 1, 2, 3, 4
"""Places in `options`."""

NO_TABLE, NO_DEFERRAL, NO_INDEX, NO_SKIPPING, DISJOINT = 1, 2, 4, 8, 16
"""Bits of options[FLAGS]."""

SINGLE_BANDS = 16
"""Bands of kinds; those of merged clusters come after."""

N_SLOTS, N_ENTRIES, N_MERGES, SERIAL = 0, 1, 2, 3
"""Places in `counters`: slots, entries and merges so far, and the number of the last query."""

N_READ, N_MET, N_SCORED, N_SCANS, N_DEFERRED = 4, 5, 6, 7, 8
"""Postings read, candidates met, candidates scored, rows filled, partners found gone."""

N_KEYED, N_INSERTED, N_LIVE, HIGHEST = 9, 10, 11, 12
"""Slots with a key, slots in the index, slots that live; the bound of the log odds of pairs that share nothing."""

BEST = 64
"""Bounds know the sum of so many of the largest gains."""

TOPS = 12

BAND_PLACES = 256
"""A query's first terms have their own bounds; the others share that of the last."""


class Weights(NamedTuple):
    """The model in tables, in units; none is written to.

    levels      int64     for each distinct prior of a term the logarithms of its rising factorials
    row_of      int64[V]  where those of a term begin
    most        int32[V]  the term's count over all records
    by_records  int64     log gamma + log Gamma(n)
    by_extent   int64     what follows from the extent of a cluster alone
    absent      int64     logarithms of rising factorials of b (Bernoulli), else empty
    """

    levels: Int64
    row_of: Int64
    most: Int32
    by_records: Int64
    by_extent: Int64
    absent: Int64


class Postings(NamedTuple):
    """From a term to the merged clusters that have it (postings.py says what an entry is).

    list_of             int32[V]  first list of a term
    split               int32[V]  1: the term has a list for each band, 0: one list
    start, stop, limit  int64[l]  the words of each list, and the end of its room
    words               int32
    n_in, n_gone        int32[l]  entries of each list, and how many of them are gone
    used                int64[1]  words in use
    """

    list_of: Int32
    split: Int32
    start: Int64
    stop: Int64
    limit: Int64
    words: Int32
    n_in: Int32
    n_gone: Int32
    used: Int64


class Rolls(NamedTuple):
    """From a term to the kinds that have it (rolls.py says what an entry is).

    roll_of       int32[V]    first roll of a term
    split         int32[V]    1: the term has a roll for each band of kinds, 0: one roll
    start, stop   int64[r+1], int64[r]  the words of each roll
    words         int32
    n_in, n_gone  int32[r]    entries of each roll, and how many of them are gone
    """

    roll_of: Int32
    split: Int32
    start: Int64
    stop: Int64
    words: Int32
    n_in: Int32
    n_gone: Int32


class Table(NamedTuple):
    """The best-match table, and the order of its rows.

    matches  MATCH[s, 4]  best partners of each slot among older slots, best first
    keys     KEY[s]       best of each row or, with names -1, a bound
    tree     int32[2p]    tree[i] is the better of tree[2i], tree[2i + 1]; tree[p + slot] = slot or -1
    """

    matches: Records
    keys: Records
    tree: Int32


class Query(NamedTuple):
    """What belongs to the slot that is being scored against the others.

    counts    int32[V]  how often it has each term
    ones      int64[V]  what a term adds to its log odds with a kind that has it once
    sizes     int64     its log odds with a kind of each size, but for shared terms
    seen      int32[s]  the serial number of the last query that a slot has been offered to or scored by; GONE where it
                        is gone
    ceilings  int64[b]  the most the log odds can be with a slot of a band that shares nothing
    reach     int64[BAND_PLACES, b + 2]  the most they can be if no rarer term is shared; then the most of all bands of
                        kinds, and of all bands of merged clusters
    tops      int64[families, BAND_PLACES, TOPS]  for each place the most that 0, 1, ... more frequent terms can
                        add; the last: any number
    memo      int64[n+1], memo_of int32[n+1]  fixed_part by number of records, and the query it is for
    best, sums  int64[BEST]  the largest gains so far, and the sums of the first of them, for bounds
    """

    counts: Int32
    ones: Int64
    sizes: Int64
    seen: Int32
    ceilings: Int64
    reach: Int64
    tops: Int64
    memo: Int64
    memo_of: Int32
    best: Int64
    sums: Int64


class State(NamedTuple):
    """Everything.

    slots     SLOT[s]
    entries   ENTRY       terms of all slots
    weights, postings, rolls, table, query
    bands     BAND[b]
    ceilings  int64[b, g]  most that any slot of a band has brought to a partner of extent grid[i] or more
    grid      int32[g]    extents, increasing
    copies    int32[n]    records of the kinds, kind by kind, increasing
    bans      BAN         slots that must not meet
    families  int64[s, w]  of each slot a bit for each family that it has a member of
    merges    MERGE       in the order made
    options, counters  int64
    """

    slots: Records
    entries: Records
    weights: Weights
    postings: Postings
    rolls: Rolls
    table: Table
    query: Query
    bands: Records
    ceilings: Int64
    grid: Int32
    live: Int32
    live_at: Int32
    copies: Int32
    bans: Records
    families: Int64
    merges: Records
    options: Int64
    counters: Int64


GONE = np.int32(2**31 - 1)
"""In the place of a serial number."""
