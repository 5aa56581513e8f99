"""Every kind of file and frame gives the same pairs; hostile ids and names come through whole."""

import gzip
import json
import signal
import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from strategies import SMALL
from unsnarl.errors import InputError, ResourceError
from unsnarl.files.frames import to_native
from unsnarl.files.pairs import read_pairs
from unsnarl.files.parts import FrameKind
from unsnarl.files.records import read_records
from unsnarl.files.session import Session
from unsnarl.files.tables import SCHEMAS
from unsnarl.interning import intern
from unsnarl.settings import Settings

ROWS = [("a", "b", 0.7), ("c", "a", 0.25), ("é", "b", 1.0), ("b", "x y", 0.0)]
DATA = {"id_l": [row[0] for row in ROWS], "id_r": [row[1] for row in ROWS], "score": [row[2] for row in ROWS]}
DICTS = [dict(zip(DATA, row, strict=True)) for row in ROWS]


def read(session, given, records=None, **settings):
    chosen = Settings(**settings)
    pairs = read_pairs(session, given, chosen)
    return intern(session, pairs, None if records is None else read_records(session, records, chosen), chosen)


def content(interned):
    ids = interned.ids
    pairs = zip(interned.left, interned.right, interned.score, strict=True)
    return sorted((ids[left], ids[right], int(score)) for left, right, score in pairs)


# Whatever way round a pair is given, it is kept with the smaller id left.
EXPECTED = sorted((min(left, right), max(left, right), round(score * 1e9)) for left, right, score in ROWS)


def as_csv(sep=","):
    return "\n".join([sep.join(DATA)] + [f"{left}{sep}{right}{sep}{score}" for left, right, score in ROWS]) + "\n"


def as_json_lines():
    return "\n".join(json.dumps(row) for row in DICTS) + "\n"


FILES = {
    "p.csv": as_csv(),
    "p.CSV": as_csv(),
    "p.tsv": as_csv("\t"),
    "pipe.txt": as_csv("|"),
    "semicolon.csv": as_csv(";"),
    "p.csv.gz": gzip.compress(as_csv().encode()),
    "p.jsonl": as_json_lines(),
    "p.ndjson": as_json_lines(),
    "p.json": as_json_lines(),
    "array.json": json.dumps(DICTS),
    "p.jsonl.gz": gzip.compress(as_json_lines().encode()),
    "no_ending": as_csv(),
    "cr.csv": as_csv().replace("\n", "\r\n"),
    "a[1]*?.csv": as_csv(),
    'it\'s "quoted"; DROP.csv': as_csv(),
}


