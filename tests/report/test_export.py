"""Tables as files of their own: whole or not at all, and CSV that any reader takes apart again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unsnarl.errors import InputError, UsageError
from unsnarl.report import export

IDS = ['say "hi"', "a,b", "line\nbreak", "Ünï", " blank "]


def make_clusters(ids: list[str]) -> dict[str, np.ndarray]:
    texts, ones = np.array(ids, dtype=object), np.ones(len(ids), dtype=np.int32)
    return {"id": texts, "cluster_id": texts, "cluster_size": ones, "component_id": texts, "component_size": ones}


def test_csv_keeps_every_id() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(export.format_csv(make_clusters(IDS))))))
    assert [row["id"] for row in rows] == [row["component_id"] for row in rows] == IDS


@pytest.mark.parametrize("n_rows", [0, 1, 20_000, 20_001, 45_000])
def test_blocks_join_to_one_table(n_rows: int) -> None:
    text = "".join(export.format_csv(make_clusters([f"r{i}" for i in range(n_rows)])))
    lines = text.splitlines()
    assert lines[0] == "id,cluster_id,cluster_size,component_id,component_size"
    assert [line.split(",")[0] for line in lines[1:]] == [f"r{i}" for i in range(n_rows)]


@pytest.mark.parametrize("name", ["clusters.csv", "clusters.parquet"])
def test_files_are_replaced_only_with_force(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    export.write_table(path, "clusters", make_clusters(IDS), force=False)
    with pytest.raises(InputError, match="exists already"):
        export.write_table(path, "clusters", make_clusters(["x"]), force=False)
    export.write_table(path, "clusters", make_clusters(["x"]), force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    if name.endswith(".parquet"):
        assert pq.read_table(path)["id"].to_pylist() == ["x"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not end in"):
        export.refuse_file(str(tmp_path / "clusters.xlsx"), force=False)
    with pytest.raises(InputError, match="no such folder"):
        export.refuse_file(str(tmp_path / "nowhere" / "clusters.csv"), force=False)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="exists already"):
        export.refuse_file(str(tmp_path / "folder.csv"), force=True)
