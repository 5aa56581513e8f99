"""The recipe: canonical pairs, components, linkage, cut, and what users of SciPy get."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from engine import UNTIL, WHOLE, as_pairs, assert_distance, assert_short_of, solve_graph
from reference import graphs as reference
from reference.agglomerate import LINKAGES, agglomerate, cut
from strategies import SCORES, SHAPES, UNITS, Graph, count, graphs, rows, seeded_graph
from unsnarl import dendrogram, solve
from unsnarl.engines.local import link
from unsnarl.model import Pairs, snap_distance

CUTS = [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.75, 0.9, 1 - 1e-9]


def canonical(given: list[tuple[int, int, int]], n_records: int, on_conflict: str = "error") -> tuple[Pairs, object]:
    columns = np.array(given, dtype=np.int32).reshape(-1, 3)
    left, right, score = (np.ascontiguousarray(columns[:, i]) for i in range(3))
    pairs, tally = solve.canonical_pairs(left, right, score, n_records, on_conflict)
    pairs.check()
    return pairs, tally


def as_rows(pairs: Pairs) -> list[tuple[int, int, int]]:
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist(), strict=True))


# Canonical pairs


@pytest.mark.parametrize("on_conflict", ["error", "max", "min", "mean"])
@given(rows())
@settings(max_examples=count(200))
def test_canonical_pairs_equal_twin(on_conflict: str, drawn: Graph) -> None:
    given_rows, n_records = drawn
    pairs, tally = canonical(given_rows, n_records, on_conflict)
    wanted, counts = reference.canonical(given_rows, on_conflict)
    assert as_rows(pairs) == wanted
    assert (tally.n_self, tally.n_repeated, tally.n_conflicts) == (
        counts["n_self"],
        counts["n_repeated"],
        counts["n_conflicts"],
    )
    assert [tuple(pair) for pair in np.asarray(tally.conflicts).reshape(-1, 2).tolist()] == counts["conflicts"]


@given(rows(), st.randoms(use_true_random=False), st.sampled_from(["max", "min", "mean"]))
@settings(max_examples=count(200))
def test_row_order_and_orientation_do_not_matter(drawn: Graph, rng: random.Random, on_conflict: str) -> None:
    given_rows, n_records = drawn
    turned = [(b, a, score) if rng.random() < 0.5 else (a, b, score) for a, b, score in given_rows]
    rng.shuffle(turned)
    first, _ = canonical(given_rows, n_records, on_conflict)
    second, _ = canonical(turned, n_records, on_conflict)
    assert as_rows(first) == as_rows(second)


def test_many_rows_in_random_order() -> None:
    rng = np.random.default_rng(5)
    n_records = 300
    left, right = rng.integers(0, n_records, (2, 20_000), dtype=np.int32)
    score = rng.integers(0, 3, 20_000, dtype=np.int32)
    pairs, tally = solve.canonical_pairs(left, right, score, n_records, "max")
    pairs.check()
    wanted, counts = reference.canonical(list(zip(left.tolist(), right.tolist(), score.tolist(), strict=True)), "max")
    assert as_rows(pairs) == wanted
    assert tally.n_conflicts == counts["n_conflicts"]


# The worked example, by hand

EXAMPLE = {"AB": 0.9, "AC": 0.4, "AD": 0.6, "AE": 0.3, "BC": 0.6, "CF": 0.1, "EF": 0.97, "DE": 0.95, "DF": 0.65}
A, B, C, D, E, F = range(6)


def example_rows() -> list[tuple[int, int, int]]:
    return [("ABCDEF".index(a), "ABCDEF".index(b), round(score * UNITS)) for (a, b), score in EXAMPLE.items()]


def test_worked_example_condensed_similarities() -> None:
    pairs, _ = canonical(example_rows(), 6)
    distances = dendrogram.condensed_distances(pairs, np.arange(6, dtype=np.int32))
    by_hand = [0.9, 0.4, 0.6, 0.3, 0, 0.6, 0, 0, 0, 0, 0, 0.1, 0.95, 0.65, 0.97]
    assert np.allclose(1 - distances, by_hand, rtol=0, atol=1e-12)


def test_worked_example_merges() -> None:
    """EF at .97, AB at .9, D-EF at (.95 + .65) / 2, C-AB at (.4 + .6) / 2, the rest at (.6 + .3 + .1) / 9."""
    pairs, _ = canonical(example_rows(), 6)
    forest = link(pairs, solve.find_components(pairs, 0.5), "average", 1, None)
    by_hand = [
        (E, F, Fraction(3, 100), 2),
        (A, B, Fraction(1, 10), 2),
        (D, E, Fraction(2, 10), 3),
        (A, C, Fraction(1, 2), 3),
        (A, D, Fraction(8, 9), 6),
    ]
    assert forest.component.tolist() == [A] * 5
    assert list(zip(forest.left, forest.right, forest.size, strict=True)) == [(a, b, n) for a, b, _, n in by_hand]
    for found, (_, _, exact, _) in zip(forest.distance, by_hand, strict=True):
        assert_distance(float(found), exact)


def test_worked_example_merge_exactly_on_the_cut_joins() -> None:
    pairs, _ = canonical(example_rows(), 6)
    forest = link(pairs, solve.find_components(pairs, 0.5), "average", 1, None)
    assert dendrogram.cut_forest(forest, 0.5).cluster_of.tolist() == [A, A, A, D, D, D]
    assert dendrogram.cut_forest(forest, 0.499999999).cluster_of.tolist() == [A, A, C, D, D, D]
    assert dendrogram.cut_forest(forest, 8 / 9).cluster_of.tolist() in ([A] * 6, [A, A, A, D, D, D])
    assert dendrogram.cut_forest(forest, 0.9).cluster_of.tolist() == [A] * 6


# The three traps


@given(st.randoms(use_true_random=False))
@settings(max_examples=count(50))
def test_trap_one_labels_belong_to_the_records_whatever_order_they_come_in(rng: random.Random) -> None:
    """A matrix in sorted order read back in the order of discovery gives records each other's labels."""
    shuffled = example_rows()
    rng.shuffle(shuffled)
    pairs, _ = canonical(shuffled, 6)
    forest = link(pairs, solve.find_components(pairs, 0.5), "average", 1, None)
    assert dendrogram.cut_forest(forest, 0.5).cluster_of.tolist() == [A, A, A, D, D, D]
    labels = hierarchy.fcluster(dendrogram.linkage_matrix(forest, np.arange(6)), 0.5, "distance")
    assert (labels[A] == labels[B] == labels[C]) and (labels[D] == labels[E] == labels[F]) and labels[A] != labels[D]


