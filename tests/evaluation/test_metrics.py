"""Metrics against slow twins written from the definitions, and against a table worked by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsnarl.evaluation import metrics

# Two clusterings of the same records: small codes, so that clusters and entities overlap in many ways.
codes = st.integers(min_value=-2, max_value=5)
clusterings = st.lists(st.tuples(codes, codes), min_size=1, max_size=14)


def slow_pairwise(clusters: list[int], entities: list[int]) -> tuple[float, float, float]:
    """Pairwise figures straight from the definition: look at every pair of records."""
    claimed, true = set(), set()
    for a, b in combinations(range(len(clusters)), 2):
        if clusters[a] == clusters[b]:
            claimed.add((a, b))
        if entities[a] == entities[b]:
            true.add((a, b))
    right = len(claimed & true)
    precision = Fraction(right, len(claimed)) if claimed else Fraction(1)
    recall = Fraction(right, len(true)) if true else Fraction(1)
    total = precision + recall
    f1 = 2 * precision * recall / total if total else Fraction(0)
    return float(precision), float(recall), float(f1)


def slow_b_cubed(clusters: list[int], entities: list[int]) -> tuple[float, float, float]:
    """B-cubed figures straight from the definition: look at every record's two groups."""
    records = range(len(clusters))
    precision = recall = Fraction(0)
    for a in records:
        cluster = {b for b in records if clusters[b] == clusters[a]}
        entity = {b for b in records if entities[b] == entities[a]}
        precision += Fraction(len(cluster & entity), len(cluster))
        recall += Fraction(len(cluster & entity), len(entity))
    precision /= len(clusters)
    recall /= len(clusters)
    return float(precision), float(recall), float(2 * precision * recall / (precision + recall))


@settings(max_examples=2000, deadline=None)
@given(clusterings)
def test_figures_equal_the_slow_twins(pairs: list[tuple[int, int]]) -> None:
    clusters, entities = [c for c, _ in pairs], [e for _, e in pairs]
    figures = metrics.compare_clusterings(np.array(clusters), np.array(entities))
    assert tuple(figures) == metrics.METRICS
    assert tuple(figures.values()) == slow_pairwise(clusters, entities) + slow_b_cubed(clusters, entities)


@settings(max_examples=200, deadline=None)
@given(clusterings)
def test_swapping_the_clusterings_swaps_precision_and_recall(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array([c for c, _ in pairs]), np.array([e for _, e in pairs])
    forward, backward = metrics.compare_clusterings(a, b), metrics.compare_clusterings(b, a)
    for family in ("pairwise", "b_cubed"):
        assert forward[f"{family}_precision"] == backward[f"{family}_recall"]
        assert forward[f"{family}_f1"] == backward[f"{family}_f1"]


@settings(max_examples=200, deadline=None)
@given(clusterings, st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    figures = metrics.compare_clusterings(*np.array(pairs).T)
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert metrics.compare_clusterings(*(np.array(pairs).T * -1_000_003 + 17)) == figures


@settings(max_examples=200, deadline=None)
@given(clusterings)
def test_contingency_holds_its_guarantees(pairs: list[tuple[int, int]]) -> None:
    table = metrics.count_contingency(*np.array(pairs).T)
    table.check()
    assert table.n_records == len(pairs)


def test_hand_worked_example() -> None:
    """Clusters {a,b,c} {d,e} {f}; entities {a,b} {c,d,e,f}.

    Pairs claimed: ab ac bc de (4). True: ab cd ce cf de df ef (7). Right: ab de (2).
    B-cubed precision: a 2/3, b 2/3, c 1/3, d 1, e 1, f 1 -> (14/3)/6 = 7/9.
    B-cubed recall: a 1, b 1, c 1/4, d 2/4, e 2/4, f 1/4 -> (7/2)/6 = 7/12.
    """
    figures = metrics.compare_clusterings(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1]))
    assert figures == {
        "pairwise_precision": 2 / 4,
        "pairwise_recall": 2 / 7,
        "pairwise_f1": 4 / 11,
        "b_cubed_precision": 7 / 9,
        "b_cubed_recall": 7 / 12,
        "b_cubed_f1": 2 / 3,
    }


@pytest.mark.parametrize(
    ("clusters", "entities", "precision", "recall", "f1"),
    [
        ([0, 1, 2], [0, 1, 2], 1.0, 1.0, 1.0),  # no pair on either side
        ([0, 1, 2], [0, 0, 0], 1.0, 0.0, 0.0),  # none claimed, some to find
        ([0, 0, 0], [0, 1, 2], 0.0, 1.0, 0.0),  # some claimed, none to find
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0, 0.0, 0.0),  # claimed and true, never the same
        ([0], [0], 1.0, 1.0, 1.0),
    ],
)
def test_nothing_out_of_nothing(
    clusters: list[int], entities: list[int], precision: float, recall: float, f1: float
) -> None:
    figures = metrics.compare_clusterings(np.array(clusters), np.array(entities))
    assert [figures[f"pairwise_{name}"] for name in ("precision", "recall", "f1")] == [precision, recall, f1]


def test_counts_stay_exact_where_floats_would_not() -> None:
    """One entity of 200,003 records in two clusters: 10^10 pairs, still whole numbers."""
    clusters = np.repeat([0, 1], [200_001, 2])
    figures = metrics.compare_clusterings(clusters, np.zeros(200_003, dtype=np.int64))
    right = 200_001 * 200_000 // 2 + 1
    assert figures["pairwise_recall"] == right / (200_003 * 200_002 // 2)
    assert figures["pairwise_precision"] == figures["b_cubed_precision"] == 1.0
    assert figures["b_cubed_recall"] == float(Fraction(200_001**2 + 4, 200_003**2))


def test_records_without_truth_are_left_out_and_counted() -> None:
    """a, b in one cluster with a record nobody knows; the truth also names an id the run lacks."""
    evaluation = metrics.evaluate_records(np.array([0, 0, 0, 3]), np.array([1, 1, -1, 1]), n_unknown=1)
    assert (evaluation.n_evaluated, evaluation.n_without_truth, evaluation.n_unknown) == (3, 1, 1)
    assert (evaluation.n_clusters, evaluation.n_entities) == (2, 1)
    assert evaluation.figures["pairwise_precision"] == 1.0
    assert evaluation.figures["pairwise_recall"] == 1 / 3
