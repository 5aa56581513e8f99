"""Run the engine on a test graph, and hold its forest against the merges of a twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from unittest import mock

import numpy as np

from reference.agglomerate import UNITS, Merge, agglomerate
from reference.graphs import components, inside
from strategies import Graph
from unsnarl import solve, stages
from unsnarl.engines.local import link, link_up_to
from unsnarl.model import Components, Forest, Pairs, snap_distance

UNTIL = (0.0, 0.2, 1 / 3, 0.5, 0.75, 1 - 1e-9, 1.0)
"""Distances that linking is stopped at."""

WHOLE = 1 / UNITS
"""The lowest threshold above 0: every pair that can merge at all ties a component."""


def as_pairs(graph: Graph) -> Pairs:
    """Put the pairs of a graph into arrays."""
    rows, n_records = graph
    columns = np.array(rows, dtype=np.int32).reshape(-1, 3)
    left, right, score = (np.ascontiguousarray(columns[:, i]) for i in range(3))
    pairs = Pairs(left, right, score, n_records)
    pairs.check()
    return pairs


def solve_graph(
    graph: Graph, linkage: str = "average", threshold: float = WHOLE, threads: int = 1, must_of: Sequence[int] = ()
) -> tuple[Forest, Components]:
    """Find the components of a graph and link them; every guarantee of the answers is checked.

    Small pieces are agglomerated in squares of values, all others by tables of best matches; a graph with an odd number
    of pairs is linked by tables alone, since small ones would never come to that.
    """
    pairs = as_pairs(graph)
    groups = np.array(must_of, dtype=np.int32) if must_of else None
    found = solve.find_components(pairs, threshold, groups)
    found.check()
    with mock.patch.object(stages, "SMALL_NODES", {} if len(pairs) % 2 else stages.SMALL_NODES):
        forest = link(pairs, found, linkage, threads, None)
    forest.check()
    assert forest.n_records == pairs.n_records
    assert (found.component_of[forest.left] == forest.component).all()
    assert (found.component_of[forest.right] == forest.component).all()
    return forest, found


def assert_short_of(whole: Forest, graph: Graph, found: Components, linkage: str, until: float) -> None:
    """Assert that linking up to a distance makes the same merges as far as that, and none that do not come at all."""
    short = link_up_to(as_pairs(graph), found, (linkage, until), 1, None)
    short.check()

    def rows(forest: Forest) -> list[tuple[object, ...]]:
        columns = (forest.component, forest.left, forest.right, forest.distance, forest.size)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    limit = snap_distance(until)
    assert rows(short.keep(short.distance <= limit)) == rows(whole.keep(whole.distance <= limit))
    assert set(rows(short)) <= set(rows(whole))


def expected(
    graph: Graph, linkage: str, threshold: float = WHOLE, must_of: Sequence[int] = ()
) -> list[tuple[int, Merge]]:
    """Give the twin's merges as (component, merge), in the order a Forest keeps them."""
    rows, n_records = graph
    ties = [(low, record, UNITS) for record, low in enumerate(must_of) if low != record]
    component_of = components(rows + ties, n_records, round(threshold * UNITS))
    merges = agglomerate(inside(rows, component_of), n_records, linkage, must_of)
    return sorted(((component_of[merge.left], merge) for merge in merges), key=lambda found: found[0])


def assert_distance(found: float, exact: Fraction) -> None:
    """Assert that a height is the double next to the exact fraction, or one off."""
    nearest = float(exact)
    if nearest == 1.0:
        # A merge is always below distance 1; the fraction may be nearer to 1 than a double can say.
        nearest = math.nextafter(1.0, 0.0)
    assert abs(found - nearest) <= math.ulp(nearest), (found, exact)


def assert_equals_twin(
    graph: Graph, linkage: str, threshold: float = WHOLE, threads: int = 1, must_of: Sequence[int] = ()
) -> None:
    """Assert that the engine makes the twin's merges: same clusters, same order, same sizes, same heights."""
    forest, _ = solve_graph(graph, linkage, threshold, threads, must_of)
    wanted = expected(graph, linkage, threshold, must_of)
    columns = (forest.component, forest.left, forest.right, forest.size)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert found == [(component, merge.left, merge.right, merge.size) for component, merge in wanted], linkage
    for height, (_, merge) in zip(forest.distance.tolist(), wanted, strict=True):
        assert_distance(height, merge.distance)