@pytest.mark.parametrize("name", FILES)
def test_kinds_of_file(session, tmp_path, name):
    data = FILES[name]
    (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    assert content(read(session, tmp_path / name)) == EXPECTED


def frames():
    con = duckdb.connect()
    con.sql("CREATE TABLE t (id_l VARCHAR, id_r VARCHAR, score DOUBLE)")
    con.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
    table = pa.table(DATA)
    frame = pd.DataFrame(DATA)
    dtype = [("pairs", "O", 2), ("score", "f8")]
    return {
        "pandas": frame,
        "pandas object": frame.astype({"id_l": object, "id_r": object}),
        "pandas category": frame.astype({"id_l": "category"}),
        "pandas string": frame.astype({"id_l": "string", "score": "Float64"}),
        "pandas multiindex": frame.set_index(["id_l", "id_r"]),
        "pandas series": frame.set_index(["id_l", "id_r"])["score"],
        "polars": pl.DataFrame(DATA),
        "polars lazy": pl.LazyFrame(DATA),
        "polars categorical": pl.DataFrame(DATA).with_columns(pl.col("id_l").cast(pl.Categorical)),
        "arrow": table,
        "arrow reader": table.to_reader(),
        "arrow batch": table.to_batches()[0],
        "duckdb": con.sql("FROM t"),
        "dicts": DICTS,
        "columns": DATA,
        "dedupe": np.array([((left, right), score) for left, right, score in ROWS], dtype=dtype),
    }


KINDS = list(frames())


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_frame(session, kind):
    assert content(read(session, frames()[kind])) == EXPECTED


def test_splink_frame(session):
    class SplinkDataFrame:
        def as_duckdbpyrelation(self):
            return frames()["duckdb"]

    assert content(read(session, SplinkDataFrame())) == EXPECTED


def test_spark_frame_is_refused_before_anything_is_asked_of_it(session):
    def refuse(self, *_):
        raise AssertionError("it was collected")

    frame = type("DataFrame", (), {"__module__": "pyspark.sql.classic", "__arrow_c_stream__": refuse})()
    with pytest.raises(InputError, match="Spark"):
        read(session, frame)


@pytest.mark.parametrize("given", [5, object(), [1, 2], {"id_l": ["a"], "id_r": []}, {}])
def test_what_is_no_table_is_refused(session, given):
    with pytest.raises(InputError):
        read(session, given)


NO_ROWS = [[], {"id_l": [], "id_r": [], "score": []}, pd.DataFrame(DATA)[:0], pl.DataFrame(DATA)[:0]]


@pytest.mark.parametrize("given", NO_ROWS)
def test_frames_without_rows(session, given):
    assert read(session, given, [{"id": "a"}]).n_records == 1
    assert read(session, given).n_records == 0


def test_parts_are_read_as_one(session, tmp_path):
    pd.DataFrame(DATA)[:1].to_parquet(tmp_path / "a.parquet")
    pd.DataFrame(DATA)[1:2].to_parquet(tmp_path / "b.parquet")
    (tmp_path / "deep" / "id_l=5").mkdir(parents=True)
    # Another order of columns and another type of score: still the same table.
    pd.DataFrame(DATA)[2:].astype({"score": "float32"})[["score", "id_r", "id_l"]].to_parquet(
        tmp_path / "deep" / "id_l=5" / "c.parquet"
    )
    (tmp_path / "_SUCCESS").write_text("")
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "deep"]
    for given in (tmp_path, str(tmp_path / "**" / "*.parquet"), parts):
        assert content(read(session, given)) == EXPECTED


def test_rows_are_numbered_in_each_file(session, tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("id_l,id_r,score\na,b,0.5\n" + ("a,b,7\n" if name > "a" else ""))
    with pytest.raises(InputError) as caught:
        read(session, tmp_path)
    places = [example.split("/")[-1].split(":")[0] for example in caught.value.examples]
    assert places == ["b.csv, row 2", "c.csv, row 2"]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_float32_scores_are_their_shortest_decimal(session, frame):
    scores = np.array([0.7, 0.1, 0.3, 1.0], dtype=np.float32)
    assert sorted(read(session, frame(DATA | {"score": scores})).score.tolist()) == [10**8, 3 * 10**8, 7 * 10**8, 10**9]


def test_float32_in_python_lists(session):
    rows = [{"id_l": "a", "id_r": "b", "score": np.float32(0.7)}]
    assert read(session, rows).score.tolist() == [7 * 10**8]


def test_decimal_scores(session):
    relation = duckdb.connect().sql("SELECT 'a' AS id_l, 'b' AS id_r, 0.7 AS score")
    assert read(session, relation).score.tolist() == [7 * 10**8]


def test_integer_ids_are_decimal_text(session):
    ids = {"id_l": [10, 9], "id_r": [2**63 - 1, -3], "score": [0.5, 0.5]}
    for frame in (pd.DataFrame(ids), pl.DataFrame(ids), pa.table(ids), ids):
        assert list(read(session, frame).ids.texts()) == sorted(["10", "9", str(2**63 - 1), "-3"])


def test_integers_with_nulls_in_pandas_are_floats_and_refused(session):
    frame = pd.DataFrame({"id_l": [1, None], "id_r": [2, 3], "score": [0.5, 0.5]})
    with pytest.raises(InputError, match="Int64"):
        read(session, frame)
    with pytest.raises(InputError, match="null or empty"):
        read(session, frame.astype({"id_l": "Int64"}))


@pytest.mark.parametrize("values", [[True, False], [["a"], ["b"]], [b"a", b"b"]])
def test_types_that_are_no_ids_are_refused(session, values):
    with pytest.raises(InputError):
        read(session, {"id_l": values, "id_r": ["a", "b"], "score": [0.5, 0.5]})


HOSTILE = [
    "'); DROP TABLE x; --", '"', '""', "a,b", "line\nbreak", "cr\r\nlf", "tab\t", "|", ";", "nul\0inside", "\x01", " ",
    "NULL", "nan", "NaN", "inf", "None", "true", "007", "7", "7.0", "1e5", "2024-01-01", "é",
    "e\u0301", "\U0001f600", "\uffff",
    "\u202eabc", "</script>", "{}", "[]", "\\", "\\N", "%s", "$1", "?", "x" * (10_000 if SMALL else 1_000_000),
]  # fmt: skip


def hostile_pairs():
    return {"id_l": HOSTILE, "id_r": HOSTILE[1:] + HOSTILE[:1], "score": [0.5] * len(HOSTILE)}


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "pandas", "polars", "arrow", "columns"])
def test_hostile_ids_come_through_whole(session, tmp_path, kind):
    data = hostile_pairs()
    frame = pd.DataFrame(data)
    given = {"pandas": frame, "polars": pl.DataFrame(data), "arrow": pa.table(data), "columns": data}.get(kind)
    if given is None:
        given = tmp_path / f"p.{kind}"
        if kind == "csv":
            pl.DataFrame(data).write_csv(given, line_terminator="\n", quote_style="always")
        elif kind == "jsonl":
            rows = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
            given.write_text("\n".join(json.dumps(row) for row in rows))
        else:
            pa.parquet.write_table(pa.table(data), given)
    texts = read(session, given, {"id": HOSTILE}).ids.texts()
    assert list(texts) == sorted(HOSTILE, key=lambda text: text.encode())


