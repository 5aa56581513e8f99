"""Each row of the input contract, through the functions that read."""

import gzip
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unsnarl.errors import InputError, UsageError
from unsnarl.files.pairs import explain_conflicts, read_pairs
from unsnarl.files.records import read_records
from unsnarl.files.session import Session
from unsnarl.files.truth import read_truth
from unsnarl.interning import intern
from unsnarl.report.survey import survey_input
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings

HEADER = "id_l,id_r,score\n"


def read(session, pairs, records=None, **settings):
    chosen = Settings(**settings)
    pair_source = read_pairs(session, pairs, chosen)
    record_source = None if records is None else read_records(session, records, chosen)
    return intern(session, pair_source, record_source, chosen)


def fails(session, pairs, records=None, **settings):
    with pytest.raises(InputError) as caught:
        read(session, pairs, records, **settings)
    assert caught.value.exit_code == 3
    return str(caught.value)


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "", "1.5", "-0.1", "high", "0x1"])
def test_bad_score_is_refused_with_count_file_and_row(session, write, score):
    path = write("p.csv", f"{HEADER}a,b,0.5\nb,c,{score}\nc,d,0.2\nd,e,{score}\n")
    message = fails(session, path)
    assert "2 rows with a score that is not a number from 0 to 1" in message
    assert f"{path}, row 2" in message and f"{path}, row 4" in message
    assert "--on-bad-score drop" in message and "counted from 1" in message


def test_bad_scores_are_dropped_and_counted_but_their_records_stay(session, write):
    path = write("p.csv", f"{HEADER}a,b,0.5\nb,c,nan\n")
    interned = read(session, path, on_bad_score="drop")
    assert interned.tally == {"n_rows": 2, "n_bad_scores": 1, "n_unknown_ids": 0}
    assert list(interned.ids.texts()) == ["a", "b", "c"] and len(interned.score) == 1


def test_at_most_five_examples(session, write):
    path = write("p.csv", HEADER + "a,b,2\n" * 9)
    with pytest.raises(InputError) as caught:
        read(session, path)
    assert len(caught.value.examples) == 5 and "9 rows" in caught.value.problem


def test_decimal_comma_is_named(session, write):
    assert "point, not a comma" in fails(session, write("p.csv", "id_l;id_r;score\na;b;0,5\n"))


@pytest.mark.parametrize(
    ("kind", "score", "units"),
    [
        ("probability", "0.7", 700_000_000),
        ("probability", "1e-9", 1),
        ("distance", "0.3", 700_000_000),
        ("match_weight", "0", 500_000_000),
        ("match_weight", "-2000", 0),
        ("match_weight", "2000", 1_000_000_000),
        ("match_weight", "1", 666_666_667),
        ("log_odds", "0", 500_000_000),
        ("log_odds", "-1000", 0),
    ],
)
def test_kinds_of_score(session, write, kind, score, units):
    path = write("p.csv", f"{HEADER}a,b,{score}\n")
    assert list(read(session, path, score_kind=kind).score) == [units]


@pytest.mark.parametrize("kind", ["match_weight", "log_odds"])
def test_infinite_odds_are_fails(session, write, kind):
    assert "finite" in fails(session, write("p.csv", f"{HEADER}a,b,inf\n"), score_kind=kind)


@pytest.mark.parametrize("row", [",b,0.5", "a,,0.5", '"",b,0.5'])
def test_null_or_empty_id_is_fails(session, write, row):
    path = write("p.csv", f"{HEADER}x,y,0.1\n{row}\n")
    message = fails(session, path)
    assert "1 row with a null or empty id" in message and f"{path}, row 2" in message
    assert "null or empty id" in fails(session, path, write("r.csv", "id\na\nb\nx\ny\n"))


def test_null_id_in_records_is_fails(session, write):
    path = write("r.csv", "id,name\na,x\n,y\n")
    message = fails(session, write("p.csv", HEADER), path)
    assert "1 row without an id" in message and f"{path}, row 2" in message


def test_duplicate_records_are_fails(session, write):
    path = write("r.csv", "id,name\na,x\nb,y\na,z\nb,q\na,w\n")
    message = fails(session, write("p.csv", HEADER), path)
    assert "2 ids occur more than once (5 rows)" in message and f"{path}, row 3: 'a'" in message


