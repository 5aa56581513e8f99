"""Figures that compare two clusterings of the same records.

All of them follow from one table: how many records fall in each combination of
a cluster and an entity. Only the combinations that occur are kept, so the cost
is that of sorting the records, and counts are whole numbers to the end: each
figure is rounded once, when it becomes a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

METRICS = (
    "pairwise_precision",
    "pairwise_recall",
    "pairwise_f1",
    "b_cubed_precision",
    "b_cubed_recall",
    "b_cubed_f1",
)
"""Names of the figures, in the order they are shown."""


@dataclass(frozen=True)
class Contingency:
    """Count records by cluster and entity; a cell is a combination that occurs.

    cell_count    int64[k]  records of the cell, at least 1
    cell_cluster  int64[k]  cluster of the cell, 0 .. n_clusters - 1
    cell_entity   int64[k]  entity of the cell, 0 .. n_entities - 1
    cluster_size  int64[n_clusters]  records of each cluster
    entity_size   int64[n_entities]  records of each entity

    Guarantees:
    1. A combination of cluster and entity occurs in one cell at most.
    2. Cells, clusters and entities each add up to the same number of records.
    """

    cell_count: Counts
    cell_cluster: Counts
    cell_entity: Counts
    cluster_size: Counts
    entity_size: Counts

    @property
    def n_records(self) -> int:
        """Count the records compared."""
        return int(self.cluster_size.sum())

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(k log k)."""
        cells = self.cell_cluster * len(self.entity_size) + self.cell_entity
        assert len(np.unique(cells)) == len(cells), "1"
        assert (self.cell_count >= 1).all()
        assert self.cell_count.sum() == self.cluster_size.sum() == self.entity_size.sum(), "2"


def count_contingency(cluster_of: NDArray[Any], entity_of: NDArray[Any]) -> Contingency:
    """Count records by cluster and entity.

    cluster_of  int[n]  cluster of each record; any whole numbers
    entity_of   int[n]  entity of each record; any whole numbers

    Nothing is overwritten. Cost: O(n log n) time, O(n) memory.

    >>> count_contingency(np.array([7, 7, 8]), np.array([1, 2, 2])).cluster_size.tolist()
    [2, 1]
    >>> count_contingency(np.array([1, 2, 2]), np.array([7, 7, 8])).cluster_size.tolist()
    [1, 2]
    """
    _, cluster, cluster_size = np.unique(cluster_of, return_inverse=True, return_counts=True)
    _, entity, entity_size = np.unique(entity_of, return_inverse=True, return_counts=True)
    n_entities = max(len(entity_size), 1)
    cell, cell_count = np.unique(cluster.astype(np.int64) * n_entities + entity, return_counts=True)
    return Contingency(
        cell_count=cell_count.astype(np.int64),
        cell_cluster=cell // n_entities,
        cell_entity=cell % n_entities,
        cluster_size=cluster_size.astype(np.int64),
        entity_size=entity_size.astype(np.int64),
    )


