"""A result in numbers, and the numbers in lines for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.evaluation.metrics import Evaluation

SIZE_CLASSES = (("1", 1), ("2", 2), ("3-10", 10), ("11-100", 100), ("101-1000", 1000), ("1000+", None))
"""Classes of group sizes: the name, and the largest size that belongs to it (None: no end)."""


@dataclass(frozen=True)
class SizeTally:
    """Count the groups of one kind, components or clusters, by size class.

    n_groups   groups in each of SIZE_CLASSES
    n_records  records in those groups
    largest    records in the largest group; 0 where there are none
    """

    n_groups: tuple[int, ...]
    n_records: tuple[int, ...]
    largest: int


@dataclass(frozen=True)
class Summary:
    """Hold the numbers of one run that are shown first.

    n_records, n_pairs     what went in, after repeated pairs were counted once
    n_pairs_inside         pairs with both ends in one component: those that linkage works on
    components, clusters   group sizes before and after
    notes                  what was left out or put in, and why: one sentence each
    """

    n_records: int
    n_pairs: int
    n_pairs_inside: int
    components: SizeTally
    clusters: SizeTally
    notes: tuple[str, ...] = ()


def tally_sizes(group_size: NDArray[Any]) -> SizeTally:
    """Count groups and records by size class.

    group_size  int[g]  records in each group; what has none is no group

    >>> tally_sizes(np.array([1, 0, 1, 2, 7])).n_records
    (2, 2, 7, 0, 0, 0)
    """
    group_size = group_size[group_size > 0]
    ends = np.array([end for _, end in SIZE_CLASSES[:-1]])
    size_class = np.searchsorted(ends, group_size)
    n_groups = np.bincount(size_class, minlength=len(SIZE_CLASSES))
    n_records = [int(group_size[size_class == index].sum()) for index in range(len(SIZE_CLASSES))]
    return SizeTally(
        n_groups=tuple(int(count) for count in n_groups),
        n_records=tuple(n_records),
        largest=int(group_size.max(initial=0)),
    )


def summary_as_dict(summary: Summary) -> dict[str, Any]:
    """Turn a summary into plain dicts and numbers, for JSON."""
    return {
        "n_records": summary.n_records,
        "n_pairs": summary.n_pairs,
        "n_pairs_inside": summary.n_pairs_inside,
        "n_components": sum(summary.components.n_groups),
        "n_clusters": sum(summary.clusters.n_groups),
        "largest_component": summary.components.largest,
        "largest_cluster": summary.clusters.largest,
        "sizes": [
            {
                "size": name,
                "n_components": summary.components.n_groups[index],
                "n_records_in_components": summary.components.n_records[index],
                "n_clusters": summary.clusters.n_groups[index],
                "n_records_in_clusters": summary.clusters.n_records[index],
            }
            for index, (name, _) in enumerate(SIZE_CLASSES)
        ],
        "notes": list(summary.notes),
    }


def _align(rows: Sequence[Sequence[str]], gap: str = "   ") -> list[str]:
    """Lay rows out in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append(gap.join(cells).rstrip())
    return lines


def _rule_off(lines: Sequence[str]) -> str:
    """Draw a line as wide as the widest of these."""
    return "-" * max(len(line) for line in lines)


def format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table, its first row as a head with a line under it."""
    lines = _align(rows)
    return [lines[0], _rule_off(lines), *lines[1:]]


def count_of(number: int, noun: str) -> str:
    """Write a count with its noun.

    >>> count_of(1, "record"), count_of(2000, "record")
    ('1 record', '2,000 records')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _count(number: int) -> str:
    """Write a count; a dot for none, so that the eye finds what is there."""
    return f"{number:,}" if number else "."


def format_size_table(summary: Summary) -> list[str]:
    """Lay out the table of sizes: components before, clusters after.

    Comes back as lines of at most 80 columns for as many records as an index can count.
    """
    before, after = summary.components, summary.clusters
    rows = [["records in it", "components", "records", "clusters", "records"]]
    for index, (name, _) in enumerate(SIZE_CLASSES):
        counts = (before.n_groups, before.n_records, after.n_groups, after.n_records)
        rows.append([name, *(_count(column[index]) for column in counts)])
    totals = (before.n_groups, before.n_records, after.n_groups, after.n_records)
    rows.append(["all", *(_count(sum(column)) for column in totals)])
    rows.append(["largest", "", _count(before.largest), "", _count(after.largest)])
    lines = _align(rows)
    rule = _rule_off(lines)
    return [lines[0], rule, *lines[1:-2], rule, *lines[-2:]]


def format_summary(summary: Summary) -> list[str]:
    """Lay out what went in, the table of sizes, and what was left out: the lines a run ends with."""
    given = f"{count_of(summary.n_records, 'record')}, {count_of(summary.n_pairs, 'pair')}"
    opening = f"{given} ({summary.n_pairs_inside:,} inside components)"
    lines = [opening, "", *format_size_table(summary)]
    if summary.notes:
        lines += ["", *(f"note: {note}" for note in summary.notes)]
    return lines


def format_figures(evaluations: Mapping[str, Evaluation], family: str = "pairwise") -> list[str]:
    """Lay out precision, recall and F1 of several clusterings below each other.

    evaluations  by what was evaluated, in the order of the lines
    family       pairwise or b_cubed
    """
    names = ("precision", "recall", "f1")
    rows = [[family.replace("_", "-"), "precision", "recall", "F1"]]
    for title, evaluation in evaluations.items():
        rows.append([title, *(f"{evaluation.figures[f'{family}_{name}']:.3f}" for name in names)])
    lines = _align(rows)
    return [lines[0], _rule_off(lines), *lines[1:]]


def format_evaluation(evaluation: Evaluation) -> list[str]:
    """Lay out the figures of one comparison with the truth, and what they rest on."""
    names = ("precision", "recall", "f1")
    rows = [["", "precision", "recall", "F1"]]
    for family in ("pairwise", "b_cubed"):
        shown = [f"{evaluation.figures[f'{family}_{name}']:.4f}" for name in names]
        rows.append([family.replace("_", "-"), *shown])
    lines = _align(rows)
    rests_on = (
        f"{count_of(evaluation.n_evaluated, 'record')} evaluated: "
        f"{count_of(evaluation.n_clusters, 'cluster')}, {evaluation.n_entities:,} by the truth"
    )
    lines = [rests_on, "", lines[0], _rule_off(lines), *lines[1:]]
    if evaluation.n_without_truth:
        lines.append(f"note: {count_of(evaluation.n_without_truth, 'record')} of the run without truth left out")
    if evaluation.n_unknown:
        lines.append(f"note: {count_of(evaluation.n_unknown, 'id')} of the truth that the run lacks left out")
    return lines
