"""The Python functions: every kind of frame, the dendrograms for users of SciPy, and a RUN read back."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

import unsnarl
from unsnarl import api

# The published six-record example; its merge of C with {A, B} falls exactly on 0.5.
NOTE = {
    ("A", "B"): 0.9,
    ("A", "C"): 0.4,
    ("A", "D"): 0.6,
    ("A", "E"): 0.3,
    ("B", "C"): 0.6,
    ("C", "F"): 0.1,
    ("E", "F"): 0.97,
    ("D", "E"): 0.95,
    ("D", "F"): 0.65,
}
CONDENSED = [0.9, 0.4, 0.6, 0.3, 0, 0.6, 0, 0, 0, 0, 0, 0.1, 0.95, 0.65, 0.97]
COLUMNS = {
    "id_l": [left for left, _ in NOTE],
    "id_r": [right for _, right in NOTE],
    "match_probability": list(NOTE.values()),
}
NAMES = ["id", "cluster_id", "cluster_size", "component_id", "component_size"]


def as_dicts() -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


def as_csv(folder: Path) -> str:
    path = folder / "pairs.csv"
    pd.DataFrame(COLUMNS).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def note() -> unsnarl.Result:
    return unsnarl.cluster(as_dicts())


# --- clusters, in the caller's kind of frame ----------------------------------------------------


def test_the_worked_example(note: unsnarl.Result) -> None:
    assert {row["id"]: row["cluster_id"] for row in note.clusters} == dict(zip("ABCDEF", "AAADDD", strict=True))
    assert [row["cluster_size"] for row in note.clusters] == [3] * 6
    assert [row["component_id"] for row in note.clusters] == ["A"] * 6
    # E-F .97, then D: (.95 + .65)/2 = .8, A-B .9 between them; C: (.4 + .6)/2 = .5 exactly.
    first = [(row["left_id"], row["right_id"], round(row["distance"], 9)) for row in note.merges][:4]
    assert first == [("E", "F", 0.03), ("A", "B", 0.1), ("D", "E", 0.2), ("A", "C", 0.5)]
    row = note.components[0]
    assert (row["component_id"], row["size"], row["n_pairs"], row["n_clusters"], row["largest_cluster"]) == (
        "A",
        6,
        9,
        2,
        3,
    )


FRAMES = {
    "pandas": (lambda: pd.DataFrame(COLUMNS), pd.DataFrame, lambda frame: frame.to_dict("list")),
    "polars": (lambda: pl.DataFrame(COLUMNS), pl.DataFrame, lambda frame: frame.to_dict(as_series=False)),
    "polars_lazy": (
        lambda: pl.LazyFrame(COLUMNS),
        pl.LazyFrame,
        lambda frame: frame.collect().to_dict(as_series=False),
    ),
    "pyarrow": (lambda: pa.table(COLUMNS), pa.Table, lambda frame: frame.to_pydict()),
    "dicts": (as_dicts, list, lambda rows: {name: [row[name] for row in rows] for name in NAMES}),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_frame_that_comes_back_is_of_the_callers_kind(kind: str, note: unsnarl.Result) -> None:
    make, expected, read = FRAMES[kind]
    result = unsnarl.cluster(make())
    assert isinstance(result.clusters, expected)
    assert isinstance(result.merges, expected)
    assert isinstance(result.components, expected)
    found = read(result.clusters)
    assert list(found) == NAMES
    assert found == {name: [row[name] for row in note.clusters] for name in NAMES}


def test_a_relation_comes_back_in_its_own_connection(note: unsnarl.Result) -> None:
    connection = duckdb.connect()
    pairs = pa.table(COLUMNS)
    clusters = unsnarl.cluster(connection.from_arrow(pairs)).clusters
    assert isinstance(clusters, duckdb.DuckDBPyRelation)
    assert clusters.columns == NAMES
    assert clusters.order("id").fetchall() == [tuple(row.values()) for row in note.clusters]


def test_paths_of_any_kind(tmp_path: Path, note: unsnarl.Result) -> None:
    path = as_csv(tmp_path)
    for given in (path, Path(path), [path], str(tmp_path / "*.csv")):
        clusters = unsnarl.cluster(given).clusters
        assert isinstance(clusters, pd.DataFrame)
        assert clusters["cluster_id"].tolist() == [row["cluster_id"] for row in note.clusters]


def test_records_without_pairs_are_kept() -> None:
    clusters = unsnarl.cluster(pd.DataFrame(COLUMNS), pd.DataFrame({"id": list("GFEDCBA")})).clusters
    assert clusters["id"].tolist() == list("ABCDEFG")
    assert clusters["cluster_id"].tolist()[-1] == "G"


def test_input_is_not_changed() -> None:
    frame = pd.DataFrame(COLUMNS)
    before = frame.copy()
    unsnarl.cluster(frame)
    pd.testing.assert_frame_equal(frame, before)


# --- settings -----------------------------------------------------------------------------------


def test_keyword_arguments_are_the_settings() -> None:
    fields = {item.name for item in dataclasses.fields(unsnarl.Settings)}
    assert set(api.SettingsFields.__annotations__) == fields
    assert typing.get_type_hints(api.SettingsFields) == typing.get_type_hints(unsnarl.Settings)


def test_settings_have_their_say() -> None:
    result = unsnarl.cluster(as_dicts(), threshold=0.7, cut=0.1, linkage="single")
    assert (result.settings.threshold, result.settings.cut, result.settings.linkage) == (0.7, 0.1, "single")
    assert [row["component_id"] for row in result.clusters] == list("AACDDD")


@pytest.mark.parametrize("wrong", [{"cut": 2}, {"linkage": "ward"}, {"thresold": 0.4}])
def test_settings_out_of_range_or_unknown(wrong: dict[str, Any]) -> None:
    with pytest.raises(unsnarl.UsageError):
        unsnarl.cluster(as_dicts(), **wrong)


def test_conflicts_name_the_records() -> None:
    rows = [*as_dicts(), {"id_l": "B", "id_r": "A", "match_probability": 0.2}]
    with pytest.raises(unsnarl.InputError, match="'A' and 'B'"):
        unsnarl.cluster(rows)
    assert unsnarl.cluster(rows, on_conflict="max").numbers()["n_conflicts"] == 1


class Recorder:
    def __init__(self) -> None:
        self.phases: list[str] = []
        self.done: list[int] = []

    def start(self, phase: str, total: int, unit: str) -> None:
        self.phases.append(phase)
        self.done = []

    def update(self, done: int) -> None:
        assert not self.done or done >= self.done[-1]
        self.done.append(done)

    def finish(self) -> None:
        pass


def test_progress_is_told_of_every_phase_that_run_json_has(tmp_path: Path) -> None:
    recorder = Recorder()
    records = [{"id": name} for name in "ABCDEF"]
    unsnarl.cluster(as_dicts(), records, progress=recorder).write(tmp_path / "run", progress=recorder)
    begun = ["opening", "loading kernels", "reading records", "reading", "ruling", "finding components"]
    assert recorder.phases[:6] == begun and recorder.phases[-1] == "writing"
    phases = json.loads((tmp_path / "run" / "run.json").read_text())["phases"]
    assert set(phases) <= set(recorder.phases) and list(phases)[-1] == "writing"
    for phase in phases.values():
        assert phase["seconds"] >= 0 and phase["processor_seconds"] >= 0 and phase["peak_memory_bytes"] > 1_000_000


# --- for users of SciPy -------------------------------------------------------------------------


def test_condensed_matrix_of_the_note(note: unsnarl.Result) -> None:
    assert np.round(1 - note.condensed(), 9).tolist() == CONDENSED
    assert note.members() == list("ABCDEF")
    assert note.condensed("F").tolist() == note.condensed().tolist()


def test_index_of_a_pair_in_either_orientation(note: unsnarl.Result) -> None:
    condensed = note.condensed()
    for (left, right), score in NOTE.items():
        assert condensed[note.condensed_index(left, right)] == pytest.approx(1 - score)
        assert note.condensed_index(left, right) == note.condensed_index(right, left)
    assert note.condensed_index("A", "B") == 0
    assert note.condensed_index("F", "E") == 14


def test_labels_belong_to_their_records() -> None:
    """Ids whose order differs from the order of the rows, in a component that starts in the middle."""
    rows = [("z9", "m1", 0.9), ("m1", "k5", 0.8), ("k5", "z9", 0.1), ("a1", "b1", 0.7)]
    pairs = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    result = unsnarl.cluster(pairs)
    members = result.members("z9")
    assert members == ["k5", "m1", "z9"]
    square = squareform(result.condensed("m1"))
    for left, right, score in rows[:3]:
        i, j = members.index(left), members.index(right)
        assert square[i, j] == pytest.approx(1 - score)
        assert result.condensed("k5")[result.condensed_index(left, right)] == pytest.approx(1 - score)
    assert result.condensed("a1").tolist() == pytest.approx([0.3])


def test_pairs_without_a_place_in_any_matrix() -> None:
    pairs = [("a", "b", 0.9), ("c", "d", 0.9)]
    result = unsnarl.cluster([dict(zip(COLUMNS, row, strict=True)) for row in pairs])
    for wrong in (("a", "a"), ("a", "c"), ("a", "nobody")):
        with pytest.raises(unsnarl.UsageError):
            result.condensed_index(*wrong)


def test_linkage_is_scipys(note: unsnarl.Result) -> None:
    z = note.linkage()
    assert hierarchy.is_valid_linkage(z)
    theirs = hierarchy.linkage(note.condensed(), "average")
    assert z[:, 2].tolist() == pytest.approx(theirs[:, 2].tolist())
    labels = hierarchy.fcluster(z, 0.5, "distance")
    ours = [row["cluster_id"] for row in note.clusters]
    assert len(set(zip(labels.tolist(), ours, strict=True))) == len(set(ours)) == len(set(labels.tolist()))


def test_forest_is_padded_to_one_tree() -> None:
    """A chain a-b-c-d of certain ends and a weak middle: (0 + 0 + .01 + 0)/4 keeps it one tree, 0 does not."""
    rows = [("a", "b", 0.9), ("c", "d", 0.9), ("b", "c", 0.0)]
    result = unsnarl.cluster([dict(zip(COLUMNS, row, strict=True)) for row in rows], threshold=0.0)
    z = result.linkage("a")
    assert hierarchy.is_valid_linkage(z)
    assert z.shape == (3, 4)
    assert np.isinf(z[-1, 2])
    assert len(set(hierarchy.fcluster(z, 0.5, "distance").tolist())) == 2


def test_components_of_two_have_the_same_shape_as_the_rest() -> None:
    result = unsnarl.cluster([{"id_l": "b", "id_r": "a", "match_probability": 0.75}])
    assert result.linkage().tolist() == [[0.0, 1.0, 0.25, 2.0]]
    assert result.condensed().tolist() == [0.25]
    assert [list(row) for row in result.clusters] == [NAMES, NAMES]
    alone = unsnarl.cluster([{"id_l": "b", "id_r": "a", "match_probability": 0.25}])
    assert alone.condensed("a").tolist() == []
    with pytest.raises(unsnarl.UsageError):
        alone.linkage("a")


def test_size_guard_says_what_the_matrix_needs(note: unsnarl.Result) -> None:
    with pytest.raises(unsnarl.ResourceError, match="120 bytes"):
        note.condensed(limit_bytes=119)
    assert len(note.condensed(limit_bytes=120)) == 15


# --- cut, write, read back ----------------------------------------------------------------------


def test_a_cut_is_that_of_a_run_with_that_cut(note: unsnarl.Result) -> None:
    for cut in (0.0, 0.03, 0.1, 0.25, 0.5, 0.9, 1.0):
        again = unsnarl.cluster(as_dicts(), cut=cut)
        assert note.cut(cut) == unsnarl.cut(note, cut) == again.clusters
        assert note.at(cut).components == again.components
    with pytest.raises(unsnarl.UsageError):
        note.cut(-0.1)


def test_a_run_read_back_answers_the_same(tmp_path: Path, note: unsnarl.Result) -> None:
    note.write(tmp_path / "run")
    result = unsnarl.open_run(tmp_path / "run")
    assert result.settings == note.settings
    assert result.summary() == note.summary()
    assert result.clusters.to_dict("records") == note.clusters
    assert result.merges.to_dict("records") == note.merges
    assert result.components.to_dict("records") == note.components
    assert result.at(0.2).components.to_dict("records") == note.at(0.2).components
    assert result.linkage().tolist() == note.linkage().tolist()
    assert unsnarl.cut(tmp_path / "run", 0.2).to_dict("records") == note.cut(0.2)
    with pytest.raises(unsnarl.UsageError, match="no pairs"):
        result.condensed()


def test_what_run_json_says(tmp_path: Path, note: unsnarl.Result) -> None:
    note.write(tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["settings"]["linkage"] == "average"
    assert manifest["counts"]["n_pairs"] == 9
    assert manifest["counts"]["largest_cluster"] == 3
    assert manifest["phases"]["linking"]["seconds"] >= 0
    assert manifest["phases"]["linking"]["peak_memory_bytes"] > 1_000_000
    note.at(0.0).write(tmp_path / "strict")
    manifest = json.loads((tmp_path / "strict" / "run.json").read_text())
    assert (manifest["settings"]["cut"], manifest["counts"]["largest_cluster"]) == (0.0, 1)
    with pytest.raises(unsnarl.InputError):
        note.write(tmp_path / "run")


def test_no_records_at_all(tmp_path: Path) -> None:
    result = unsnarl.cluster(pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS}))
    assert len(result.clusters) == len(result.merges) == len(result.components) == 0
    result.write(tmp_path / "run")
    assert len(unsnarl.open_run(tmp_path / "run").clusters) == 0
    with pytest.raises(unsnarl.UsageError):
        result.members()


# --- evaluate and check -------------------------------------------------------------------------


def test_evaluate_takes_results_runs_and_tables(tmp_path: Path, note: unsnarl.Result) -> None:
    """Entities {A,B} {C} {D,E,F}: 6 pairs claimed, 4 of them right, all 4 found."""
    truth = pd.DataFrame({"id": list("ABCDEFX"), "entity": list("1123339")})
    note.write(tmp_path / "run")
    figures = unsnarl.evaluate(note, truth)
    assert (figures["pairwise_precision"], figures["pairwise_recall"]) == (4 / 6, 1.0)
    assert (figures["n_evaluated"], figures["n_unknown"], figures["n_without_truth"]) == (6, 1, 0)
    clusters = pl.DataFrame(note.clusters)
    clusters.write_csv(tmp_path / "clusters.csv")
    for given in (tmp_path / "run", str(tmp_path / "run"), clusters, tmp_path / "clusters.csv"):
        assert unsnarl.evaluate(given, truth) == figures


def test_check_reports_and_does_not_raise() -> None:
    report = unsnarl.check(as_dicts())
    assert report.problems == [] and report.as_error() is None
    assert report.facts["n_pairs"] == 9 and report.forecast is not None
    report = unsnarl.check([*as_dicts(), {"id_l": None, "id_r": "A", "match_probability": 7}])
    assert len(report.problems) == 2
    assert "2 problems" in str(report.as_error())
    assert isinstance(unsnarl.check("nothing-there.csv").as_error(), unsnarl.InputError)


def test_result_shows_itself(note: unsnarl.Result) -> None:
    assert repr(note) == "<unsnarl.Result: 6 records, 9 pairs (9 inside components)>"
