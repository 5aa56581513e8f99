"""Graphs to test on: seeded generators of every awkward shape, and Hypothesis strategies.

A graph is (pairs, n_records): pairs are (left, right, score in units of 1e-9),
left < right, each pair once, sorted. A seeded generator takes a
`random.Random` and a number of records; the same seed gives the same graph.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from itertools import combinations

from hypothesis import strategies as st

UNITS = 10**9
FORBIDDEN = -1
SMALL = os.environ.get("NUMBA_DISABLE_JIT") == "1" or os.environ.get("UNSNARL_SMALL") == "1"
"""True where the compiler is off: the same tests, on fewer and smaller graphs."""

Pair = tuple[int, int, int]
Graph = tuple[list[Pair], int]
Score = Callable[[random.Random], int]


def count(full: int) -> int:
    """Say how many examples to run: a twentieth, at least five, where the compiler is off."""
    return max(5, full // 20) if SMALL else full


def seeds(full: int) -> range:
    """Give the seeds to run: every nineteenth, at least one, where the compiler is off.

    Shapes and sizes go round with the seed, so the first few would be the smallest graphs only.
    """
    return range(min(18, full - 1), full, 19) if SMALL else range(full)


def distinct(rng: random.Random) -> int:
    """Draw one of a billion scores: ties do not happen."""
    return rng.randint(1, UNITS - 1)


def grid(n_values: int) -> Score:
    """Draw one of n evenly spaced scores from 1/n to 1: ties happen all the time."""
    return lambda rng: rng.randint(1, n_values) * UNITS // n_values


def halves(rng: random.Random) -> int:
    """Draw 0, 0.25, 0.5, 0.75 or 1: averages fall exactly on each other and on the cut."""
    return rng.randint(0, 4) * UNITS // 4


def extremes(rng: random.Random) -> int:
    """Draw a score at or next to an end of the range."""
    return rng.choice([0, 0, 1, 2, UNITS // 2, UNITS - 1, UNITS, UNITS])


SCORES: dict[str, Score] = {
    "distinct": distinct,
    "one-value": grid(1),
    "two-values": grid(2),
    "three-values": grid(3),
    "four-values": halves,
    "tenths": grid(10),
    "hundredths": grid(100),
    "extremes": extremes,
}


def make_graph(ends: Iterable[tuple[int, int]], n_records: int, score: Score, rng: random.Random) -> Graph:
    """Relabel the records at random, drop self pairs and repeats, and score what is left."""
    label = list(range(n_records))
    rng.shuffle(label)
    unique = {(min(label[a], label[b]), max(label[a], label[b])) for a, b in ends if a != b}
    return [(left, right, score(rng)) for left, right in sorted(unique)], n_records


def random_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair records at random, from a few pairs up to most of them."""
    share = rng.random() ** 2
    return [pair for pair in combinations(range(n), 2) if rng.random() < share]


def sparse_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Tie everything into one tree, and add about two more pairs for each record."""
    tree = [(i, rng.randrange(i)) for i in range(1, n)]
    return tree + [(rng.randrange(n), rng.randrange(n)) for _ in range(2 * n)]


def complete_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair every record with every other."""
    return list(combinations(range(n), 2))


def star_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair one hub with all other records."""
    return [(0, leaf) for leaf in range(1, n)]


def path_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair each record with the next."""
    return [(i - 1, i) for i in range(1, n)]


def caterpillar_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Make a path of hubs and hang the other records from them, evenly."""
    n_spine = max(1, int(n**0.5))
    return [(i - 1, i) for i in range(1, n_spine)] + [(leg % n_spine, leg) for leg in range(n_spine, n)]


def power_law_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair each record with three earlier ones, the first of all the most popular."""
    return [(i, int(i * rng.random() ** 3)) for i in range(1, n) for _ in range(3)]


def hubs_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Pair all hubs with each other and each leaf with a few hubs."""
    n_hubs = max(1, min(n, rng.randint(2, 6)))
    hubs = list(combinations(range(n_hubs), 2))
    return hubs + [(leaf, rng.randrange(n_hubs)) for leaf in range(n_hubs, n) for _ in range(rng.randint(1, 3))]


def cliques_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Make small complete groups, chained by single pairs: what a black hole looks like inside."""
    group = [i // rng.randint(2, 6) for i in range(n)]
    inner = [(a, b) for a, b in combinations(range(n), 2) if group[a] == group[b]]
    return inner + [(i - 1, i) for i in range(1, n)]


def no_ends(rng: random.Random, n: int) -> list[tuple[int, int]]:
    """Leave all records single."""
    return []


SHAPES = {
    "random": random_ends,
    "sparse": sparse_ends,
    "complete": complete_ends,
    "star": star_ends,
    "path": path_ends,
    "caterpillar": caterpillar_ends,
    "power-law": power_law_ends,
    "hubs": hubs_ends,
    "cliques": cliques_ends,
    "singletons": no_ends,
}


def seeded_graph(seed: int, shape: str, scores: str, n_records: int) -> Graph:
    """Make one graph of a named shape and a named kind of scores."""
    rng = random.Random(f"{seed} {shape} {scores} {n_records}")
    return make_graph(SHAPES[shape](rng, n_records), n_records, SCORES[scores], rng)


def decide(graph: Graph, rng: random.Random, most_groups: int = 4, share: float = 0.1) -> tuple[Graph, list[int]]:
    """Tie some records into groups of two or four, and forbid some pairs across groups, scored or not."""
    pairs, n_records = graph
    free = rng.sample(range(n_records), n_records)
    must_of = list(range(n_records))
    for _ in range(rng.randint(0, min(most_groups, n_records // 4))):
        group = [free.pop() for _ in range(rng.choice([2, 4]))]
        for record in group:
            must_of[record] = min(group)
    score = {(left, right): value for left, right, value in pairs}
    for _ in range(rng.randint(0, max(1, int(share * n_records)))):
        left, right = sorted(rng.sample(range(n_records), 2)) if n_records > 1 else (0, 0)
        if must_of[left] != must_of[right]:
            score[left, right] = FORBIDDEN
    for left, right, _ in pairs:
        if rng.random() < share and must_of[left] != must_of[right]:
            score[left, right] = FORBIDDEN
    return (sorted((left, right, value) for (left, right), value in score.items()), n_records), must_of


@st.composite
def graphs(draw: st.DrawFn, largest: int = 14, scores: str | None = None) -> Graph:
    """Draw a graph pair by pair, so that a failure shrinks to the fewest records, pairs and scores."""
    n_records = draw(st.integers(1, largest))
    every = list(combinations(range(n_records), 2))
    if not every:
        return [], n_records
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=min(len(every), 40)))
    one = {
        None: st.sampled_from([0, 1, UNITS // 4, UNITS // 3, UNITS // 2, 3 * UNITS // 4, UNITS - 1, UNITS]),
        "any": st.integers(0, UNITS),
    }[scores]
    return [(*pair, draw(one)) for pair in sorted(chosen)], n_records


@st.composite
def rows(draw: st.DrawFn, largest: int = 8) -> tuple[list[Pair], int]:
    """Draw rows as a careless user gives them: self pairs, both orientations, repeats, conflicts."""
    n_records = draw(st.integers(1, largest))
    record = st.integers(0, n_records - 1)
    score = st.sampled_from([0, 1, 2, UNITS // 2, UNITS])
    return draw(st.lists(st.tuples(record, record, score), max_size=30)), n_records
