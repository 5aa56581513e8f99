"""`unsnarl bhc` and `unsnarl.bhc`: what may go in, what comes out, and that it stays the same."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix

import unsnarl
from unsnarl.bayes.run import cluster_terms
from unsnarl.cli import exits
from unsnarl.cli.commands import commands
from unsnarl.report import term_forecast
from unsnarl.report.forecast import Forecast
from unsnarl.report.term_decisions import rule_terms
from unsnarl.report.term_intake import TermsAsked, read_input
from unsnarl.term_settings import TermSettings

SMALL = bool(os.environ.get("UNSNARL_SMALL"))
EXAMPLES = Path(__file__).parents[1] / "examples"
HISTORICAL = EXAMPLES / "historical50k"
SETS = {
    "a": ["ada", "lovelace", "london"],
    "b": ["ada", "lovelace", "london"],
    "c": ["ada", "lovelace"],
    "d": ["alan", "turing", "london"],
    "e": ["alan", "turing"],
    "f": [],
}
LISTS = [{"id": key, "terms": value} for key, value in SETS.items()]
ROWS = [{"id": key, "term": term} for key, value in SETS.items() for term in value]
CLUSTERS = {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": "f"}


def clusters(result: Any) -> dict[str, str]:
    found = result.found
    assert len(set(found.ids.tolist())) == len(found.ids)
    return dict(zip(found.ids.tolist(), found.ids[found.clustering.cluster_of].tolist(), strict=True))


def call(*arguments: object) -> int:
    return exits.run(commands, [str(argument) for argument in arguments])


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
def test_lists_rows_frames_files_and_matrices_say_the_same(tmp_path: Path, model: str) -> None:
    names = ("t.jsonl", "rows.jsonl", "t.parquet", "lists.parquet")
    jsonl, rows_jsonl, parquet, lists = (tmp_path / name for name in names)
    jsonl.write_text("\n".join(map(json.dumps, LISTS)))
    rows_jsonl.write_text("\n".join(map(json.dumps, ROWS)))
    pq.write_table(pa.Table.from_pylist(ROWS), parquet)
    pq.write_table(pa.Table.from_pylist(LISTS), lists)
    with_lists = [LISTS, pd.DataFrame(LISTS), pl.DataFrame(LISTS), pa.Table.from_pylist(LISTS), str(jsonl), str(lists)]
    with_rows = [ROWS, pd.DataFrame(ROWS), pl.DataFrame(ROWS), str(parquet), str(rows_jsonl)]
    with_rows.append(str(write_csv(tmp_path / "t.csv", ROWS)))
    for given in with_lists:
        assert clusters(unsnarl.bhc(given, model=model)) == CLUSTERS
    without_f = {key: value for key, value in CLUSTERS.items() if key != "f"}
    for given in with_rows:
        assert clusters(unsnarl.bhc(given, model=model)) == without_f
    names = sorted({row["term"] for row in ROWS})
    matrix = csr_matrix([[int(name in SETS[key]) for name in names] for key in SETS])
    assert clusters(unsnarl.bhc(matrix, ids=list(SETS), model=model)) == CLUSTERS


def test_answers_are_of_the_kind_that_was_given() -> None:
    assert isinstance(unsnarl.bhc(pd.DataFrame(LISTS)).clusters, pd.DataFrame)
    assert isinstance(unsnarl.bhc(pl.DataFrame(LISTS)).merges, pl.DataFrame)
    assert [row["size"] for row in unsnarl.bhc(LISTS).components] == [5]


def test_fields_and_pieces_become_terms(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "name": "maria smith", "city": "york", "zip": 1},
        {"id": 2, "name": "maria smyth", "city": "york", "zip": 2},
        {"id": 3, "name": "john brown", "city": "", "zip": 3},
        {"id": 4, "name": "", "city": "", "zip": ""},
    ]
    path = write_csv(tmp_path / "records.csv", rows)
    whole = unsnarl.bhc(str(path), fields="name,city", gamma=1.0)
    assert whole.found.counts["n_terms"] == 4
    assert whole.found.counts["n_empty_records"] == 1
    assert clusters(whole) == {"1": "1", "2": "2", "3": "3", "4": "4"}
    pieces = unsnarl.bhc(str(path), fields="name", ngrams=2)
    assert clusters(pieces) == {"1": "1", "2": "1", "3": "3", "4": "4"}
    assert unsnarl.bhc(str(path), ngrams=20).found.counts["n_terms"] == 7


def test_counts_add_up_and_none_is_as_if_the_row_were_not_there() -> None:
    once = [
        {"id": "a", "term": "x", "count": 3},
        {"id": "b", "term": "x", "count": 3},
        {"id": "b", "term": "y", "count": 0},
    ]
    again = [{"id": "a", "term": "x", "count": 1}, {"id": "a", "term": "x", "count": 2}, once[1]]
    assert unsnarl.bhc(once).merges == unsnarl.bhc(again).merges
    assert unsnarl.bhc(once).found.counts["n_terms"] == 1


@pytest.mark.parametrize("column", ["terms", "term", "tags"])
def test_lists_in_python_are_lists_in_any_column_and_keep_every_character(column: str) -> None:
    odd = ["é", "a\\b", 'q"r', "l\nm", "null", "[x]"]
    rows = [{"id": "a", column: odd}, {"id": "b", column: tuple(reversed(odd))}, {"id": "c", column: ["u00e9", "ab"]}]
    named = {} if column != "tags" else {"term_column": column}
    for given in (rows, pd.DataFrame(rows), {name: [row[name] for row in rows] for name in ("id", column)}):
        found = unsnarl.bhc(given, **named)
        assert clusters(found) == {"a": "a", "b": "a", "c": "c"}
        assert found.found.counts["n_terms"] == len(odd) + 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"id": "a", "terms": ["x"]}, {"id": "b", "terms": "x"}], "1 row with something that is no list of terms"),
        ([{"id": "a", "terms": ["x", float("nan")]}], "null or empty term in the list"),
        ([{"id": "a", "term": "x", "count": 1_000_000}] * 3000, "add up to more than"),
        (csr_matrix([[float("inf"), 1.0]]), "counts that are negative or fractional"),
        ([{"id": "a", "term": None}], "null or empty term"),
        ([{"id": "a", "terms": ["x", None]}], "null or empty term in the list"),
        ([{"id": None, "term": "x"}], "without an id"),
        ([{"id": "a", "term": "x", "count": -1}], "count that is negative, fractional"),
        ([{"id": "a", "term": "x", "count": 1.5}], "count that is negative, fractional"),
        ([{"id": "a", "terms": ["x"]}, {"id": "a", "terms": ["y"]}], "1 id occurs more than once"),
        ([{"id": "a", "word": "x"}], "no column term or terms"),
        ([{"id": "a", "terms": "x y"}], "no lists"),
        (csr_matrix([[0.5, 1.0]]), "counts that are negative or fractional"),
        (csr_matrix([[-1, 1]]), "counts that are negative or fractional"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_the_place(given: Any, words: str) -> None:
    with pytest.raises(unsnarl.InputError, match=words):
        unsnarl.bhc(given)


@pytest.mark.parametrize("bad", [None, "", 1.0])
def test_ids_of_a_matrix_keep_the_contract(bad: Any) -> None:
    with pytest.raises(unsnarl.InputError, match="1 of the ids"):
        unsnarl.bhc(csr_matrix([[1, 0], [1, 1]]), ids=["a", bad])


@pytest.mark.parametrize(
    ("name", "text", "options", "code", "words"),
    [
        ("empty.csv", "", [], 3, ["empty.csv is empty", "rows still needs a header"]),
        ("empty.jsonl", "", [], 3, ["empty.jsonl is empty", "write it as CSV with a header line"]),
        ("none.csv", "id,term\n", [], 0, ["0 records, 0 terms"]),
        ("lists.jsonl", '{"id":"a","terms":[]}\n{"id":"b","terms":null}\n', [], 0, ["2 records have no terms", "'b'"]),
        ("text.jsonl", '{"id":"a","terms":"x y"}\n', [], 3, ["holds text, and no lists"]),
        ("mixed.jsonl", '{"id":"a","terms":["x"]}\n{"id":"b","terms":{"x":1}}\n', [], 3, ["no list", "row 2: id 'b'"]),
        ("null.csv", "id,term\na,x\nb,\n", [], 3, ["1 row with a null or empty term", "row 2: id 'b'"]),
        ("null.jsonl", '{"id":"a","terms":["x",null]}\n', [], 3, ["term in the list", "row 1: id 'a'"]),
        ("count.csv", "id,term,count\na,x,-1\nb,x,0.5\n", [], 3, ["2 rows with a count", "row 2: id 'b', 'x', '0.5'"]),
        ("same.csv", "id,term\na,x\nb,x\nb,y\n", [], 0, ["1 term in every record", "'x'"]),
        ("twice.jsonl", '{"id":"a","terms":["x"]}\n{"id":"a","terms":[]}\n', [], 3, ["1 id occurs more than once"]),
        ("twice.csv", "id,name\n1,x\n1,y\n", ["--fields", "name"], 3, ["1 id occurs more than once", "row 2"]),
    ],
)
def test_bad_input_at_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, options: list[str], code: int, words: Any
) -> None:
    (tmp_path / name).write_text(text)
    assert call("bhc", tmp_path / name, *options, "--out", tmp_path / "RUN") == code
    said = capsys.readouterr().err
    assert all(word in said for word in words)
    assert "pairs" not in said.lower()
    assert (tmp_path / "RUN" / "run.json").exists() == (code == 0)
    if code == 0:
        manifest = json.loads((tmp_path / "RUN" / "run.json").read_text())
        assert manifest["counts"]["n_empty_records"] == (2 if name == "lists.jsonl" else 0)


def test_empty_lists_and_terms_that_all_have_are_told() -> None:
    notes = unsnarl.bhc(LISTS).found.notes
    assert notes == ("1 record has no terms, and is alone: 'f'",)
    all_have = unsnarl.bhc([{"id": i, "terms": ["same", f"own{i}"]} for i in range(3)])
    assert all_have.found.notes == ("1 term in every record, which tells nothing apart: 'same'",)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "poisson"}, "model is 'poisson'"),
        ({"gamma": -1.0}, "gamma is -1.0"),
        ({"without": "luck"}, "without is 'luck'"),
        ({"cut": -1.0}, "cut is under 0"),
        ({"naive": True, "group_duplicates": True}, "contradict"),
        ({"tune": True, "gamma": 3.0}, "one of them is given"),
        ({"cut": None}, "cut is None; it must be a number"),
        ({"threads": 1.5}, "threads is 1.5; it must be a whole number"),
        ({"mean": 0.2}, "mean is only for bernoulli with a uniform prior"),
        ({"mean": 0.2, "model": "bernoulli"}, "mean is only for bernoulli with a uniform prior"),
        ({"colour": 1}, "no setting 'colour'"),
        ({"count_column": "n"}, "counts go with one term in each row"),
        ({"fields": "terms", "count_column": "n"}, "no column holds terms or counts"),
        ({"fields": "terms", "term_column": "terms"}, "no column holds terms or counts"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(unsnarl.UsageError, match=words):
        unsnarl.bhc(LISTS, **settings)


@pytest.mark.parametrize("left_out", [{"naive": True}, {"without": "index"}])
def test_without_the_index_the_merges_are_those_of_exact(left_out: Any) -> None:
    loose: Any = {"prior": "uniform", "strength": 5.0, "gamma": 1.0}
    terms = {"A": "red round", "B": "red round", "C": "red", "D": "blue flat", "E": "blue flat", "F": "green"}
    six = [{"id": key, "terms": value.split()} for key, value in terms.items()]
    exact = unsnarl.bhc(six, exact=True, **loose).merges
    assert unsnarl.bhc(six, **loose, **left_out).merges == exact
    assert unsnarl.bhc(six, **loose).merges != exact


def test_a_prior_under_which_everything_merges_is_refused() -> None:
    rows = [{"id": i, "terms": [f"t{i}", f"t{i + 1}"]} for i in range(100)]
    with pytest.raises(unsnarl.UsageError, match=r"log odds of \+[0-9.]+: everything would be one cluster"):
        unsnarl.bhc(rows, model="bernoulli", prior="uniform", mean=0.5, strength=2.0, gamma=1.0)


def test_a_run_is_written_opened_cut_and_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terms, truth, out = tmp_path / "t.jsonl", tmp_path / "truth.csv", tmp_path / "RUN"
    terms.write_text("\n".join(map(json.dumps, LISTS)))
    write_csv(truth, [{"id": key, "entity": value} for key, value in CLUSTERS.items()])
    assert call("bhc", terms, "--out", out) == 0
    said = capsys.readouterr().err
    assert "exact: yes, certified" in said and "candidates scored" in said
    assert sorted(path.name for path in out.iterdir()) == [
        "clusters.parquet", "components.parquet", "merges.parquet", "run.json",
    ]  # fmt: skip
    merges = pq.read_table(out / "merges.parquet")
    assert merges.column_names == ["component_id", "left_id", "right_id", "log_odds", "size"]
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["method"] == "bhc" and manifest["settings"]["model"] == "multinomial"
    assert {"n_candidates_scored", "n_scans", "n_deferred_resolved", "n_postings_read"} <= set(manifest["counts"])
    assert call("evaluate", out, "--truth", truth, "--fail-under", "pairwise_f1=1") == 0
    assert call("cut", out, "--at", "1000") == 0
    assert "a,a,1,a,5" in capsys.readouterr().out
    assert call("cut", out, "--at", "-1") == 2
    assert call("bhc", terms, "--out", out) == 3
    assert call("bhc", terms, "--out", out, "--force", "--json", "--quiet") == 0
    assert call("diff", out, out) == 0
    log, again = tmp_path / "log.jsonl", tmp_path / "AGAIN"
    log.write_text('{"kind":"different","ids":["a","c"],"by":"ana","at":"2026-11-24T10:00:00Z"}\n')
    assert call("bhc", terms, "--out", again, "--decisions", log, "--previous", out) == 0
    assert clusters(unsnarl.open_run(again)) == {**CLUSTERS, "c": "c"}
    assert call("diff", out, again, "--json", "--quiet") == 0
    assert call("cut", again, "--at", "1", "--out", tmp_path / "cut.csv") == 0
    opened = unsnarl.open_run(out)
    assert clusters(opened) == CLUSTERS and opened.found.counts["is_exact"]
    with pytest.raises(unsnarl.UsageError):
        opened.linkage()


def test_a_higher_cut_of_a_run_is_the_run_with_that_cut() -> None:
    n_records = 60 if SMALL else 200
    rows, settings = historical(n_records), {"fields": "full_name,dob,birth_place", "gamma": 5.0}
    result, tree = unsnarl.bhc(rows, **settings), unsnarl.bhc(rows, **settings, rule="tree")
    for cut in (0.0, 2.0, 8.0):
        assert clusters(result.at(cut)) == clusters(unsnarl.bhc(rows, **settings, cut=cut))
        assert set(clusters(tree.at(cut))) == set(clusters(result))
    assert len(tree.found.odds) == n_records - 1
    assert clusters(tree.at(-1e6 + 1)) == dict.fromkeys(clusters(tree), "h50k-00000")


def historical(n_records: int) -> list[dict[str, Any]]:
    lines = (HISTORICAL / "records.csv").read_text().splitlines()[: n_records + 1]
    head = lines[0].split(",")
    return [dict(zip(head, line.split(","), strict=False)) for line in lines[1:]]


IDEAS = ["table", "deferral", "index", "duplicates", "skipping", "partners", "deferral,index,duplicates,skipping"]


@pytest.mark.parametrize("without", IDEAS)
@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
def test_ideas_change_nothing_on_real_data(model: str, without: str) -> None:
    n_records = 60 if SMALL else 150 if "table" in without else 500
    rows = historical(n_records)
    settings = {"fields": "first_name,surname,dob,birth_place,gender", "model": model}
    plain, other = unsnarl.bhc(rows, **settings), unsnarl.bhc(rows, **settings, without=without)
    assert plain.merges == other.merges
    assert plain.found.counts["is_exact"]


COMBINATIONS = [
    ",".join(ideas)
    for k in range(1, 6)
    for ideas in itertools.combinations(["deferral", "index", "duplicates", "skipping", "partners"], k)
]
REAL = {
    "cora": ("author,title,journal,year", COMBINATIONS),
    "febrl3": ("given_name,surname,suburb,postcode,date_of_birth", COMBINATIONS),
    "historical50k": ("first_name,surname,dob,birth_place,gender", ["duplicates", "partners"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("example", REAL)
@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
def test_combinations_change_nothing_on_whole_sets(example: str, model: str) -> None:
    fields, combinations = REAL[example]
    settings = TermSettings(fields=fields, model=model)
    terms = read_input(TermsAsked(str(EXAMPLES / example / "records.csv")), settings, rule_terms).terms
    plain = cluster_terms(terms, settings).forest
    for without in combinations:
        other = cluster_terms(terms, replace(settings, without=without)).forest
        for name in ("left", "right", "log_odds", "size"):
            assert getattr(plain, name).tobytes() == getattr(other, name).tobytes(), without


@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
def test_bytes_do_not_depend_on_rows_or_threads(tmp_path: Path, model: str) -> None:
    rows = historical(60 if SMALL else 600)
    digests = set()
    for i, given in enumerate((rows, rows[::-1], sorted(rows, key=lambda row: row["surname"]))):
        out = tmp_path / str(i)
        result = unsnarl.bhc(given, ngrams=3, fields="full_name", model=model, threads=i + 1)
        result.write(out)
        tables = [(out / f"{name}.parquet").read_bytes() for name in ("clusters", "merges", "components")]
        digests.add(hashlib.sha256(b"".join(tables)).hexdigest())
    assert len(digests) == 1


def test_progress_is_told_and_memory_is_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    class Notes:
        def __init__(self) -> None:
            self.phases: list[str] = []
            self.told: list[str] = []

        def tell(self, text: str) -> None:
            self.told.append(text)

        def start(self, phase: str, total: int, unit: str) -> None:
            self.phases.append(phase)

        def update(self, done: int) -> None:
            assert done >= 0

        def finish(self) -> None: ...

    notes = Notes()
    result = unsnarl.bhc(LISTS, progress=notes)
    assert notes.phases == ["reading", "loading kernels", "indexing", "merging", "naming"]
    assert notes.told == []
    monkeypatch.setattr(term_forecast, "WORTH_TELLING_SECONDS", 0.0)
    unsnarl.bhc(LISTS, progress=notes)
    forecast = result.found.counts["forecast"]
    memory, seconds = f"{forecast['memory_bytes'] / 1e6:.1f} MB", f"{forecast['seconds']:.1f} s"
    assert notes.told == [f"forecast: about {memory} of memory and {seconds}"]
    with pytest.raises(unsnarl.UnsnarlError, match="of memory; the limit is"):
        unsnarl.bhc(csr_matrix([[1, 1]] * 50), memory_limit="10KB")


def test_the_forecast_grows_with_what_the_work_grows_with() -> None:
    def forecast(n_records: int, n_common: int) -> Forecast:
        rows = [{"id": i, "terms": [f"own{i}", f"half{i % n_common}"]} for i in range(n_records)]
        return term_forecast.forecast_terms(read_input(TermsAsked(rows), TermSettings(), rule_terms).terms)

    few, common, rare = forecast(1000, 2), forecast(2000, 2), forecast(2000, 40)
    assert few.memory_bytes < common.memory_bytes == rare.memory_bytes
    # A term of half the records is left unread; one of each fortieth is looked up, by 50 records in each.
    assert few.seconds < common.seconds < rare.seconds


def read_until(terminal: int, word: str) -> str:
    """Read what a program shows on its terminal, until a word is there; OSError is its end."""
    seen = ""
    while word not in seen:
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
@pytest.mark.skipif(SMALL, reason="the compiler is what is waited for")
def test_ctrl_c_inside_one_component_leaves_what_was_there(tmp_path: Path) -> None:
    import pty

    out, terms = tmp_path / "RUN", tmp_path / "terms.jsonl"
    terms.write_text("\n".join(json.dumps({"id": i, "terms": ["all", f"a{i % 50}"]}) for i in range(4000)))
    assert call("bhc", terms, "--out", out, "--quiet") == 0
    before = (out / "run.json").read_bytes()
    # Without the table and the kinds there would be work for an hour.
    arguments = ["bhc", str(terms), "--out", str(out), "--force", "--gamma", "1", "--without", "table,duplicates,index"]
    child, terminal = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        os.execve(sys.executable, [sys.executable, "-m", "unsnarl", *arguments], environment)
    try:
        shown = read_until(terminal, "merging")
        shown += read_until(terminal, "clusters")
        sent = time.monotonic()
        os.write(terminal, b"\x03")
        shown += read_until(terminal, "interrupted")
        status = os.waitpid(child, 0)[1]
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert time.monotonic() - sent < 5
    assert "left" in shown and "of 4,000 records" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["RUN", "terms.jsonl"]
    assert (out / "run.json").read_bytes() == before


def test_tuning_is_told() -> None:
    result = unsnarl.bhc(historical(60 if SMALL else 500), fields="full_name,dob", tune=True)
    assert "highest evidence of 25 pairs tried" in result.found.notes[-1]
    assert len(result.found.counts["tried"]) == 25


def test_a_table_without_rows_has_nothing_to_score() -> None:
    result = unsnarl.bhc(pa.table({"id": pa.array([], pa.string()), "term": pa.array([], pa.string())}))
    assert len(result.clusters) == 0
    assert "yes, certified: no two clusters were there to score" in result.summary()


def test_truth_of_other_records_is_refused_with_ids_of_both() -> None:
    linked = unsnarl.cluster([{"id_l": "a", "id_r": "b", "score": 0.9}])
    for result in (linked, unsnarl.bhc(LISTS)):
        with pytest.raises(unsnarl.InputError, match=r"(?s)No record of the run.*in the run: 'a'.*in the truth: 'q'"):
            unsnarl.evaluate(result, [{"id": "q", "entity": "1"}])


def test_grouping_first_says_that_exactness_is_not_claimed() -> None:
    assert "not claimed" in unsnarl.bhc(LISTS, group_duplicates=True).summary()


def test_linkage_loads_none_of_this() -> None:
    code = (
        "import sys, unsnarl; unsnarl.cluster([{'id_l': 'a', 'id_r': 'b', 'score': 1.0}]).clusters; "
        "print([name for name in sys.modules if 'kernels.bhc' in name or 'unsnarl.bayes' in name])"
    )
    source = str(Path(__file__).parents[1] / "src")
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert found.stdout.strip() == "[]"