def test_trap_two_small_components_come_back_in_the_same_shape() -> None:
    pairs, _ = canonical([(1, 2, 8 * UNITS // 10), (3, 4, UNITS), (4, 5, 6 * UNITS // 10)], 7)
    components = solve.find_components(pairs, 0.5)
    forest = link(pairs, components, "average", 1, None)
    clustering = dendrogram.cut_forest(forest, 0.5)
    clustering.check()
    assert components.component_of.tolist() == [0, 1, 1, 3, 3, 3, 6]
    assert clustering.cluster_of.tolist() == [0, 1, 1, 3, 3, 5, 6]
    for members in ([0], [1, 2], [3, 4, 5]):
        k = len(members)
        matrix = dendrogram.linkage_matrix(forest, np.array(members))
        distances = dendrogram.condensed_distances(pairs, np.array(members, dtype=np.int32))
        assert matrix.shape == (k - 1, 4) and matrix.dtype == np.float64
        assert distances.shape == (k * (k - 1) // 2,) and distances.dtype == np.float64


def test_trap_three_a_pair_is_found_in_either_orientation() -> None:
    turned = [(b, a, score) for a, b, score in example_rows()]
    assert as_rows(canonical(turned, 6)[0]) == as_rows(canonical(example_rows(), 6)[0])
    for i, j in [(0, 1), (2, 5), (4, 5)]:
        assert dendrogram.condensed_index(6, i, j) == dendrogram.condensed_index(6, j, i)


# Components


@given(graphs(largest=20), st.sampled_from([0.0, 1e-9, 0.25, 0.5, 0.500000001, 1.0]))
@settings(max_examples=count(200))
def test_components_equal_twin(graph: Graph, threshold: float) -> None:
    found = solve.find_components(as_pairs(graph), threshold)
    found.check()
    assert found.component_of.tolist() == reference.components(*graph, round(threshold * UNITS))


def test_a_score_on_the_threshold_ties() -> None:
    for score in (0.1, 0.3, 0.7, 0.95):
        pairs = as_pairs(([(0, 1, round(score * UNITS))], 2))
        assert solve.find_components(pairs, score).component_of.tolist() == [0, 0]
        assert solve.find_components(pairs, score + 1e-9).component_of.tolist() == [0, 1]


# Cuts


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs())
@settings(max_examples=count(150))
def test_cut_equals_twin(linkage: str, graph: Graph) -> None:
    forest, _ = solve_graph(graph, linkage)
    merges = agglomerate(*graph, linkage)
    for height in CUTS:
        clustering = dendrogram.cut_forest(forest, height)
        clustering.check()
        on_grid = 1 - Fraction(round((1 - height) * UNITS), UNITS)
        assert clustering.cluster_of.tolist() == cut(merges, graph[1], on_grid)


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(largest=20))
@settings(max_examples=count(150))
def test_a_stricter_cut_only_splits(linkage: str, graph: Graph) -> None:
    forest, components = solve_graph(graph, linkage)
    coarser = components.component_of
    for height in reversed(CUTS):
        finer = dendrogram.cut_forest(forest, height).cluster_of
        assert (coarser[finer] == coarser).all()
        coarser = finer


@given(graphs(), st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.75]))
@settings(max_examples=count(300))
def test_components_first_is_exact(graph: Graph, height: float) -> None:
    """A merge at or under the cut needs one crossing pair of 1 - cut: closing over those first changes nothing."""
    closed, _ = solve_graph(graph, threshold=1 - height)
    whole, _ = solve_graph(graph, threshold=WHOLE)
    found = dendrogram.cut_forest(closed, height).cluster_of
    assert found.tolist() == dendrogram.cut_forest(whole, height).cluster_of.tolist()


