"""Squares of values against exact fractions, with clusters so large that doubles cannot tell quotients apart."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from reference.agglomerate import UNITS
from strategies import seeds
from unsnarl import stages
from unsnarl.contraction import empty_graph, end_of_all, make_entries
from unsnarl.kernels import linkages, small
from unsnarl.kernels.quotient import Quotient

NEVER = linkages.value_of_score(linkages.AVERAGE, -1)
MOST = 10**18
"""All values together stay below this, as sums of scores do."""

Values = dict[tuple[int, int], int]
Found = list[tuple[Fraction, int, int, int]]


def agglomerate(names: list[int], sizes: list[int], values: Values) -> Found:
    """Merge the first pair of all again and again: similarity, names and size of each merge of average linkage."""
    names, sizes, values, made = list(names), list(sizes), dict(values), []
    while True:
        keys = [
            (-Fraction(value, sizes[a] * sizes[b]), *sorted((names[a], names[b])), a, b)
            for (a, b), value in values.items()
            if value > 0
        ]
        if not keys:
            return made
        distance, low, high, a, b = min(keys)
        made.append((-distance, low, high, sizes[a] + sizes[b]))
        names[a], sizes[a] = low, sizes[a] + sizes[b]
        merged: Values = {}
        for pair, value in values.items():
            one, other = (a if node == b else node for node in pair)
            if one != other:
                at = (min(one, other), max(one, other))
                merged[at] = max(merged.get(at, 0) + value, NEVER)
        values = merged


def make_graph(names: list[int], sizes: list[int], values: Values) -> Quotient:
    rows: list[list[tuple[int, int]]] = [[] for _ in names]
    for (a, b), value in values.items():
        rows[a].append((b, value))
        rows[b].append((a, value))
    graph = empty_graph(len(names), make_entries(2 * len(values)))
    graph.names[:], graph.sizes[:], graph.used[:] = names, sizes, [len(row) for row in rows]
    graph.first[1:] = np.cumsum(graph.used[:-1])
    graph.entries[: 2 * len(values)] = [(value, partner) for row in rows for partner, value in row]
    return graph


def draw(rng: random.Random, n: int) -> tuple[list[int], Values]:
    """Draw sizes and values: quotients that are equal, or off by less than doubles show, at clusters of many sizes."""
    most = (2**31 - 1) // (n + 1)
    kind = rng.randrange(4)
    near = rng.randint(3, most - 2)
    size = [lambda: rng.choice([1, 2, 4, 8]), lambda: rng.randint(1, 300), lambda: rng.randint(1, most)]
    sizes = [near + rng.randint(-2, 2) if kind == 3 else size[kind]() for _ in range(n)]
    pairs = [pair for pair in combinations(range(n), 2) if rng.random() < rng.choice([1.0, 0.7, 0.3])]
    cap = min(UNITS, max(1, MOST // max(1, len(pairs)) // max(sizes) ** 2))
    level = rng.randint(1, cap)
    values = {}
    for a, b in pairs:
        weight = sizes[a] * sizes[b]
        exact, off = level * weight, rng.choice([0, 0, 1, -1])
        value = rng.choice([exact, exact + off, rng.randint(1, cap) * weight, rng.randint(1, weight)])
        values[a, b] = NEVER if rng.random() < 0.05 else max(1, value)
    return sizes, values


@pytest.mark.parametrize("n", [2, 3, 5, 9, 17, 30])
def test_average_linkage_is_exact(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make_square = small.make_square

    def make_dirty() -> small.Square:
        square = make_square()
        square.values[:], square.inverse[:], square.partner[:] = -12345, np.nan, 99
        square.alike[:] = square.bound[:] = 1e300
        return square

    monkeypatch.setattr(small, "make_square", make_dirty)
    for seed in seeds(60 if n < 10 else 25):
        rng = random.Random(f"{n} {seed}")
        sizes, values = draw(rng, n)
        names = rng.sample(range(4 * n), n)
        graph = make_graph(names, sizes, values)
        pieces = stages.lay_out_pieces(graph, linkages.AVERAGE, end_of_all(), np.zeros(n, dtype=np.int32))
        found = pieces.agglomerate_small(linkages.AVERAGE, 0)
        merges = [(Fraction(int(m.top), int(m.bottom)), int(m.low), int(m.high), int(m.n_records)) for m in found]
        assert merges == agglomerate(names, sizes, values), (n, seed)
