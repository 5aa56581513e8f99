"""Every row of the input contract, through the command line: what is counted, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unsnarl.cli import exits
from unsnarl.cli.commands import commands

HEADER = "id_l,id_r,match_probability\n"


class Job:
    """Cluster files in a folder of its own, and read the answer."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._n_runs = 0

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def cluster(self, *arguments: object) -> tuple[int, dict[str, object], str]:
        """Give the exit code, the JSON answer and what was said on standard error."""
        self._n_runs += 1
        given = ["cluster", *map(str, arguments), "--out", str(self.folder / f"run{self._n_runs}"), "--json"]
        code = exits.run(commands, given)
        captured = self._capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    def clusters(self, *arguments: object) -> dict[str, str]:
        """Give the cluster of each record; the run must succeed."""
        code, answer, err = self.cluster(*arguments)
        assert code == 0, err
        table = pq.read_table(self.folder / f"run{self._n_runs}" / "clusters.parquet").to_pydict()
        assert table["id"] == sorted(table["id"], key=str.encode)
        assert answer["n_records"] == len(table["id"])
        return dict(zip(table["id"], table["cluster_id"], strict=True))

    def refused(self, *arguments: object) -> str:
        """Give what was said; the run must end with exit code 3, and leave nothing."""
        code, answer, err = self.cluster(*arguments)
        assert code == 3, (code, err)
        assert answer["ok"] is False and answer["error"]["code"] == "input"
        assert not (self.folder / f"run{self._n_runs}").exists()
        return err


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Job:
    return Job(tmp_path, capsys)


# --- scores -------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "", "1.01", "-0.1", "high", "0.6_0"])
def test_bad_score(job: Job, score: str) -> None:
    pairs = job.write("pairs.csv", HEADER + f"a,b,0.9\nb,c,{score}\n")
    said = job.refused(pairs)
    assert "pairs.csv, row 2" in said and "--on-bad-score drop" in said
    code, answer, err = job.cluster(pairs, "--on-bad-score", "drop")
    assert (code, answer["n_bad_scores"], answer["n_records"]) == (0, 1, 3)
    assert "1 row left out" in err and "pairs.csv, row 2" in err


@pytest.mark.parametrize("score", [float("nan"), float("inf"), None])
def test_bad_score_in_parquet(job: Job, score: float | None) -> None:
    path = job.folder / "pairs.parquet"
    pq.write_table(pa.table({"id_l": ["a", "b"], "id_r": ["b", "c"], "match_probability": [0.9, score]}), path)
    assert "pairs.parquet, row 2" in job.refused(path)


@pytest.mark.parametrize(
    ("kind", "column", "joins", "apart", "bad"),
    [
        ("match_weight", "match_weight", "3.5", "-3.5", "inf"),
        ("log_odds", "log_odds", "2", "-2", "nan"),
        ("distance", "distance", "0.2", "0.8", "1.5"),
    ],
)
def test_score_kinds_are_declared(job: Job, kind: str, column: str, joins: str, apart: str, bad: str) -> None:
    pairs = job.write("pairs.csv", f"id_l,id_r,{column}\na,b,{joins}\nc,d,{apart}\n")
    assert job.clusters(pairs, "--score-kind", kind) == {"a": "a", "b": "a", "c": "c", "d": "d"}
    job.refused(pairs)  # never guessed: there is no probability here
    job.refused(job.write("bad.csv", f"id_l,id_r,{column}\na,b,{bad}\n"), "--score-kind", kind)


# --- pairs --------------------------------------------------------------------------------------