def test_hostile_ids_in_messages_are_short_and_escaped(session):
    rows = [{"id_l": "\x1b[31m" + "x" * 1000, "id_r": "\n", "score": 7}]
    with pytest.raises(InputError) as caught:
        read(session, rows)
    assert len(caught.value.examples[0]) < 300 and caught.value.examples[0].isprintable()


NAMES = ['a "b"', "x'; DROP TABLE t; --", "sp ace", "", "select", "c0", "é\n"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "pandas", "polars", "columns"])
def test_hostile_column_names(session, tmp_path, name, kind):
    if name == "" and kind in ("jsonl", "parquet", "polars"):
        pytest.skip("not a name these formats have")
    data = {name: ["a"], "other": ["b"], "c1": [0.5]}
    path = tmp_path / f"p.{kind}"
    given = {"pandas": pd.DataFrame(data), "polars": pl.DataFrame(data), "columns": data}.get(kind, path)
    if kind == "csv":
        pl.DataFrame(data).write_csv(path)
    elif kind == "jsonl":
        path.write_text(json.dumps({name: "a", "other": "b", "c1": 0.5}))
    elif kind == "parquet":
        pl.DataFrame(data).write_parquet(path)
    assert content(read(session, given, id_left=name, id_right="other", score="c1")) == [("a", "b", 500_000_000)]


COLUMNS = {
    "id": np.array(["a", "b"], dtype=object),
    "cluster_size": np.array([1, 2], dtype=np.int32),
    "distance": np.array([0.5, 0.25]),
}
LISTS = {"id": ["a", "b"], "cluster_size": [1, 2], "distance": [0.5, 0.25]}


