"""Every kind of file people have, through the command line: each must give the bytes that Parquet gives."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from unsnarl.cli import exits
from unsnarl.cli.commands import commands

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")

RNG = np.random.default_rng(5)
IDS = np.array([f"{number:040x}" for number in RNG.permutation(120)])
ENDS = np.unique(RNG.integers(0, 100, (400, 2)), axis=0)
FRAME = pandas.DataFrame(
    {
        "hash1": IDS[ENDS[ENDS[:, 0] < ENDS[:, 1], 0]],
        "hash2": IDS[ENDS[ENDS[:, 0] < ENDS[:, 1], 1]],
    }
).assign(xgb_prob=lambda frame: RNG.integers(0, 1000, len(frame)) / 1000)

Write = Callable[[Path], str]


def by_engine(name: str, form: str) -> Write:
    """Write with DuckDB; gives the name that is handed to the command."""

    def write(folder: Path) -> str:
        with duckdb.connect() as connection:
            connection.register("frame", pyarrow.Table.from_pandas(FRAME))
            connection.execute(f"COPY frame TO '{folder / name}' ({form})")
        return name

    return write


def parts(folder: Path) -> str:
    for number in range(3):
        place = folder / "parts" / f"part-{number}.parquet"
        place.parent.mkdir(exist_ok=True)
        FRAME.iloc[number::3].to_parquet(place, index=False)
    return "parts"


def hive(folder: Path) -> str:
    for number in range(4):
        place = folder / "hive" / f"year=202{number}" / f"month={number + 1}"
        place.mkdir(parents=True)
        FRAME.iloc[number::4].to_parquet(place / "data.parquet", index=False)
    (folder / "hive" / "_SUCCESS").write_text("")
    return "hive"


def zipped(name: str, text: Callable[[], str]) -> Write:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(gzip.compress(text().encode()))
        return name

    return write


def arrow_file(folder: Path) -> str:
    feather.write_feather(pyarrow.Table.from_pandas(FRAME), folder / "pairs.arrow")
    return "pairs.arrow"


def duckdb_table(folder: Path) -> str:
    with duckdb.connect(str(folder / "store.duckdb")) as connection:
        connection.register("frame", pyarrow.Table.from_pandas(FRAME))
        connection.execute("CREATE TABLE scored AS FROM frame")
        connection.execute("CREATE TABLE other AS SELECT 1 AS x")
    return "store.duckdb::scored"


def sqlite_table(folder: Path) -> str:
    with sqlite3.connect(folder / "store.sqlite") as connection:
        FRAME.to_sql("scored", connection, index=False)
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    return "store.sqlite::scored"


def hdf(form: str, name: str) -> Write:
    def write(folder: Path) -> str:
        pytest.importorskip("tables")
        FRAME.to_hdf(folder / "classified-pairs.h5", key="pairs", format=form)
        return name

    return write


KINDS: dict[str, Write] = {
    "folder of parts": parts,
    "Hive layout": hive,
    "csv": by_engine("pairs.csv", "FORMAT csv, HEADER"),
    "tsv": by_engine("pairs.tsv", "FORMAT csv, HEADER, DELIM '\t'"),
    "csv.gz": zipped("pairs.csv.gz", lambda: FRAME.to_csv(index=False)),
    "csv.zst": by_engine("pairs.csv.zst", "FORMAT csv, HEADER, COMPRESSION zstd"),
    "jsonl": by_engine("pairs.jsonl", "FORMAT json"),
    "jsonl.gz": zipped("pairs.jsonl.gz", lambda: FRAME.to_json(orient="records", lines=True)),
    "jsonl.zst": by_engine("pairs.jsonl.zst", "FORMAT json, COMPRESSION zstd"),
    "arrow": arrow_file,
    "duckdb": duckdb_table,
    "sqlite": sqlite_table,
    "hdf5 fixed": hdf("fixed", "classified-pairs.h5"),
    "hdf5 table": hdf("table", "classified-pairs.h5::pairs"),
}


def cluster(folder: Path, pairs: str, out: str) -> dict[str, str]:
    """Run the command; gives the sums of the tables."""
    given = [str(folder / pairs), "--records", str(folder / "input-records.csv"), "--sep", "|"]
    if pairs.endswith((".csv", ".tsv", ".csv.gz", ".csv.zst")):
        given = given[:3]  # these have separators of their own, and one --sep is for all files
    assert exits.run(commands, ["cluster", *given, "--out", str(folder / out), "--quiet"]) == 0
    manifest = json.loads((folder / out / "run.json").read_text())
    assert manifest["counts"]["n_pairs"] == len(FRAME) and manifest["counts"]["n_records"] == len(IDS)
    return {name: table["sha256"] for name, table in manifest["outputs"].items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with RECORDS and a run of the same pairs in one Parquet file."""
    place = tmp_path_factory.mktemp("kinds")
    lines = ["hashid|name", *(f"{id_}|somebody, once" for id_ in IDS)]
    (place / "input-records.csv").write_text("\n".join(lines) + "\n")
    FRAME.to_parquet(place / "expected.parquet", index=False)
    cluster(place, "expected.parquet", "expected")
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_bytes(kind: str, folder: Path) -> None:
    expected = json.loads((folder / "expected" / "run.json").read_text())["outputs"]
    found = cluster(folder, KINDS[kind](folder), f"found in {kind}")
    assert found == {name: table["sha256"] for name, table in expected.items()}
