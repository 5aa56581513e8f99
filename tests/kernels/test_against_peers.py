"""On distinct scores the engine agrees with SciPy, fastcluster and scikit-network."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from scipy.cluster import hierarchy
from sknetwork.hierarchy import Paris

from engine import solve_graph
from strategies import Graph, seeded_graph, seeds
from unsnarl import dendrogram
from unsnarl.model import SCORE_UNITS, Forest, snap_distance

SHAPES = ["random", "sparse", "complete", "power-law", "hubs", "cliques", "caterpillar", "path"]
N_HEIGHTS = 40


def dense(graph: Graph) -> np.ndarray:
    """Lay out the condensed distances: 1.0 for every pair that was never scored."""
    pairs, n_records = graph
    square = np.ones((n_records, n_records))
    for left, right, score in pairs:
        square[left, right] = square[right, left] = 1 - score / SCORE_UNITS
    return square[np.triu_indices(n_records, 1)]


def heights_to_cut_at(forest: Forest, rng: np.random.Generator) -> list[float]:
    """Draw cuts that no merge falls on: there the peers' rounding would decide."""
    drawn = [snap_distance(height) for height in rng.random(20 * N_HEIGHTS)]
    clear = [cut for cut in drawn if len(forest) == 0 or np.abs(forest.distance - cut).min() > 1e-6]
    return clear[:N_HEIGHTS]


def as_names(labels: np.ndarray) -> list[int]:
    """Name each record's cluster by its smallest record."""
    first: dict[int, int] = {}
    return [first.setdefault(label, record) for record, label in enumerate(labels.tolist())]


def make(seed: int, shape: str) -> Graph:
    return seeded_graph(seed, shape, "distinct", 3 + seed % 40)


@pytest.mark.parametrize("linkage", ["average", "single", "complete", "weighted"])
@pytest.mark.parametrize("shape", SHAPES)
def test_heights_and_flat_clusters_equal_scipy(shape: str, linkage: str) -> None:
    for seed in seeds(25):
        graph = make(seed, shape)
        forest, _ = solve_graph(graph, linkage)
        peer = hierarchy.linkage(dense(graph), linkage)
        below = peer[peer[:, 2] < 1 - 1e-12]
        kept = forest.distance < 1 - 1e-12
        assert np.allclose(np.sort(forest.distance[kept]), below[:, 2], rtol=0, atol=1e-9)
        for cut in heights_to_cut_at(forest, np.random.default_rng(seed)):
            ours = dendrogram.cut_forest(forest, cut)
            ours.check()
            assert ours.cluster_of.tolist() == as_names(hierarchy.fcluster(peer, cut, "distance"))


@pytest.mark.parametrize("shape", SHAPES)
def test_components_at_half_do_not_change_clusters_at_half(shape: str) -> None:
    for seed in seeds(25):
        graph = make(seed, shape)
        forest, _ = solve_graph(graph, threshold=0.5)
        peer = hierarchy.linkage(dense(graph), "average")
        for cut in [0.5, *(cut for cut in heights_to_cut_at(forest, np.random.default_rng(seed)) if cut < 0.5)]:
            assert dendrogram.cut_forest(forest, cut).cluster_of.tolist() == as_names(
                hierarchy.fcluster(peer, cut, "distance")
            )


@pytest.mark.parametrize("shape", SHAPES)
def test_heights_equal_fastcluster(shape: str) -> None:
    fastcluster = pytest.importorskip("fastcluster")
    for seed in seeds(40):
        graph = make(seed, shape)
        for linkage in ("average", "single", "complete", "weighted"):
            forest, _ = solve_graph(graph, linkage)
            peer = fastcluster.linkage(dense(graph), linkage)[:, 2]
            kept = forest.distance[forest.distance < 1 - 1e-12]
            assert np.allclose(np.sort(kept), peer[peer < 1 - 1e-12], rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "random"])
def test_merges_equal_scikit_network(shape: str) -> None:
    """Paris with uniform weights is average linkage; its height is (total weight / n^2) / similarity."""
    for seed in seeds(25):
        graph = make(seed, shape)
        pairs, n_records = graph
        left, right, score = (np.array(column) for column in zip(*pairs, strict=True))
        matrix = scipy.sparse.csr_matrix((score / SCORE_UNITS, (left, right)), shape=(n_records, n_records))
        matrix = matrix + matrix.T
        peer = Paris(weights="uniform", reorder=True).fit_transform(matrix)
        forest, _ = solve_graph(graph)
        assert len(forest) == len(peer) == n_records - 1
        # The peer keeps its weights in 32 bits.
        assert np.allclose(1 - matrix.sum() / n_records**2 / peer[:, 2], forest.distance, rtol=0, atol=1e-6)
        ours = dendrogram.linkage_matrix(forest, np.arange(n_records))
        for cut in heights_to_cut_at(forest, np.random.default_rng(seed)):
            height = np.inf if cut >= 1 else matrix.sum() / n_records**2 / (1 - cut)
            theirs = hierarchy.fcluster(peer, height, "distance")
            assert as_names(hierarchy.fcluster(ours, cut, "distance")) == as_names(theirs)
