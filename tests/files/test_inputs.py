"""The files people have beside Parquet and CSV: compressed, in folders, in databases, as pandas writes HDF5."""

from __future__ import annotations

import json
import sqlite3

import duckdb
import numpy as np
import pytest

import unsnarl
from unsnarl.errors import InputError
from unsnarl.files.pairs import read_pairs
from unsnarl.interning import intern
from unsnarl.settings import Settings

pandas = pytest.importorskip("pandas")

ROWS = [("a", "b", 0.75), ("c", "a", 0.25), ("b", "x y", 0.0), ("007", "é", 1.0)]
FRAME = pandas.DataFrame(ROWS, columns=["id_l", "id_r", "score"])
EXPECTED = sorted((min(left, right), max(left, right), round(score * 1e9)) for left, right, score in ROWS)


def content(session, given, **settings):
    chosen = Settings(**settings)
    interned = intern(session, read_pairs(session, given, chosen), None, chosen)
    ids = interned.ids
    pairs = zip(interned.left, interned.right, interned.score, strict=True)
    return sorted((ids[left], ids[right], int(score)) for left, right, score in pairs)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_zstandard(session, tmp_path, ending):
    path = tmp_path / f"pairs.{ending}{'' if ending == 'parquet' else '.zst'}"
    source = duckdb.from_df(FRAME)
    session.register("frame", FRAME)
    form = {"csv": "csv, header true", "tsv": "csv, header true, delim '\t'", "jsonl": "json", "parquet": "parquet"}
    assert source is not None
    session.run(f"COPY unsnarl_frame_1 TO '{path}' (FORMAT {form[ending]}, COMPRESSION zstd)")
    assert content(session, path) == EXPECTED


@pytest.mark.parametrize("damage", [b"", b"\x28\xb5\x2f\xfd", b"no zstandard at all"])
def test_zstandard_that_is_none(session, tmp_path, damage):
    for name in ("pairs.csv.zst", "pairs.jsonl.zst"):
        (tmp_path / name).write_bytes(damage)
        with pytest.raises(InputError, match=name):
            content(session, tmp_path / name)


def test_folder_in_hive_layout(session, tmp_path):
    for number, row in enumerate(ROWS):
        folder = tmp_path / "pairs" / f"year=202{number}" / "part=x"
        folder.mkdir(parents=True)
        pandas.DataFrame([row], columns=FRAME.columns).to_parquet(folder / "data.parquet")
    (tmp_path / "pairs" / "_SUCCESS").write_text("")
    assert content(session, tmp_path / "pairs") == EXPECTED


@pytest.mark.parametrize("name", ["pairs.arrow", "pairs.feather", "pairs.ipc", "stream.arrows", "without-an-ending"])
def test_arrow_file(session, tmp_path, name):
    arrow = pytest.importorskip("pyarrow")
    table = arrow.Table.from_pandas(FRAME)
    new = arrow.ipc.new_stream if name.startswith("stream") else arrow.ipc.new_file
    with new(str(tmp_path / name), table.schema) as writer:
        writer.write_table(table)
    assert content(session, tmp_path / name) == EXPECTED


def test_arrow_file_that_is_none(session, tmp_path):
    (tmp_path / "pairs.arrow").write_bytes(b"ARROW1 and no more")
    with pytest.raises(InputError, match=r"pairs\.arrow"):
        content(session, tmp_path / "pairs.arrow")


def test_duckdb_file(session, tmp_path):
    path = tmp_path / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("frame", FRAME)
        connection.execute("CREATE TABLE pairs AS FROM frame; CREATE SCHEMA old; CREATE TABLE old.pairs AS FROM frame")
        connection.execute("CREATE VIEW seen AS FROM pairs")
    for name in ("pairs", "main.pairs", "old.pairs", "seen"):
        assert content(session, f"{path}::{name}") == EXPECTED
    with pytest.raises(InputError, match="3 tables") as raised:
        content(session, path)
    assert "store.duckdb::TABLE" in str(raised.value) and "old.pairs" in str(raised.value)
    with pytest.raises(InputError, match="no table 'none'"):
        content(session, f"{path}::none")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["store.duckdb"]


@pytest.mark.parametrize("ids", ["TEXT", "INTEGER"])
def test_sqlite_file(session, tmp_path, ids):
    path = tmp_path / "store.sqlite"
    rows = ROWS if ids == "TEXT" else [(1, 2, 0.75), (3, 2**60, 0.25)]
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE pairs (id_l {ids}, id_r {ids}, score REAL, note)")
        connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, NULL)", rows)
    expected = sorted((*sorted((str(a), str(b))), round(s * 1e9)) for a, b, s in rows)
    assert content(session, path) == content(session, f"{path}::pairs") == expected
    connection.close()


def test_sqlite_keeps_null_and_mixed_apart(session, tmp_path):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mixed (id_l, id_r, score)")
        connection.executemany("INSERT INTO mixed VALUES (?, ?, ?)", [("a", "b", 0.5), (1, "c", 0.5)])
        connection.execute("CREATE TABLE bad (id_l, id_r, score)")
        connection.executemany("INSERT INTO bad VALUES (?, ?, ?)", [("a", "b", 0.5), ("a", "c", None)])
    connection.close()
    with pytest.raises(InputError, match="integers and some"):
        content(session, f"{path}::mixed")
    with pytest.raises(InputError, match="score"):
        content(session, f"{path}::bad")
    assert content(session, f"{path}::bad", on_bad_score="drop") == [("a", "b", 5 * 10**8)]


def test_a_table_of_what_is_no_database(session, tmp_path):
    (tmp_path / "pairs.csv").write_text("id_l,id_r,score\na,b,1\n")
    with pytest.raises(InputError, match="no DuckDB, SQLite or HDF5"):
        content(session, f"{tmp_path / 'pairs.csv'}::pairs")
    with pytest.raises(InputError, match="no file"):
        content(session, f"{tmp_path / 'none.duckdb'}::pairs")


@pytest.mark.parametrize("form", ["fixed", "table"])
def test_the_files_of_the_note(tmp_path, form):
    """classified-pairs.h5 with the key pairs, and input-records.csv with bars: as they stand."""
    pytest.importorskip("tables")
    rng = np.random.default_rng(1)
    ids = [f"{i:040x}" for i in rng.permutation(50)]
    left, right = np.triu_indices(50, 1)
    pairs = pandas.DataFrame(
        {"hash1": np.array(ids)[left], "hash2": np.array(ids)[right], "xgb_prob": rng.random(len(left)) ** 6}
    )
    pairs.to_hdf(tmp_path / "classified-pairs.h5", key="pairs", format=form)
    pairs.to_parquet(tmp_path / "pairs.parquet")
    lines = ["hashid|name", *(f"{id_}|somebody, once" for id_ in ids)]
    (tmp_path / "input-records.csv").write_text("\n".join(lines) + "\n")
    found = [
        unsnarl.cluster(tmp_path / name, tmp_path / "input-records.csv", sep="|").numbers()
        for name in ("classified-pairs.h5", "classified-pairs.h5::pairs", "pairs.parquet")
    ]
    assert json.dumps(found[0]) == json.dumps(found[1]) == json.dumps(found[2])
    assert found[0]["n_records"] == 50
    with pytest.raises(InputError, match="no table 'other'"):
        unsnarl.cluster(f"{tmp_path / 'classified-pairs.h5'}::other")
