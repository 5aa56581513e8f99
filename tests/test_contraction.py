"""A large component taken in stages, by pieces and what they leave, gives the very same merges."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from engine import UNTIL, WHOLE, as_pairs, assert_equals_twin, assert_short_of, solve_graph
from reference.agglomerate import LINKAGES
from strategies import SCORES, SHAPES, Graph, seeded_graph, seeds
from unsnarl import contraction, solve, stages
from unsnarl.kernels import split


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_twin(many_stages: None, shape: str, linkage: str) -> None:
    for seed in seeds(4):
        for scores in SCORES:
            graph = seeded_graph(seed, shape, scores, random.Random(seed).randrange(2, 40))
            assert_equals_twin(graph, linkage, threads=1 + seed % 2)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_pieces_stay_inside_components_that_a_higher_threshold_made(many_stages: None, linkage: str) -> None:
    for seed in seeds(20):
        for scores in SCORES:
            assert_equals_twin(seeded_graph(seed, "random", scores, 12), linkage, threshold=0.8)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_linking_up_to_a_distance_in_stages(many_stages: None, linkage: str) -> None:
    for seed in seeds(6):
        for shape in SHAPES:
            graph = seeded_graph(seed, shape, list(SCORES)[seed % len(SCORES)], 12)
            forest, found = solve_graph(graph, linkage)
            assert_short_of(forest, graph, found, linkage, UNTIL[seed % len(UNTIL)])


def whole(graph: Graph, linkage: str = "average", n_ranges: int = 1) -> tuple[solve.Part, contraction.Quotient]:
    """Make the graph of a graph's first part: of all its components, where they are small."""
    pairs = as_pairs(graph)
    part = solve.split_components(pairs, solve.find_components(pairs, WHOLE))[0]
    made = contraction.Whole(part.view, solve.LINKAGE_CODES[linkage], n_ranges)
    for i in reversed(range(n_ranges)):
        made.write(i)
    return part, made.graph


def rows_of(graph: contraction.Quotient) -> dict[int, dict[int, int]]:
    """Read a graph's rows by the names of its nodes, and check what it guarantees."""
    rows = {}
    for node, name in enumerate(graph.names.tolist()):
        entries = graph.entries[graph.first[node] : graph.first[node] + graph.used[node]]
        partners = graph.names[entries["partner"]].tolist()
        assert len(set(partners)) == len(partners), "a partner twice"
        assert name not in partners and (entries["value"] > 0).all()
        rows[name] = dict(zip(partners, entries["value"].tolist(), strict=True))
    assert all(rows[other][name] == value for name, row in rows.items() for other, value in row.items())
    return rows


@pytest.mark.parametrize("n_ranges", [1, 2, 7])
def test_whole_graph_has_each_pair_twice(n_ranges: int) -> None:
    for n_records in (12, 40):
        pairs, _ = graph = seeded_graph(1, "cliques", "distinct", n_records)
        part, found = whole(graph, n_ranges=n_ranges)
        members = set(part.view.members.tolist())
        wanted = {(a, b): s for a, b, s in pairs if s > 0 and a in members}
        assert {(a, b): s for a, row in rows_of(found).items() for b, s in row.items() if a < b} == wanted


@pytest.mark.parametrize("n_ranges", [1, 2])
def test_whole_graph_of_many_blocks(n_ranges: int) -> None:
    """More records than a block has: half of the entries are put aside first."""
    n_records = 5 * split.BLOCK_NODES // 2
    rng = np.random.default_rng(3)
    ends = np.sort(rng.choice(n_records, size=(4000, 2)), axis=1)
    chain = [(i, i + 1, 900_000_000) for i in range(n_records - 1)]
    other = {(int(a), int(b)): int(a) + 1 for a, b in ends if b > a + 1}
    _, found = whole((sorted(chain + [(a, b, s) for (a, b), s in other.items()]), n_records), n_ranges=n_ranges)
    rows = rows_of(found)
    assert sum(map(len, rows.values())) == 2 * (n_records - 1 + len(other))
    assert all(rows[a][b] == s for (a, b), s in other.items())


def test_first_stage_by_hand() -> None:
    """The pivot is the best pair of the middle node; what comes no later ties pieces, the rest does not."""
    rows = [(0, 1, 950_000_000), (1, 2, 500_000_000), (2, 3, 930_000_000), (3, 4, 900_000_000), (4, 5, 800_000_000)]
    _, found = whole((rows, 6))
    pieces = stages.lay_out_pieces(
        found, solve.LINKAGE_CODES["average"], contraction.end_of_all(), np.array([0, 0, 2, 2, 2, 5], dtype=np.int32)
    )
    assert pieces.grouping.members.tolist() == [0, 1, 2, 3, 4, 5]
    assert pieces.grouping.start.tolist() == [0, 2, 5, 6]
    assert [run.tolist() for run in pieces.ranges] == [[0, 2]]
    merges = pieces.agglomerate_small(solve.LINKAGE_CODES["average"], 0)
    assert list(zip(merges["low"].tolist(), merges["high"].tolist(), strict=True)) == [(0, 1), (2, 3), (2, 4)]
    smaller = contraction.Contraction(found, solve.LINKAGE_CODES["average"], merges, 2, found.entries[:0])
    for i in range(2):
        smaller.write(i)
    assert smaller.contracted.names.tolist() == [0, 2, 5]
    assert smaller.contracted.sizes.tolist() == [2, 3, 1]
    assert rows_of(smaller.contracted) == {
        0: {2: 500_000_000},
        2: {0: 500_000_000, 5: 800_000_000},
        5: {2: 800_000_000},
    }


def test_what_is_taken_in_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that falls apart, and a sparse one that does not; no dense one, and none by weighted linkage."""
    monkeypatch.setattr(stages, "LEAST_NODES", 10)
    monkeypatch.setattr(stages, "LEAST_ENTRIES", 10)
    path = [(i, i + 1, 500_000_000 + (7919 * i) % 100) for i in range(99)]
    star = [(0, leaf, 500_000_000 + leaf) for leaf in range(1, 100)]
    label = random.Random(1).sample(range(100), 100)
    tied = sorted((min(a, b), max(a, b), 500_000_000) for a, b in pairwise(label))

    def stage(rows: list[tuple[int, int, int]], linkage: str = "average") -> stages.Pieces | None:
        steps = stages.break_up(
            whole((rows, 100), linkage)[1], solve.LINKAGE_CODES[linkage], stages.SHARES, contraction.end_of_all()
        )
        while True:
            try:
                work = next(steps)
            except StopIteration as end:
                return end.value
            for one in work:
                one()

    falls_apart, stays = stage(path), stage(star)
    assert falls_apart is not None and falls_apart.shares == stages.SHARES
    assert stays is not None and stays.shares == stages.SHARES[-1:]
    assert stage(path, "weighted") is None
    monkeypatch.setattr(stages, "SPARSE", 1)
    assert stage(star) is None and stage(path) is not None
    assert stage(tied) is not None, "names tell ties apart"
    assert stage(tied, "single") is None
