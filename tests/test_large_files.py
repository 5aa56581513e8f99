"""The generator of large files: seeded, without repeated pairs, in the shares asked for; and how they are drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from unsnarl.report import forecast

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
large = pytest.importorskip("benchmarks.large")
published = pytest.importorskip("benchmarks.published")
fitting = pytest.importorskip("benchmarks.forecast")


def read(folder: Path) -> dict[str, list]:
    tables = [parquet.read_table(path) for path in sorted(folder.glob("pairs-*.parquet"))]
    return pyarrow.concat_tables(tables).to_pydict()


def test_files_are_seeded_and_hold_what_was_asked_for(tmp_path: Path) -> None:
    shape = large.Shape(n_pairs=20_000, n_files=2, below=0.84, swapped=0.25, black_hole=200, hubs=0.1)
    large.make(tmp_path / "a", shape)
    large.make(tmp_path / "b", shape)
    large.make(tmp_path / "c", shape._replace(seed=1))
    pairs = read(tmp_path / "a")
    assert pairs == read(tmp_path / "b") != read(tmp_path / "c")
    assert len(list((tmp_path / "a").glob("pairs-*"))) == 2
    records = (tmp_path / "a" / "records.csv").read_text().splitlines()
    assert records[0] == "hashid|list"
    ids = {line.partition("|")[0] for line in records[1:]}
    assert len(ids) == len(records) - 1 and {len(id_) for id_ in ids} == {40}
    assert ids >= set(pairs["hash1"]) | set(pairs["hash2"])
    oriented = [tuple(sorted(pair)) for pair in zip(pairs["hash1"], pairs["hash2"], strict=True)]
    assert len(set(oriented)) == len(oriented) == 20_000
    assert np.mean(np.array(pairs["xgb_prob"]) < large.THRESHOLD) == pytest.approx(0.84, abs=0.03)


def test_a_picture_is_made_of_what_was_measured() -> None:
    found = {"seconds": 1.0, "processor_seconds": 2.0, "peak_bytes": 1e9}
    cases = [
        {
            "n_pairs": n,
            "n_bytes": 1,
            "methods": {
                "floor": found,
                "unsnarl": {**found, "seconds": 2.5, "floor_seconds": 1.25},
                "note": {"note": "no"},
            },
        }
        for n in (10**5, 10**6)
    ]
    picture, table = published.as_picture(cases), published.as_table(cases)
    assert picture.startswith("<svg") and picture.count("<polyline") == 2 * 2
    assert "2.5 s, 2.0x, 1.0 GB" in table and "no" in table


def test_constants_are_found_again_in_what_they_made() -> None:
    """Cases that take exactly what the forecast says give back its constants."""
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(12):
        left = {name: int(rng.integers(1, 10**6)) for name in ("n_records", "n_components", "n_tied", "n_linked")}
        left |= {"n_inside": int(rng.integers(1, 10**7)), "largest_records": 5000, "largest_pairs": 10**5, "threads": 2}
        work = forecast.Work(**left)
        took = {name: forecast._price(work, getattr(forecast, name)) for name in ("COUNTING", "LINKING", "WRITING")}
        phases = {
            "opening": {"seconds": 0.1},
            "reading": {"seconds": 2.0},
            "finding components": {"seconds": 1.0},
            "counting": {"seconds": took["COUNTING"]},
            "linking": {"seconds": took["LINKING"] / 2, "processor_seconds": took["LINKING"]},
            "writing": {"seconds": took["WRITING"]},
        }
        seconds = forecast.START_SECONDS + sum(phase["seconds"] for phase in phases.values())
        cases.append({"forecast": {"left": left}, "cluster": {"seconds": seconds, "peak_bytes": 2e8}, "phases": phases})
    found = fitting.fit(cases)
    assert found["START_SECONDS"] == pytest.approx(forecast.START_SECONDS)
    for name in ("COUNTING", "LINKING", "WRITING"):
        assert found[name] == pytest.approx(getattr(forecast, name), rel=0.05), name
    said = {"seconds": 3.0, "memory_bytes": 1e8}
    named = {"name": "a", "n_pairs": 5, "check": {"seconds": 1.0}}
    table = fitting.as_table([{**cases[0], **named, "forecast": said, "cluster": {"seconds": 2.0, "peak_bytes": 2e8}}])
    assert "3.0 s | 2.0 s | 1.50x | 100 MB | 200 MB | 0.50x" in table