def test_pair_of_a_record_with_itself(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.9\nb,b,1.0\nc,c,0.1\n")
    code, answer, err = job.cluster(pairs)
    assert (code, answer["n_self_pairs"], answer["n_pairs"], answer["n_records"]) == (0, 2, 1, 3)
    assert "2 rows left out" in err and "pairs.csv, row 2: 'b', 'b'" in err


def test_either_orientation_is_the_same_pair(job: Job) -> None:
    one = job.clusters(job.write("one.csv", HEADER + "a,b,0.9\nb,c,0.8\na,c,0.7\nc,d,0.2\n"))
    other = job.clusters(job.write("other.csv", HEADER + "c,b,0.8\nd,c,0.2\nc,a,0.7\nb,a,0.9\n"))
    assert one == other == {"a": "a", "b": "a", "c": "a", "d": "d"}
    for name in ("clusters", "merges", "components"):
        files = [(job.folder / run / f"{name}.parquet").read_bytes() for run in ("run1", "run2")]
        assert files[0] == files[1]


def test_the_same_pair_again(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.9\nb,a,0.9\na,b,0.9\n")
    code, answer, err = job.cluster(pairs)
    assert (code, answer["n_pairs"], answer["n_repeated_pairs"]) == (0, 1, 2)
    assert "counts once" in err


def test_the_same_pair_with_another_score(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.9\nc,d,0.9\nb,a,0.3\n")
    said = job.refused(pairs)
    assert "'a' and 'b'" in said and "row 1" in said and "row 3" in said and "--on-conflict" in said
    expected = {"max": "a", "mean": "a", "min": "b"}
    for choice, cluster_of_b in expected.items():
        assert job.clusters(pairs, "--on-conflict", choice)["b"] == cluster_of_b


# --- ids ----------------------------------------------------------------------------------------


def test_id_that_records_lack(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.9\nb,z,0.9\n")
    records = job.write("records.csv", "id,name\na,Ada\nb,Bea\nc,Cy\n")
    said = job.refused(pairs, "--records", records)
    assert "pairs.csv, row 2: 'z'" in said and "--allow-unknown-ids" in said
    assert set(job.clusters(pairs, "--records", records, "--allow-unknown-ids")) == {"a", "b", "c", "z"}


@pytest.mark.parametrize("rows", ["a,,0.9\n", ",b,0.9\n", '"",b,0.9\n'])
def test_null_or_empty_id_in_pairs(job: Job, rows: str) -> None:
    assert "pairs.csv, row 2" in job.refused(job.write("pairs.csv", HEADER + "a,b,0.9\n" + rows))


def test_null_and_repeated_ids_in_records(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.9\n")
    said = job.refused(pairs, "--records", job.write("empty.csv", "id,name\na,Ada\n,Bea\nb,Bo\n"))
    assert "empty.csv, row 2" in said
    said = job.refused(pairs, "--records", job.write("twice.csv", "id,name\na,Ada\nb,Bea\na,Al\n"))
    assert "twice.csv, row 3: 'a'" in said


def test_ids_are_text(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "007,7,0.9\n1.0,1,0.9\n")
    assert job.clusters(pairs) == {"007": "007", "7": "007", "1": "1", "1.0": "1"}


def test_integers_beside_texts(job: Job) -> None:
    path = job.folder / "pairs.parquet"
    pq.write_table(pa.table({"id_l": [1, 2], "id_r": ["2", "3"], "match_probability": [0.9, 0.8]}), path)
    assert "integers" in job.refused(path) and "text" in job.refused(path)
    both = job.folder / "integers.parquet"
    pq.write_table(pa.table({"id_l": [1, 2], "id_r": [2, 10], "match_probability": [0.9, 0.2]}), both)
    assert list(job.clusters(both)) == ["1", "10", "2"]
    records = job.folder / "records.parquet"
    pq.write_table(pa.table({"id": ["1", "2", "10"]}), records)
    assert "RECORDS" in job.refused(both, "--records", records)


# --- little or nothing --------------------------------------------------------------------------


def test_no_pairs_at_all(job: Job) -> None:
    records = job.write("records.csv", "id\nb\na\n")
    assert job.clusters(job.write("pairs.csv", HEADER), "--records", records) == {"a": "a", "b": "b"}
    assert job.clusters(job.write("none.csv", HEADER)) == {}


def test_no_pair_over_the_threshold(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "a,b,0.4\nb,c,0.49\n")
    assert job.clusters(pairs) == {"a": "a", "b": "b", "c": "c"}
    # At the threshold is over it.
    assert job.clusters(job.write("at.csv", HEADER + "a,b,0.5\n")) == {"a": "a", "b": "a"}


# --- columns and files --------------------------------------------------------------------------


def test_missing_column(job: Job) -> None:
    said = job.refused(job.write("pairs.csv", "left,right,match_probability\na,b,0.9\n"))
    assert "pairs.csv" in said and "'left'" in said and "--id-left" in said
    pairs = job.write("named.csv", "left,right,p\na,b,0.9\n")
    assert job.clusters(pairs, "--id-left", "left", "--id-right", "right", "--score", "p") == {"a": "a", "b": "a"}
    job.refused(pairs, "--id-left", "left", "--id-right", "nope", "--score", "p")
    assert "score" in job.refused(job.write("noscore.csv", "id_l,id_r,p\na,b,0.9\n"))


def test_ambiguous_columns(job: Job) -> None:
    said = job.refused(job.write("pairs.csv", "id_l,id_r,hash1,hash2,match_probability\na,b,x,y,0.9\n"))
    assert "hash1" in said and "id_l" in said
    records = job.write("records.csv", "id,unique_id\na,x\nb,y\n")
    pairs = job.write("good.csv", HEADER + "a,b,0.9\n")
    assert "--record-id" in job.refused(pairs, "--records", records)
    assert job.clusters(pairs, "--records", records, "--record-id", "id") == {"a": "a", "b": "a"}


@pytest.mark.parametrize("name", ["nothing.csv", "nothing-*.csv", "nothing.parquet"])
def test_file_that_is_not_there(job: Job, name: str) -> None:
    assert "nothing" in job.refused(job.folder / name)


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.parquet", "pairs.jsonl"])
def test_empty_file(job: Job, name: str) -> None:
    assert name in job.refused(job.write(name, ""))


def test_not_a_parquet_file(job: Job) -> None:
    assert "pairs.parquet" in job.refused(job.write("pairs.parquet", HEADER + "a,b,0.9\n"))


def test_truncated_parquet_file(job: Job) -> None:
    whole = job.folder / "whole.parquet"
    columns = {"id_l": [f"a{i}" for i in range(1000)], "id_r": [f"b{i}" for i in range(1000)]}
    pq.write_table(pa.table({**columns, "match_probability": [0.5] * 1000}), whole)
    assert "cut.parquet" in job.refused(job.write("cut.parquet", whole.read_bytes()[:-500]))


def test_ragged_file(job: Job) -> None:
    said = job.refused(job.write("pairs.csv", HEADER + "a,b,0.9\nb,c\nc,d,0.9,extra\n"))
    assert "pairs.csv" in said and "row" in said


def test_any_separator_and_the_wrong_one(job: Job) -> None:
    for number, sep in enumerate(";\t|"):
        path = job.write(f"pairs{number}.csv", f"id_l{sep}id_r{sep}score\na{sep}b{sep}0.9\n")
        assert job.clusters(path) == {"a": "a", "b": "a"}
    path = job.write("pairs.csv", "id_l;id_r;score\na;b;0.9\n")
    assert "pairs.csv" in job.refused(path, "--sep", ",")
    assert job.clusters(path, "--sep", ";") == {"a": "a", "b": "a"}


def test_byte_order_mark(job: Job) -> None:
    assert job.clusters(job.write("pairs.csv", b"\xef\xbb\xbf" + HEADER.encode() + b"a,b,0.9\n")) == {
        "a": "a",
        "b": "a",
    }


def test_bytes_that_are_no_text(job: Job) -> None:
    assert "pairs.csv" in job.refused(job.write("pairs.csv", HEADER.encode() + b"a,\xff\xfe,0.9\n"))


def test_json_lines_and_several_files(job: Job) -> None:
    job.write("part1.jsonl", '{"id_l":"a","id_r":"b","match_probability":0.9}\n')
    job.write("part2.jsonl", '{"id_l":"c","id_r":"b","match_probability":0.9}\n')
    expected = {"a": "a", "b": "a", "c": "c"}
    assert job.clusters(job.folder / "part*.jsonl") == expected
    assert job.clusters(job.folder / "part2.jsonl", job.folder / "part1.jsonl") == expected
    said = job.refused(job.write("bad.jsonl", '{"id_l":"a","id_r":"b","match_probability":0.9}\n{"id_l":\n'))
    assert "bad.jsonl" in said


# --- limits -------------------------------------------------------------------------------------


def test_more_memory_than_allowed(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER + "".join(f"r{i},r{i + 1},0.9\n" for i in range(40_000)))
    code, answer, err = job.cluster(pairs, "--memory-limit", "6MB")
    assert (code, answer["error"]["code"]) == (5, "resource")
    assert "--memory-limit" in err
    assert not (job.folder / "run1").exists()


def test_limits_that_make_no_sense(job: Job) -> None:
    pairs = job.write("pairs.csv", HEADER)
    assert job.cluster(pairs, "--memory-limit", "plenty")[0] == 2
    assert job.cluster(pairs, "--threads", "0")[0] == 2
