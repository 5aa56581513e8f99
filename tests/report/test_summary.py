"""The table of sizes: every record in exactly one class, and nothing wider than a terminal."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsnarl.evaluation.metrics import evaluate_records
from unsnarl.report import summary


def make_summary(component_of: list[int], cluster_of: list[int], notes: tuple[str, ...] = ()) -> summary.Summary:
    return summary.Summary(
        n_records=len(component_of),
        n_pairs=1_000,
        n_pairs_inside=900,
        components=summary.tally_sizes(np.bincount(component_of)),
        clusters=summary.tally_sizes(np.bincount(cluster_of)),
        notes=notes,
    )


@pytest.mark.parametrize(
    ("size", "name"),
    [(1, "1"), (2, "2"), (3, "3-10"), (10, "3-10"), (11, "11-100"), (100, "11-100"), (101, "101-1000")]
    + [(1000, "101-1000"), (1001, "1000+"), (10**7, "1000+")],
)
def test_edges_of_the_size_classes(size: int, name: str) -> None:
    tally = summary.tally_sizes(np.array([size]))
    names = [label for label, _ in summary.SIZE_CLASSES]
    assert tally.n_groups == tuple(int(label == name) for label in names)
    assert tally.n_records == tuple(size * int(label == name) for label in names)
    assert tally.largest == size


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 3000), max_size=30))
def test_every_group_and_record_is_counted_once(sizes: list[int]) -> None:
    tally = summary.tally_sizes(np.array(sizes, dtype=np.int64))
    assert sum(tally.n_groups) == len(sizes)
    assert sum(tally.n_records) == sum(sizes)
    assert tally.largest == max(sizes, default=0)


def test_table_by_hand() -> None:
    """Six records: one component of four and one of two; clusters of three, one and two."""
    lines = summary.format_size_table(make_summary([0, 0, 0, 0, 4, 4], [0, 0, 0, 3, 4, 4]))
    assert [line.split() for line in lines if not line.startswith("-")] == [
        ["records", "in", "it", "components", "records", "clusters", "records"],
        ["1", ".", ".", "1", "1"],
        ["2", "1", "2", "1", "2"],
        ["3-10", "1", "4", "1", "3"],
        ["11-100", ".", ".", ".", "."],
        ["101-1000", ".", ".", ".", "."],
        ["1000+", ".", ".", ".", "."],
        ["all", "2", "6", "3", "6"],
        ["largest", "4", "3"],
    ]


def test_nothing_is_wider_than_a_terminal() -> None:
    n = 2**31 - 1
    huge = summary.SizeTally(n_groups=(n // 6,) * 6, n_records=(n // 6,) * 6, largest=n)
    wide = summary.Summary(n, 10**10, 10**10, huge, huge)
    assert max(len(line) for line in summary.format_summary(wide)) <= 80


def test_no_records_at_all() -> None:
    assert summary.format_size_table(make_summary([], []))[-1].split() == ["largest", ".", "."]


def test_notes_are_shown_and_numbers_are_plain_json() -> None:
    made = make_summary([0, 0], [0, 1], notes=("1 pair of a record with itself was dropped",))
    assert summary.format_summary(made)[-1] == "note: 1 pair of a record with itself was dropped"
    numbers = json.loads(json.dumps(summary.summary_as_dict(made)))
    assert (numbers["n_components"], numbers["n_clusters"], numbers["largest_component"]) == (1, 2, 2)
    assert sum(row["n_records_in_clusters"] for row in numbers["sizes"]) == numbers["n_records"] == 2


def test_figures_side_by_side() -> None:
    truth = np.array([0, 0, 1, 1])
    lines = summary.format_figures(
        {"components": evaluate_records(np.zeros(4), truth, 0), "unsnarl": evaluate_records(truth, truth, 0)}
    )
    assert [line.split() for line in lines[2:]] == [
        ["components", "0.333", "1.000", "0.500"],
        ["unsnarl", "1.000", "1.000", "1.000"],
    ]


def test_evaluation_says_what_was_left_out() -> None:
    lines = summary.format_evaluation(evaluate_records(np.array([0, 0, 1]), np.array([0, 0, -1]), 2))
    assert lines[0] == "2 records evaluated: 1 cluster, 1 by the truth"
    assert [line.split()[1] for line in lines if line.startswith("note")] == ["1", "2"]
