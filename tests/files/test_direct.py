"""Rows taken where the engine has them are the rows of a stream; what goes wrong there is said as everywhere."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

import unsnarl
from strategies import SMALL
from unsnarl.errors import InputError
from unsnarl.files import rows
from unsnarl.files.direct import is_possible
from unsnarl.files.session import EngineError, Session

pytestmark = pytest.mark.skipif(not is_possible(), reason="this DuckDB does not show its C interface")


def write(path: Path, query: str) -> Path:
    with Session(threads=1) as session:
        session.run(f"COPY ({query}) TO '{path}' (ROW_GROUP_SIZE 2048)")
    return path


def test_every_row_is_taken_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.parquet", "SELECT i AS a, CASE WHEN i % 3 = 0 THEN NULL ELSE i + 1 END AS b FROM range(9999) t(i)"
    )
    taken: list[tuple[int, int | None]] = []

    def take(n_rows: int, columns: list[tuple[int, int | None]]) -> None:
        (first, all_valid), (second, valid) = columns
        assert all_valid is None and valid is not None
        a, b = ((ctypes.c_int64 * n_rows).from_address(address) for address in (first, second))
        bits = (ctypes.c_uint64 * (n_rows // 64 + 1)).from_address(valid)
        taken.extend((a[i], b[i] if bits[i // 64] >> i % 64 & 1 else None) for i in range(n_rows))

    with Session(threads=3) as session:
        session.scan(f"SELECT a, b FROM read_parquet('{path}')", ("BIGINT", "BIGINT"), take)
    assert sorted(taken, key=lambda row: row[0]) == [(i, None if i % 3 == 0 else i + 1) for i in range(9999)]


def test_errors_of_the_taker_and_of_the_engine(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise KeyError("not mine")

    failing = "SELECT CASE WHEN i > 9000 THEN error('wrong') ELSE i END FROM range(9999) t(i)"
    with Session(threads=2) as session:
        with pytest.raises(KeyError, match="not mine"):
            session.scan("SELECT i FROM range(99999) t(i)", ("BIGINT",), refuse)
        with pytest.raises(EngineError, match=r"does not exist|No files found"):
            session.scan("SELECT i FROM read_parquet('none.parquet')", ("BIGINT",), refuse)
        with pytest.raises(EngineError, match="wrong"):
            session.scan(
                failing,
                ("BIGINT",),
                lambda *_: None,
            )


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT", "VARCHAR"])
@pytest.mark.parametrize("direct", [True, False])
def test_whole_numbers_and_texts_make_the_same_run(tmp_path: Path, monkeypatch, kind: str, direct: bool) -> None:
    n_rows = 300 if SMALL else 3000
    query = (
        "SELECT CAST((i * 7919) % 997 - 400 AS {0}) AS id_l, CAST((i * 31) % 991 - 400 AS {0}) AS id_r, "
        "CAST(i % 100 / 100 AS DOUBLE) AS score FROM range({1}) t(i) WHERE (i * 7919) % 997 < (i * 31) % 991"
    )
    texts = write(tmp_path / "text.csv", query.format("VARCHAR", n_rows))
    expected = unsnarl.cluster(texts, on_conflict="max").clusters
    path = write(tmp_path / "pairs.parquet", query.format(kind, n_rows))
    monkeypatch.setattr(rows, "is_possible", lambda: direct)
    with Session() as session:
        given = session.rows(f"SELECT id_l FROM '{path}' UNION SELECT id_r FROM '{path}'")
        found = unsnarl.cluster(path, on_conflict="max").clusters
        assert {name: list(column) for name, column in found.items()} == {n: list(c) for n, c in expected.items()}
        records = write(
            tmp_path / "records.parquet", f"SELECT id_l AS id FROM '{path}' UNION SELECT id_r FROM '{path}'"
        )
        again = unsnarl.cluster(path, records, on_conflict="max").clusters
    assert len(given) == len(list(again["id"])) and list(again["cluster_id"]) == list(expected["cluster_id"])


@pytest.mark.parametrize("direct", [True, False])
def test_null_whole_numbers_are_refused(tmp_path: Path, monkeypatch, direct: bool) -> None:
    monkeypatch.setattr(rows, "is_possible", lambda: direct)
    path = write(tmp_path / "pairs.parquet", "SELECT * FROM (VALUES (1, 2, .9), (NULL, 3, .8)) t(id_l, id_r, score)")
    with pytest.raises(InputError, match="null or empty id"):
        unsnarl.cluster(path)
