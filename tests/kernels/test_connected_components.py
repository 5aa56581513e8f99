"""Components equal those found by walking the graph."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import as_pairs
from reference.graphs import components
from strategies import SCORES, SHAPES, UNITS, Graph, graphs, seeded_graph
from unsnarl.kernels.connected_components import connected_components


def connect(graph: Graph, threshold: int) -> list[int]:
    pairs = as_pairs(graph)
    return connected_components(pairs.left, pairs.right, pairs.score, threshold, pairs.n_records).tolist()


@given(graphs(largest=20), st.sampled_from([0, 1, UNITS // 2, UNITS // 2 + 1, UNITS]))
def test_equals_twin(graph: Graph, threshold: int) -> None:
    rows, n_records = graph
    assert connect(graph, threshold) == components(rows, n_records, threshold)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scores", SCORES)
def test_equals_networkx(shape: str, scores: str) -> None:
    rows, n_records = seeded_graph(1, shape, scores, 150)
    found = connect((rows, n_records), UNITS // 2)
    graph = networkx.Graph()
    graph.add_nodes_from(range(n_records))
    graph.add_edges_from((left, right) for left, right, score in rows if score >= UNITS // 2)
    for members in networkx.connected_components(graph):
        assert {found[record] for record in members} == {min(members)}
