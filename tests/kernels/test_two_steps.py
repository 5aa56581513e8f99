"""A large component taken in two steps, first its pieces and then what they leave, gives the very same merges."""

from __future__ import annotations

import random

import pytest

from engine import as_pairs, assert_equals_twin
from reference.agglomerate import LINKAGES
from strategies import SCORES, SHAPES, count, seeded_graph
from unsnarl import solve


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every component in two steps, in pieces of a few pairs."""
    monkeypatch.setattr(solve, "LARGE_PAIRS", 1)
    monkeypatch.setattr(solve, "PART_PAIRS", 3)
    monkeypatch.setattr(solve, "SHATTER_SHARE", 1)
    monkeypatch.setattr(solve, "SHATTER_AT", (0.4, 0.7, 0.9))


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_twin(small_parts: None, shape: str, linkage: str) -> None:
    for seed in range(count(4)):
        for scores in SCORES:
            graph = seeded_graph(seed, shape, scores, random.Random(seed).randrange(2, 16))
            assert_equals_twin(graph, linkage, threads=1 + seed % 2)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_pieces_stay_inside_components_that_a_higher_threshold_made(small_parts: None, linkage: str) -> None:
    for seed in range(count(20)):
        for scores in SCORES:
            assert_equals_twin(seeded_graph(seed, "random", scores, 12), linkage, threshold=0.8)


def test_pieces_are_really_taken(small_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "SHATTER_AT", (0.7,))
    pairs = as_pairs(([(0, 1, 950_000_000), (1, 2, 500_000_000), (2, 3, 930_000_000), (3, 4, 500_000_000)], 5))
    (part,) = solve.split_components(pairs, solve.find_components(pairs, 0.5))
    pieces, floor = solve.shatter(part, "average")
    assert [piece.view.members.tolist() for piece in pieces] == [[0, 1, 2, 3]]
    assert floor == 0.7
    assert solve.shatter(part, "weighted") == ([], 0.0)


def test_contracted_clusters_keep_names_and_sizes() -> None:
    pairs = as_pairs(([(0, 4, 900_000_000), (1, 3, 800_000_000), (3, 4, 600_000_000)], 5))
    (part,) = solve.split_components(pairs, solve.find_components(pairs, 0.5))
    agglomeration = solve.Agglomeration(part, "average", floor=0.7)
    while agglomeration.advance():
        pass
    rest = solve.contract(part, agglomeration.merges)
    assert rest.view.names.tolist() == [0, 1]
    assert rest.view.sizes.tolist() == [2, 2]
    assert rest.view.slot_of[rest.view.members].tolist() == [0, 1, 1, 0]