def test_unknown_ids_are_refused_or_added(session, write):
    pairs, records = write("p.csv", f"{HEADER}a,b,0.5\na,zz,0.5\nyy,zz,0.1\n"), write("r.csv", "id\na\nb\nc\n")
    message = fails(session, pairs, records)
    assert "2 ids are not in RECORDS (2 rows)" in message
    assert f"{pairs}, row 2: 'zz'" in message and "--allow-unknown-ids" in message
    interned = read(session, pairs, records, allow_unknown_ids=True)
    assert interned.n_records == 5 and interned.tally["n_unknown_ids"] == 2


@pytest.mark.parametrize(("known", "hint"), [("007", "leading zeros"), ("7.0", "'.0'"), ("' 7'", "blanks")])
def test_near_misses_are_explained(session, write, known, hint):
    records = write("r.csv", f"id,n\n{known.strip(chr(39))},x\n8,y\n")
    assert hint in fails(session, write("p.csv", f"{HEADER}7,8,0.5\n"), records)


def test_ids_are_text_always(session, write):
    ids = ["1", "01", "007", "nan", "NULL", "1e3", "2024-01-01", " 1", "NA", "None"]
    rows = "".join(f"{left},{right},0.5\n" for left, right in zip(ids[::2], ids[1::2], strict=True))
    assert list(read(session, write("p.csv", HEADER + rows)).ids.texts()) == sorted(ids)


def test_integers_beside_leading_zeros_are_fails(session, write):
    pairs = [{"id_l": 7, "id_r": 8, "score": 0.5}]
    message = fails(session, pairs, write("r.csv", "id\n007\n8\n7\n"))
    assert "leading zeros" in message and "'007'" in message
    assert "leading zeros" in fails(session, pairs, write("r.csv", "id\n007\n8\n"), allow_unknown_ids=True)
    assert "leading zeros" in fails(session, write("p.csv", f"{HEADER}007,8,0.5\n"), [{"id": 7}, {"id": 8}])
    assert read(session, pairs, write("s.csv", "id\n7\n8\n")).n_records == 2


def test_integers_beside_texts_are_fails(session):
    assert "integer" in fails(session, [{"id_l": 1, "id_r": "1", "score": 0.5}])
    assert "integer" in fails(session, [{"id_l": 1, "id_r": 2, "score": 0.5}], [{"id": "1"}, {"id": "2"}])
    mixed = [{"id_l": 1, "id_r": 2, "score": 0.5}, {"id_l": "1", "id_r": 2, "score": 0.5}]
    assert "integer" in fails(session, mixed)


def test_float_ids_are_fails(session):
    assert "floating-point" in fails(session, [{"id_l": 1.0, "id_r": 2.0, "score": 0.5}])


@pytest.mark.parametrize("records", [None, "id\na\nb\n"])
def test_no_pairs_is_a_valid_answer(session, write, records):
    interned = read(session, write("p.csv", HEADER), None if records is None else write("r.csv", records))
    assert len(interned.left) == 0 and interned.n_records == (0 if records is None else 2)
    assert interned.left.dtype == interned.score.dtype == "int32"


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.jsonl", "p.csv.gz", "p.jsonl.gz"])
def test_empty_file_is_fails(session, write, name):
    content = gzip.compress(b"") if name.endswith("gz") else b""
    assert "is empty" in fails(session, write(name, content))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_bom_is_accepted(session, write, end):
    content = b"\xef\xbb\xbf" + f"id_l,id_r,score{end}a,b,0.5{end}".encode()
    assert list(read(session, write("p.csv", content)).ids.texts()) == ["a", "b"]


def test_wrong_separator_says_what_was_used(session, write):
    path = write("p.csv", "id_l;id_r;score\na;b;0.5\n")
    message = fails(session, path, sep=",")
    assert "separator ','" in message and "id_l;id_r;score" in message and "--sep" in message
    assert len(read(session, path).left) == 1


@pytest.mark.parametrize("sep", ["ab", "", '"', "\n"])
def test_separator_must_be_one_character(session, write, sep):
    with pytest.raises(UsageError):
        read(session, write("p.csv", HEADER), sep=sep)


def test_ragged_rows_are_refused_with_their_rows(session, write):
    path = write("p.csv", f"{HEADER}a,b,0.5\na,b\nc,d,0.5\na,b,c,d\n")
    message = fails(session, path)
    assert "2 rows of" in message and f"{path}, row 2" in message and f"{path}, row 4" in message


