"""The engine makes exactly the twin's merges, ties included, for every linkage."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import assert_equals_twin, solve_graph
from reference.agglomerate import LINKAGES, agglomerate, agglomerate_by_definition
from strategies import SCORES, SHAPES, SMALL, UNITS, Graph, count, graphs, seeded_graph, seeds

KINDS = list(product(SHAPES, SCORES))


@given(graphs(largest=8), st.sampled_from(LINKAGES))
@settings(max_examples=count(400))
def test_quick_twin_equals_definition(graph: Graph, linkage: str) -> None:
    pairs, n_records = graph
    assert agglomerate(pairs, n_records, linkage) == agglomerate_by_definition(pairs, n_records, linkage)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_quick_twin_equals_definition_on_every_shape(linkage: str) -> None:
    for shape, scores in KINDS:
        pairs, n_records = seeded_graph(7, shape, scores, 10)
        assert agglomerate(pairs, n_records, linkage) == agglomerate_by_definition(pairs, n_records, linkage)


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(), threshold=st.sampled_from([1 / UNITS, 0.25, 0.5, 0.75, 1.0]))
@settings(max_examples=count(600))
def test_drawn_graphs(linkage: str, graph: Graph, threshold: float) -> None:
    assert_equals_twin(graph, linkage, threshold)


@given(graph=graphs(largest=30, scores="any"))
@settings(max_examples=count(400))
def test_any_scores(graph: Graph) -> None:
    assert_equals_twin(graph, "average")


@pytest.mark.parametrize(("shape", "scores"), KINDS)
def test_average_on_seeded_graphs(shape: str, scores: str) -> None:
    for seed in seeds(60):
        assert_equals_twin(seeded_graph(seed, shape, scores, 2 + seed % 29), "average")


@pytest.mark.parametrize("linkage", LINKAGES[1:])
@pytest.mark.parametrize("shape", SHAPES)
def test_other_linkages_on_seeded_graphs(linkage: str, shape: str) -> None:
    for seed, scores in product(seeds(20), SCORES):
        assert_equals_twin(seeded_graph(seed, shape, scores, 2 + seed % 23), linkage)


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("linkage", LINKAGES[:3])
def test_hundreds_of_records(linkage: str, shape: str, scores: str) -> None:
    n_records = 40 if shape in ("complete", "random") or SMALL else 60 if linkage == "single" else 150
    assert_equals_twin(seeded_graph(3, shape, scores, n_records), linkage, threads=2)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_two_records(linkage: str) -> None:
    for score in (0, 1, UNITS // 2, UNITS):
        assert_equals_twin(([(0, 1, score)], 2), linkage)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_no_pairs(linkage: str) -> None:
    for n_records in (1, 2, 50):
        forest, components = solve_graph(([], n_records), linkage)
        assert len(forest) == 0
        assert components.component_of.tolist() == list(range(n_records))


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(largest=20))
@settings(max_examples=count(100))
def test_an_unrelated_record_changes_nothing_else(linkage: str, graph: Graph) -> None:
    pairs, n_records = graph
    middle = n_records // 2
    moved = [*range(middle), *range(middle + 1, n_records + 1)]
    wider = [(moved[left], moved[right], score) for left, right, score in pairs]
    before, _ = solve_graph(graph, linkage)
    after, _ = solve_graph((wider, n_records + 1), linkage)
    assert [moved[record] for record in before.component.tolist()] == after.component.tolist()
    assert [moved[record] for record in before.left.tolist()] == after.left.tolist()
    assert [moved[record] for record in before.right.tolist()] == after.right.tolist()
    assert before.distance.tobytes() == after.distance.tobytes()
    assert before.size.tobytes() == after.size.tobytes()