def _count_pairs(size: Counts) -> int:
    """Count the pairs of records inside groups of these sizes."""
    return int((size * (size - 1) // 2).sum())


def _divide(part: int, whole: int) -> float:
    """Divide counts; nothing out of nothing is 1: no claim was made, so none was wrong."""
    return part / whole if whole else 1.0


def _mean_share(cell_count: Counts, group_size: Counts) -> Fraction:
    """Average over the records: the share of a record's group that is in its cell.

    A cell of c records in a group of g adds c * c / g. Cells are added up by group
    size first, so there are few fractions to add and every one is exact.
    """
    order = np.argsort(group_size, kind="stable")
    sizes, first = np.unique(group_size[order], return_index=True)
    squares = np.add.reduceat(cell_count[order] ** 2, first)
    total = sum((Fraction(int(square), int(size)) for square, size in zip(squares, sizes, strict=True)), Fraction(0))
    return total / int(cell_count.sum())


def compare_clusterings(cluster_of: NDArray[Any], entity_of: NDArray[Any]) -> dict[str, float]:
    """Compare clusters with the truth; every figure runs from 0 (bad) to 1 (good).

    cluster_of  int[n]  cluster of each record; any whole numbers, n >= 1
    entity_of   int[n]  entity of each record by the truth; any whole numbers

    Nothing is overwritten. What comes back, under the names in METRICS:

    pairwise_precision  of the pairs of records put in one cluster, the share that is one entity;
                        1 where no pair was put together: nothing was claimed, nothing is wrong
    pairwise_recall     of the pairs of records of one entity, the share put in one cluster;
                        1 where every entity is a single record: there was nothing to find
    pairwise_f1         2 * right / (claimed + true), which is their harmonic mean; 1 where neither
                        side has a pair, 0 where one side has pairs and the other none
    b_cubed_precision   mean over records of: the share of its cluster that is its entity
    b_cubed_recall      mean over records of: the share of its entity that is in its cluster
    b_cubed_f1          harmonic mean of the two

    Swapping the arguments swaps precision and recall. Cost: O(n log n) time, O(n) memory.
    Source: Bagga and Baldwin 1998 (B-cubed), as in Amigo et al. 2009, section 4.

    >>> figures = compare_clusterings(np.array([0, 0, 0, 1]), np.array([5, 5, 6, 6]))
    >>> figures["pairwise_precision"], figures["pairwise_recall"]
    (0.3333333333333333, 0.5)
    """
    table = count_contingency(cluster_of, entity_of)
    n_right = _count_pairs(table.cell_count)
    n_claimed = _count_pairs(table.cluster_size)
    n_true = _count_pairs(table.entity_size)
    b_precision = _mean_share(table.cell_count, table.cluster_size[table.cell_cluster])
    b_recall = _mean_share(table.cell_count, table.entity_size[table.cell_entity])
    figures = {
        "pairwise_precision": _divide(n_right, n_claimed),
        "pairwise_recall": _divide(n_right, n_true),
        "pairwise_f1": _divide(2 * n_right, n_claimed + n_true),
        "b_cubed_precision": float(b_precision),
        "b_cubed_recall": float(b_recall),
        "b_cubed_f1": float(2 * b_precision * b_recall / (b_precision + b_recall)),
    }
    return {name: figures[name] for name in METRICS}


@dataclass(frozen=True)
class Evaluation:
    """Hold the figures of one comparison with the truth, and what it rests on.

    figures             the figures, by the names in METRICS
    n_evaluated         records with truth: the figures speak of these only
    n_without_truth     records of the run that the truth does not name; left out
    n_unknown           ids of the truth that the run does not have; left out
    n_clusters          clusters among the records evaluated
    n_entities          entities among the records evaluated
    """

    figures: Mapping[str, float]
    n_evaluated: int
    n_without_truth: int
    n_unknown: int
    n_clusters: int
    n_entities: int

    def as_dict(self) -> dict[str, float | int]:
        """Put the figures and the counts into one plain dict, for JSON and for callers."""
        counts = ("n_evaluated", "n_without_truth", "n_unknown", "n_clusters", "n_entities")
        return {**self.figures, **{name: getattr(self, name) for name in counts}}


def evaluate_records(cluster_of: NDArray[Any], entity_of: NDArray[Any], n_unknown: int) -> Evaluation:
    """Evaluate the clusters of the records that have truth.

    cluster_of  int[n]  cluster of each record
    entity_of   int[n]  entity of each record, 0 or more; -1 where the truth does not name it;
                        at least one record has truth
    n_unknown   ids of the truth that are no record's

    A record without truth is left out before anything is counted: it is in no pair and in no
    cluster's size. Nothing is overwritten. Cost: O(n log n) time, O(n) memory.

    >>> evaluate_records(np.array([0, 0, 0]), np.array([4, 4, -1]), 0).figures["pairwise_precision"]
    1.0
    """
    has_truth = entity_of >= 0
    clusters, entities = cluster_of[has_truth], entity_of[has_truth]
    return Evaluation(
        figures=compare_clusterings(clusters, entities),
        n_evaluated=len(clusters),
        n_without_truth=len(cluster_of) - len(clusters),
        n_unknown=n_unknown,
        n_clusters=len(np.unique(clusters)),
        n_entities=len(np.unique(entities)),
    )