def test_ragged_records_name_their_file(session, write):
    path = write("r.csv", "id,name\na,x\nb\n")
    message = fails(session, write("p.csv", f"{HEADER}a,b,0.5\n"), path)
    assert f"{path}, row 2" in message


def test_text_in_another_encoding_is_fails(session, write):
    message = fails(session, write("p.csv", HEADER.encode() + b"a,\xff,0.5\n"))
    assert "UTF-8" in message and "row 1" in message
    assert "UTF-16" in fails(session, write("q.csv", HEADER.encode("utf-16")))


def test_unterminated_quote_is_fails(session, write):
    assert "row 1" in fails(session, write("p.csv", f'{HEADER}"a,b,0.5\n'))


@pytest.mark.parametrize("content", [b"id_l,id_r,score\n", b"PAR1 rubbish PAR1", b"PAR1", b"PAR1" + b"\0" * 50])
def test_what_is_not_parquet_is_fails(session, write, content):
    path = write("p.parquet", content)
    assert path in fails(session, path)


def test_truncated_files_are_fails(session, write, tmp_path):
    path = str(tmp_path / "p.parquet")
    session.run(f"COPY (SELECT 'a' || range AS id_l, 'b' AS id_r, 0.5 AS score FROM range(50000)) TO '{path}'")
    whole = (tmp_path / "p.parquet").read_bytes()
    assert "cut off" in fails(session, write("cut.parquet", whole[:-100]))
    zipped = gzip.compress((HEADER + "".join(f"a{i},b{i * 7919 % 5000},0.5\n" for i in range(50000))).encode())
    assert "cut.csv.gz" in fails(session, write("cut.csv.gz", zipped[: len(zipped) // 2]))
    assert "not.csv.gz" in fails(session, write("not.csv.gz", b"id_l,id_r,score\n"))
    assert "row 2" in fails(session, write("cut.jsonl", '{"id_l":"a","id_r":"b","score":1}\n{"id_l":"a","id_'))


def test_json_lines_that_are_no_objects_are_fails(session, write):
    good = '{"id_l":"a","id_r":"b","score":0.5}\n'
    path = write("p.jsonl", good + "[1]\n\nnot json\n" + good.replace("0.5", "NaN"))
    message = fails(session, path)
    assert "3 rows" in message and "row 2" in message and "row 3" in message and "NaN" in message


def test_other_formats_are_named(session, write):
    assert "Excel or ZIP" in fails(session, write("p.csv", b"PK\x03\x04...."))
    assert "Parquet file by its content" in fails(session, write("q.csv", b"PAR1...."))


def test_files_that_are_not_there(session, write, tmp_path):
    assert "there is no file" in fails(session, str(tmp_path / "none.csv"))
    assert "no file matches" in fails(session, str(tmp_path / "none*.csv"))
    (tmp_path / "folder").mkdir()
    assert "no data file" in fails(session, str(tmp_path / "folder"))
    write("mixed/a.csv", HEADER)
    write("mixed/b.parquet", b"PAR1")
    assert "2 formats" in fails(session, str(tmp_path / "mixed"))


def test_a_file_named_twice_is_fails(session, write, tmp_path):
    path = write("p.csv", f"{HEADER}a,b,0.5\n")
    (tmp_path / "alias.csv").symlink_to(path)
    for given in ([path, path], [path, str(tmp_path / "*.csv")], [path, str(tmp_path / "alias.csv")]):
        assert "named more than once" in fails(session, given)


def test_missing_and_ambiguous_columns(session, write):
    assert "known pair of id columns" in fails(session, write("a.csv", "a,b,score\n"))
    message = fails(session, write("b.csv", "id_l,id_r,unique_id_l,unique_id_r,score\n"))
    assert "(id_l, id_r) and (unique_id_l, unique_id_r)" in message
    assert "match_probability and score" in fails(session, write("c.csv", "id_l,id_r,score,match_probability\n"))
    assert "column for the score" in fails(session, write("d.csv", "id_l,id_r,match_weight\n"))
    assert "Did you mean 'Score'?" in fails(session, write("e.csv", "id_l,id_r,Score\n"), score="score")
    assert "more than one column named" in fails(session, write("f.csv", "id_l,id_l,id_r,score\n"))
    records = write("r.csv", "id,unique_id\n")
    assert "id and unique_id" in fails(session, write("p.csv", HEADER), records)
    assert "record id" in fails(session, write("p.csv", HEADER), write("s.csv", "x,y\n"))
    with pytest.raises(UsageError):
        read(session, write("p.csv", HEADER), id_left="id_l")


@pytest.mark.parametrize(
    ("header", "settings"),
    [
        ("id_l,id_r,match_probability", {}),
        ("unique_id_l,match_probability,unique_id_r,match_weight", {}),
        ("unique_id_l,match_probability,unique_id_r,match_weight", {"score_kind": "match_weight"}),
        ("record_id_l,record_id_r,probability", {}),
        ("hash1,hash2,xgb_prob", {}),
        ("hash1,hash2,score", {}),
        ("id_left,id_right,score", {}),
        ("id_1,id_2,score", {}),
        ('"my ""left"" id",it\'s; right,s p', {"id_left": 'my "left" id', "id_right": "it's; right", "score": "s p"}),
    ],
)
def test_known_layouts(session, write, header, settings):
    n_columns = header.count(",") + 1
    names = header.split(",")
    row = ["a" if i == 0 else "0.25" for i in range(n_columns)]
    row[next(i for i, name in enumerate(names) if i and ("id" in name or "hash" in name or "right" in name))] = "b"
    interned = read(session, write("p.csv", f"{header}\n{','.join(row)}\n"), **settings)
    assert list(interned.ids.texts()) == ["a", "b"] and len(interned.score) == 1


def test_splink_datasets_are_part_of_the_id(session, write):
    header = "source_dataset_l,unique_id_l,source_dataset_r,unique_id_r,match_probability"
    pairs = write("p.csv", f"{header}\nx,1,y,1,0.5\nx,1,x,2,0.5\n")
    records = write("r.csv", "source_dataset,unique_id\nx,1\ny,1\nx,2\nz,9\n")
    interned = read(session, pairs, records)
    assert list(interned.ids.texts()) == ["x-__-1", "x-__-2", "y-__-1", "z-__-9"]
    assert "source_dataset" in fails(session, pairs, write("s.csv", "unique_id\n1\n2\n"))


def test_conflicts_are_told_with_their_rows(session, write):
    path = write("p.csv", f"{HEADER}a,b,0.5\nc,d,0.5\nb,a,0.6\n")
    problem = explain_conflicts(read_pairs(session, path, Settings()), 1, [("a", "b")])
    assert "'0.5' in" in str(problem) and "row 1" in str(problem) and "row 3" in str(problem)


def test_profile_lists_every_problem_and_the_facts(session, write):
    pairs = write("p.csv", f"{HEADER}a,b,0.95\nb,a,0.95\na,a,1\na,c,nan\n,c,0.1\nzz,a,0.3\na,c,0.1\nc,a,0.2\n")
    records = write("r.csv", "id\na\nb\nc\nc\n\n")
    profile = survey_input(session, pairs, records, Settings(), Clock())
    told = " ".join(str(problem) for problem in profile.problems)
    for words in (
        "null or empty id", "score that is not", "not in RECORDS", "without an id", "occurs more than once", "different"
    ):  # fmt: skip
        assert words in told
    facts = profile.facts
    assert facts["n_pair_rows"] == 8 and facts["n_record_rows"] == 5 and facts["n_ids"] == 4
    assert facts["n_self_pairs"] == 1 and facts["n_repeated_pairs"] == 1 and facts["n_conflicts"] == 1
    assert facts["score_histogram"] == [0, 1, 1, 1, 0, 0, 0, 0, 0, 2] and facts["n_bad_scores"] == 1
    assert facts["n_over_threshold"] == 2 and facts["n_bytes"] > 0 and facts["n_files"] == 2
    assert [str(problem) for problem in survey_input(session, "none.csv", "no.csv", Settings(), Clock()).problems]


def test_profile_of_good_input_has_no_problem(session, write):
    profile = survey_input(session, write("p.csv", f"{HEADER}a,b,0.95\n"), None, Settings(), Clock())
    assert profile.problems == [] and profile.facts["n_pairs"] == 1 and profile.facts["n_ids"] == 2


def test_truth(session, write):
    truth = read_truth(session, write("t.csv", "id,entity\nb,x\na,y\nc,x\n"))
    assert truth["ids"] == ["a", "b", "c"] and truth["entities"].tolist() == [1, 0, 0]
    named = read_truth(session, write("u.csv", "who,what,why\na,b,c\n"), "who", "why")
    assert named["ids"] == ["a"]
    for rows, words in [("a,x\na,y\n", "more than once"), ("a,\n", "without"), ("", "no rows")]:
        with pytest.raises(InputError, match=words):
            read_truth(session, write("bad.csv", "id,entity\n" + rows))


def test_limits_that_make_no_sense():
    with pytest.raises(UsageError):
        Session(memory_limit="much")


@pytest.mark.parametrize("kind", ["probability", "distance", "match_weight", "log_odds"])
@pytest.mark.parametrize("type_", [pa.float64(), pa.float32()])
def test_nan_beside_scores_in_range_is_refused_in_parquet(session, tmp_path, kind, type_):
    """The statistics of a Parquet file leave NaN out, so that DuckDB may drop the test of the range."""
    path = str(tmp_path / "p.parquet")
    scores = pa.array([0.9, float("nan"), 0.8, 0.7], type_)
    pq.write_table(pa.table({"id_l": list("abcd"), "id_r": list("bcde"), "score": scores}), path)
    assert "p.parquet, row 2: score 'nan'" in fails(session, path, score="score", score_kind=kind)
    rows = read(session, path, score="score", score_kind=kind, on_bad_score="drop")
    assert (rows.tally["n_bad_scores"], rows.n_records) == (1, 5)


def test_columns_of_one_name_are_refused_in_parquet(session, tmp_path):
    path = str(tmp_path / "p.parquet")
    names = ["id_l", "id_r", "id_l", "score"]
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["x"]), pa.array([0.5])], names), path
    )
    assert "more than one column named 'id_l'" in fails(session, path)


