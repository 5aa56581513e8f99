"""Ids taken from the pages of Parquet files are those the engine reads; what is not plain is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reference.interning import pack_runs
from strategies import SMALL
from unsnarl.errors import InputError, UnsnarlError
from unsnarl.files import pages
from unsnarl.files.direct import find_library
from unsnarl.files.footers import UnplainError
from unsnarl.files.pairs import PairSource, read_pairs
from unsnarl.files.records import read_records
from unsnarl.files.session import Session
from unsnarl.interning import Interned, intern
from unsnarl.interning.pages import GroupReader, _refuse_nulls
from unsnarl.settings import Settings

pytestmark = pytest.mark.skipif(not pages.is_possible(), reason="this DuckDB does not show its zstd")

N_ROWS = 1500 if SMALL else 3000


def make_pairs(n_rows: int = N_ROWS, optional: bool = True, wide: bool = False) -> pa.Table:
    rng = np.random.default_rng(5)
    text = "ä%d" if wide else "id-%d"
    left, right = ([text % i + "x" * (i % 50) for i in rng.integers(0, 900, n_rows)] for _ in range(2))
    scores = rng.random(n_rows)
    scores[:9] = [0.0, -0.0, 1.0, 0.5, 1.5, -0.5, np.nan, np.inf, 2.5e-9][: min(9, n_rows)]
    kinds = zip(("id_l", "id_r", "score"), (pa.string(), pa.string(), pa.float64()), strict=True)
    return pa.table([left, right, scores], schema=pa.schema([pa.field(*kind, nullable=optional) for kind in kinds]))


def read(paths: Any, records: Any = None, **settings: Any) -> Interned:
    chosen = Settings(**{"on_bad_score": "drop", "threads": 2, **settings})
    with Session(threads=2) as session:
        pairs = read_pairs(session, paths, chosen)
        return intern(session, pairs, None if records is None else read_records(session, records, chosen), chosen)


def show(found: Interned) -> list[object]:
    rows = sorted(zip(found.left.tolist(), found.right.tolist(), found.score.tolist(), strict=True))
    return [rows, found.ids.texts().tolist(), found.tally, found.store.tally.tolist(), found.added]


@pytest.fixture
def by_engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read with the engine alone."""

    def read_so(*args: Any, **settings: Any) -> Interned:
        def refuse(_: PairSource) -> None:
            raise UnplainError

        with monkeypatch.context() as patch:
            patch.setattr(PairSource, "find_groups", refuse)
            return read(*args, **settings)

    return read_so