@pytest.mark.parametrize("score", [0.1, 0.2, 0.3, 0.6, 0.7, 0.9, 0.95])
def test_a_pair_exactly_on_the_cut_joins(score: float) -> None:
    forest, _ = solve_graph(([(0, 1, round(score * UNITS))], 2))
    assert dendrogram.cut_forest(forest, 1 - score).cluster_of.tolist() == [0, 0]
    assert dendrogram.cut_forest(forest, round(1 - score, 6)).cluster_of.tolist() == [0, 0]
    assert dendrogram.cut_forest(forest, round(1 - score, 6) - 1e-9).cluster_of.tolist() == [0, 1]


# SciPy's formats


@pytest.mark.parametrize("shape", SHAPES)
def test_linkage_matrix_is_valid_and_cuts_like_the_forest(shape: str) -> None:
    for seed, scores in enumerate(SCORES):
        graph = seeded_graph(seed, shape, scores, 25)
        forest, components = solve_graph(graph, threshold=0.5)
        names, sizes = np.unique(components.component_of, return_counts=True)
        for component in names[sizes > 1].tolist():
            members = np.flatnonzero(components.component_of == component)
            matrix = dendrogram.linkage_matrix(forest, members)
            assert hierarchy.is_valid_linkage(matrix)
            assert matrix.shape == (len(members) - 1, 4)
            for height in (0.0, 0.25, 0.5, 0.75, 0.999):
                labels = hierarchy.fcluster(matrix, snap_distance(height), "distance")
                wanted = dendrogram.cut_forest(forest, height).cluster_of[members]
                pairs_of_names = set(zip(labels.tolist(), wanted.tolist(), strict=True))
                assert len(pairs_of_names) == len(set(labels.tolist())) == len(set(wanted.tolist()))


@pytest.mark.parametrize("linkage", LINKAGES)
def test_linkage_matrix_equals_twin_and_is_padded_with_inf(linkage: str) -> None:
    for seed, scores in enumerate(SCORES):
        rows_, n_records = seeded_graph(seed, "sparse", scores, 20)
        forest, components = solve_graph((rows_, n_records), linkage, threshold=0.25)
        members = np.flatnonzero(components.component_of == 0).tolist()
        inside = reference.inside(rows_, components.component_of.tolist())
        merges = [merge for merge in agglomerate(inside, n_records, linkage) if merge.left in members]
        wanted = np.array(reference.linkage_matrix(merges, members)).reshape(-1, 4)
        found = dendrogram.linkage_matrix(forest, np.array(members))
        assert np.allclose(found[: len(wanted)], wanted, rtol=0, atol=1e-15)
        assert np.isinf(found[len(wanted) :, 2]).all()
        assert len(found) == len(members) - 1
        if len(found):
            assert hierarchy.is_valid_linkage(found)
            assert found[-1, 3] == len(members)


@given(graphs(largest=12), st.data())
@settings(max_examples=count(200))
def test_condensed_distances_equal_twin(graph: Graph, data: st.DataObject) -> None:
    pairs, n_records = graph
    members = sorted(data.draw(st.sets(st.integers(0, n_records - 1), min_size=1)))
    found = dendrogram.condensed_distances(as_pairs(graph), np.array(members, dtype=np.int32))
    assert found.tolist() == reference.condensed(pairs, members)


def test_condensed_index_counts_up_through_all_pairs() -> None:
    for n in (2, 3, 7, 40):
        found = [dendrogram.condensed_index(n, i, j) for i in range(n) for j in range(i + 1, n)]
        assert found == list(range(n * (n - 1) // 2))
    assert dendrogram.condensed_index(100_000, 99_998, 99_999) == 100_000 * 99_999 // 2 - 1


# Threads


@pytest.mark.parametrize("linkage", LINKAGES)
def test_threads_do_not_matter(linkage: str) -> None:
    n_records = 60 if count(100) < 100 else 400
    rng = random.Random(11)
    ends = [(rng.randrange(n_records), rng.randrange(n_records)) for _ in range(n_records)]
    unique = sorted({(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]})
    graph = [(a, b, rng.randint(1, 10) * UNITS // 10) for a, b in unique], n_records
    one, _ = solve_graph(graph, linkage, 0.3, threads=1)
    for threads in (2, 8):
        many, _ = solve_graph(graph, linkage, 0.3, threads=threads)
        for name in ("component", "left", "right", "distance", "size"):
            assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


@pytest.mark.parametrize("linkage", LINKAGES)
@given(drawn=graphs(), until=st.sampled_from(UNTIL))
@settings(max_examples=count(150))
def test_linking_up_to_a_distance_makes_the_merges_as_far_as_that(linkage: str, drawn: Graph, until: float) -> None:
    forest, found = solve_graph(drawn, linkage)
    assert_short_of(forest, drawn, found, linkage, until)