def test_names_that_differ_in_case_are_two_columns(session, tmp_path, write):
    path = str(tmp_path / "p.parquet")
    pq.write_table(pa.table({"id_l": ["a"], "id_r": ["b"], "ID_L": ["x"], "score": [0.5]}), path)
    assert read(session, path).n_records == 2
    assert read(session, path, id_left="ID_L", id_right="id_r").ids.find("x") is not None
    keys = write("p.jsonl", '{"id_l": "a", "ID_L": "x", "id_r": "b", "score": 0.5}\n')
    assert "'id_l' and 'ID_L'" in fails(session, keys)


@pytest.mark.parametrize("header", ["ID_L,ID_R,match_probability", "id_l, id_r, match_probability"])
def test_a_name_that_is_almost_known_is_pointed_at(session, write, header):
    assert "differs from a known name in case or blanks only" in fails(session, write("p.csv", f"{header}\na,b,0.5\n"))


def test_what_is_no_text_is_named(session, write, tmp_path):
    text = f"{HEADER}a,b,0.5\n"
    (tmp_path / "wide.csv").write_bytes(text.encode("utf-16-le"))
    assert "UTF-16" in fails(session, str(tmp_path / "wide.csv"))
    (tmp_path / "packed.csv").write_bytes(gzip.compress(text.encode()))
    assert "end in .gz" in fails(session, str(tmp_path / "packed.csv"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_pipes_and_devices_are_fails(session, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is a pipe or a device" in fails(session, str(tmp_path / "pipe.csv"))
    assert "is a pipe or a device" in fails(session, os.devnull)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_names_that_are_not_utf8_are_fails(session, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    with open(path, "w") as file:
        file.write(f"{HEADER}a,b,0.5\n")
    assert "not UTF-8" in fails(session, path)


@pytest.mark.parametrize("limit", ["-1GB", "none", "0", "0GB", "80%", "1e9", "GB", ""])
def test_memory_limits_that_are_no_amount(limit):
    with pytest.raises(UsageError, match="amount of memory"):
        Session(memory_limit=limit)


def test_a_session_leaves_no_folder_behind(tmp_path, monkeypatch):
    """Neither where opening it is interrupted, nor where it is forgotten."""
    forgotten = Session(temp_dir=tmp_path)
    assert len(os.listdir(tmp_path)) == 1
    del forgotten
    assert os.listdir(tmp_path) == []

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "_prepare", stop)
    with pytest.raises(KeyboardInterrupt):
        Session(temp_dir=tmp_path)
    assert os.listdir(tmp_path) == []


def test_added_ids_come_with_examples(session, write):
    pairs = write("p.csv", f"{HEADER}a,b,0.5\nz,a,0.4\ny,b,0.4\n")
    rows = read(session, pairs, write("r.csv", "id\na\nb\nc\n"), allow_unknown_ids=True)
    assert (rows.tally["n_unknown_ids"], rows.added, rows.n_records) == (2, ("y", "z"), 5)