@pytest.fixture
def groups_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the rows of each group that is taken from pages."""
    noted: list[int] = []
    plain = GroupReader.read

    def note(self: GroupReader, group: Any, out: Any) -> None:
        plain(self, group, out)
        noted.append(group.n_rows)

    monkeypatch.setattr(GroupReader, "read", note)
    return noted


WRITTEN = [
    {"use_dictionary": False},
    {"use_dictionary": True},
    {"use_dictionary": True, "dictionary_pagesize_limit": 500},
    {"use_dictionary": False, "compression": "none"},
    {"use_dictionary": True, "data_page_version": "2.0"},
    {"use_dictionary": False, "data_page_version": "2.0", "compression": "none"},
]


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("how", WRITTEN)
def test_rows_are_those_the_engine_reads(tmp_path, by_engine, groups_read, how, optional):
    path = str(tmp_path / "p.parquet")
    options = {"compression": "zstd", "row_group_size": 700, "data_page_size": 1000, **how}
    pq.write_table(make_pairs(optional=optional), path, **options)
    found = read(path)
    assert sum(groups_read) == N_ROWS
    assert show(found) == show(by_engine(path))
    assert show(read(path, score_kind="distance")) == show(by_engine(path, score_kind="distance"))


LIBRARIES = [(pages._SYSTEM, pages._NAMES), (find_library(), pages._MANGLED)]


@pytest.mark.parametrize(("path", "names"), LIBRARIES, ids=["of the system", "of the engine"])
def test_any_zstd_will_do(tmp_path, monkeypatch, by_engine, groups_read, path, names):
    try:
        zstd = pages._Zstd(path, names)
    except (OSError, AttributeError):
        pytest.skip("this library is not here")
    monkeypatch.setattr(pages, "_load_zstd", lambda: zstd)
    pq.write_table(make_pairs(), tmp_path / "p.parquet", compression="zstd", row_group_size=700)
    found = read(str(tmp_path / "p.parquet"))
    assert sum(groups_read) == N_ROWS and show(found) == show(by_engine(str(tmp_path / "p.parquet")))


@pytest.mark.parametrize("runs", [[[1] * 24], [[1] * 16, [1] * 8], [[1] * 8, [1] * 16]])
def test_a_page_without_nulls_is_known_however_it_says_so(runs):
    for missing in (None, 0, 9, 23):
        levels = [list(run) for run in runs]
        if missing is not None:
            run, place = (0, missing) if missing < len(levels[0]) else (1, missing - len(levels[0]))
            levels[run][place] = 0
        packed = pack_runs(levels, 1)
        content = len(packed).to_bytes(4, "little") + packed
        words = np.frombuffer(content + bytes(-len(content) % 8 + 64), dtype=np.uint64)
        page = pages.Page(words, pages.VALUES, 24, 0, len(content), len(content))
        if missing is None:
            _refuse_nulls(page, np.empty(24, dtype=np.int32))
        else:
            with pytest.raises(UnplainError):
                _refuse_nulls(page, np.empty(24, dtype=np.int32))


def test_files_of_the_engine_itself_and_more_columns(tmp_path, by_engine, groups_read):
    query = (
        "SELECT [i] AS more, 'n' || i % 77 AS id_l, {'a': i} AS b, 'm' || i % 91 AS id_r, i / 5000 AS score "
        "FROM range(5000) t(i)"
    )
    for version in ("v1", "v2"):
        with Session(threads=1) as session:
            path = tmp_path / f"{version}.parquet"
            session.run(
                f"COPY ({query}) TO '{path}' (COMPRESSION zstd, PARQUET_VERSION {version}, ROW_GROUP_SIZE 2048)"
            )
    assert show(read(str(tmp_path / "v1.parquet"))) == show(by_engine(str(tmp_path / "v1.parquet")))
    assert sum(groups_read) == 5000
    both = str(tmp_path / "*.parquet")
    assert show(read(both)) == show(by_engine(both))


def test_unknown_ids_are_added_or_refused(tmp_path, by_engine):
    path, records = str(tmp_path / "p.parquet"), str(tmp_path / "r.csv")
    pq.write_table(make_pairs(), path, compression="zstd", row_group_size=700)
    known = read(path).ids.texts().tolist()
    Path(records).write_text("id\n" + "".join(f"{text}\n" for text in known[3:]) + "alone\n")
    found = read(path, records, allow_unknown_ids=True)
    assert found.added == tuple(known[:3])
    assert show(found) == show(by_engine(path, records, allow_unknown_ids=True))
    with pytest.raises(InputError, match="3 ids are not in RECORDS"):
        read(path, records)


def without(table: pa.Table, column: str, value: Any) -> pa.Table:
    """Put another value in the place of one."""
    values = table[column].to_pylist()
    values[1234] = value
    place = table.schema.get_field_index(column)
    return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))


@pytest.mark.parametrize("compression", ["snappy", "gzip", "lz4", "brotli"])
def test_other_compressions_are_left_to_the_engine(tmp_path, by_engine, groups_read, compression):
    path = str(tmp_path / "p.parquet")
    pq.write_table(make_pairs(), path, compression=compression)
    assert show(read(path)) == show(by_engine(path))
    assert not groups_read


def test_nulls_and_other_types_are_left_to_the_engine(tmp_path, by_engine):
    path = str(tmp_path / "p.parquet")
    pq.write_table(without(make_pairs(), "score", None), path, compression="zstd")
    assert show(read(path)) == show(by_engine(path))
    for name in ("id_l", "id_r"):
        for value in (None, ""):
            pq.write_table(without(make_pairs(), name, value), path, compression="zstd")
            with pytest.raises(InputError, match="1 row with a null or empty id"):
                read(path)
    narrow = make_pairs()
    narrow = narrow.set_column(2, "score", narrow["score"].cast(pa.float32()))
    pq.write_table(narrow, path, compression="zstd")
    assert show(read(path)) == show(by_engine(path))


def test_texts_that_are_not_utf8_are_refused_as_by_the_engine(tmp_path, by_engine):
    path = str(tmp_path / "p.parquet")
    pq.write_table(make_pairs(wide=True), path, compression="zstd")
    assert show(read(path)) == show(by_engine(path))
    table = make_pairs()
    raw = [text.encode() for text in table["id_l"].to_pylist()]
    raw[77] = b"\xff\xfe"
    array = pa.array(raw, pa.binary())
    broken = pa.StringArray.from_buffers(len(raw), *array.buffers()[1:])
    pq.write_table(table.set_column(0, "id_l", broken), path, compression="zstd")
    messages = []
    for reader in (read, by_engine):
        with pytest.raises(UnsnarlError) as caught:
            reader(path)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_damaged_file_is_never_read_wrongly(tmp_path, by_engine):
    """Wherever a byte is changed, either the outcome is the engine's, or that of the file as it was."""
    path = tmp_path / "p.parquet"
    pq.write_table(make_pairs(60), path, compression="zstd", row_group_size=40, data_page_size=300)
    content = path.read_bytes()
    whole = show(read(str(path)))

    def outcome(reader: Any) -> Any:
        try:
            return show(reader(str(path)))
        except UnsnarlError as error:
            return str(error)

    n_seen = set()
    for place in range(4, len(content) - 8, 37):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = outcome(read)
        if found != whole:
            n_seen.add(found if isinstance(found, str) else "rows")
            assert found == outcome(by_engine)
    assert len(n_seen) > 1


def test_a_file_that_shrinks_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "p.parquet"
    pq.write_table(make_pairs(), path, compression="zstd", row_group_size=700)
    content = path.read_bytes()
    plain = GroupReader.read

    def shrink(self: GroupReader, group: Any, out: Any) -> None:
        path.write_bytes(content[: len(content) // 3])
        plain(self, group, out)

    monkeypatch.setattr(GroupReader, "read", shrink)
    with pytest.raises(InputError, match=r"cut off|damaged"):
        read(str(path))