@pytest.mark.parametrize("rows", [2, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_of_the_callers_kind(session, kind, rows):
    given = frames()[kind]
    like = read_pairs(session, given, Settings()).kind
    answer = to_native(session, {name: array[:rows] for name, array in COLUMNS.items()}, like)
    expected = {name: values[:rows] for name, values in LISTS.items()}
    if kind.startswith("pandas"):
        assert isinstance(answer, pd.DataFrame) and answer.to_dict("list") == expected
    elif kind == "polars lazy":
        assert isinstance(answer, pl.LazyFrame) and answer.collect().to_dict(as_series=False) == expected
    elif kind.startswith("polars"):
        assert isinstance(answer, pl.DataFrame) and answer.to_dict(as_series=False) == expected
        assert answer.schema["id"] == pl.String
    elif kind.startswith("arrow"):
        assert isinstance(answer, pa.Table) and answer.to_pydict() == expected
    elif kind == "duckdb":
        assert answer.fetchall() == list(zip(*expected.values(), strict=True))
        assert answer.columns == list(expected)
    elif kind == "dicts":
        assert answer == [dict(zip(expected, row, strict=True)) for row in zip(*expected.values(), strict=True)]
    else:
        assert answer == expected


def test_a_relation_comes_back_in_the_callers_connection(session):
    con = duckdb.connect()
    relation = con.sql("SELECT 'a' AS id_l, 'b' AS id_r, 0.5 AS score")
    kind = read_pairs(session, relation, Settings()).kind
    session.close()
    answer = to_native(session, COLUMNS, kind)
    joined = relation.set_alias("given").join(answer.set_alias("answer"), "given.id_l = answer.id")
    assert joined.select("cluster_size").fetchall() == [(1,)]
    assert con.sql("SELECT 1").fetchall() == [(1,)]


def test_answers_for_paths(session):
    assert isinstance(to_native(session, COLUMNS, FrameKind("path")), pd.DataFrame)


def test_schemas_name_the_columns_of_a_run():
    assert list(SCHEMAS["clusters"]) == ["id", "cluster_id", "cluster_size", "component_id", "component_size"]
    assert list(SCHEMAS["merges"]) == ["component_id", "left_id", "right_id", "distance", "size"]


WITHOUT_FRAMES = """
import sys
sys.modules["pandas"] = sys.modules["pyarrow"] = None
import polars, numpy
from unsnarl.files.frames import to_native
from unsnarl.files.pairs import read_pairs
from unsnarl.files.session import Session
from unsnarl.interning import intern
from unsnarl.settings import Settings
data = {"id_l": ["a"], "id_r": ["b"], "score": [0.5]}
import duckdb
relation = duckdb.connect().sql("SELECT 'a' AS id_l, 'b' AS id_r, 0.5 AS score")
for frame in (polars.DataFrame(data), polars.LazyFrame(data), data, relation):
    with Session() as session:
        pairs = read_pairs(session, frame, Settings())
        assert intern(session, pairs, None, Settings()).n_records == 2
        to_native(session, {"id": numpy.array(["a"], dtype=object)}, pairs.kind)
"""


def test_neither_pandas_nor_pyarrow_is_needed():
    done = subprocess.run([sys.executable, "-c", WITHOUT_FRAMES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_memory_that_does_not_suffice_is_said(tmp_path):
    with Session(threads=1, memory_limit="20MB", temp_dir=tmp_path) as session, pytest.raises(ResourceError) as caught:
        session.rows("SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)")
    assert "--memory-limit" in str(caught.value) and caught.value.exit_code == 5


def test_ctrl_c_stops_a_query(session):
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    # Whoever is started in the background has been told to ignore it.
    answer = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            session.rows("SELECT sum(a.range * b.range) FROM range(10000000) AS a, range(1000000) AS b")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, answer)


def test_what_is_spilled_goes_to_the_given_folder_and_is_removed(tmp_path):
    with Session(temp_dir=tmp_path) as session:
        assert session.value("SELECT current_setting('temp_directory')").startswith(str(tmp_path))
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_undecodable_text_in_parquet_is_refused(session, tmp_path):
    table = pa.table({"id_l": pa.array([b"\xff\xfe"], pa.binary()), "id_r": ["b"], "score": [0.5]})
    pa.parquet.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"p\.parquet is damaged"):
        read(session, tmp_path / "p.parquet")


def test_sql_sees_no_python_variables_and_no_network():
    secret = pd.DataFrame({"x": [1]})
    with Session() as session:
        with pytest.raises(duckdb.Error):
            session.rows("SELECT * FROM secret")
        assert session.value("SELECT current_setting('autoinstall_known_extensions')") is False
    assert len(secret) == 1
