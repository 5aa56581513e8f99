"""Ids that stay with clusters from run to run, and what `diff` says: whole runs, against the slow twin."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

import unsnarl
from reference import lineage as slow
from unsnarl.cli import exits
from unsnarl.cli.commands import commands
from unsnarl.errors import InputError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

Scores = dict[tuple[str, str], float]
TABLES = ("clusters", "merges", "components", "lineage", "retired_ids")


def read(path: Path) -> list[dict[str, Any]]:
    return parquet.read_table(path).to_pylist()


def clustering(run: Path) -> dict[str, str]:
    return {row["id"]: row["cluster_id"] for row in read(run / "clusters.parquet")}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows_of(run: Path) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in read(run / "lineage.parquet")]


def as_rows(scores: Scores) -> list[dict[str, Any]]:
    return [{"id_l": a, "id_r": b, "score": score} for (a, b), score in scores.items()]


def drift(scores: Scores, records: list[str], rng: random.Random) -> tuple[Scores, list[str]]:
    """Let some scores change, some records go and some come."""
    records = sorted({*rng.sample(records, len(records) - 4), *(f"r{rng.randrange(90):02d}" for _ in range(5))})
    kept = {pair: score for pair, score in scores.items() if set(pair) <= set(records) and rng.random() < 0.8}
    for pair in rng.sample(sorted(kept), 5):
        kept[pair] = rng.choice([0.2, 0.45, 0.9])
    for _ in range(12):
        a, b = sorted(rng.sample(records, 2))
        kept[a, b] = rng.choice([0.3, 0.6, 0.7, 0.95])
    return kept, records


def test_ten_runs_of_drifting_data_keep_ids_by_the_rule(tmp_path: Path) -> None:
    rng = random.Random(7)
    records = sorted({f"r{rng.randrange(90):02d}" for _ in range(70)})
    scores: Scores = {tuple(sorted(rng.sample(records, 2))): rng.choice([0.3, 0.7, 0.9]) for _ in range(60)}
    unsnarl.cluster(as_rows(scores), [{"id": r} for r in records]).write(tmp_path / "0")
    chain = slow.Chain(clustering(tmp_path / "0"))
    kinds: set[str] = set()
    for number in range(1, 11):
        scores, records = drift(scores, records, rng)
        given = as_rows(scores), [{"id": r} for r in records]
        run, fresh, before = tmp_path / str(number), tmp_path / f"fresh{number}", chain.clustering()
        unsnarl.cluster(*given, previous=tmp_path / str(number - 1)).write(run)
        unsnarl.cluster(*given).write(fresh)
        for table in ("merges", "components"):
            assert digest(run / f"{table}.parquet") == digest(fresh / f"{table}.parquet")
        chain.follow(clustering(fresh))
        assert clustering(run) == chain.clustering()
        assert rows_of(run) == slow.lineage(before, chain.clustering())
        kinds |= {row[0] for row in rows_of(run)}
        rows, plain = read(run / "clusters.parquet"), read(fresh / "clusters.parquet")
        members = slow.clusters_of(clustering(run))
        assert all(row.pop("content_id") == slow.content_id(members[row["cluster_id"]]) for row in rows)
        for row in (*rows, *plain):
            del row["cluster_id"]
        assert rows == plain
    assert kinds >= {"unchanged", "merged", "split", "reshuffled", "new", "gone"}
    assert any(name.startswith("cluster:") for name in chain.clustering().values())


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs one after the other: `a`, `b` after it, `c` after that; and their pairs."""
    folder = tmp_path_factory.mktemp("three")
    rng = random.Random(3)
    records = [f"r{i:02d}" for i in range(60)]
    scores: Scores = {tuple(sorted(rng.sample(records, 2))): rng.choice([0.3, 0.7, 0.9]) for _ in range(70)}
    previous = None
    for name in "abc":
        (folder / f"{name}.json").write_text(json.dumps([as_rows(scores), [{"id": r} for r in records]]))
        unsnarl.cluster(as_rows(scores), [{"id": r} for r in records], previous=previous).write(folder / name)
        previous = folder / name
        scores, records = drift(scores, records, rng)
    return folder


def test_the_order_of_rows_and_the_threads_do_not_show(three: Path, tmp_path: Path) -> None:
    pairs, records = json.loads((three / "c.json").read_text())
    for seed in range(3):
        rng = random.Random(seed)
        turned = [{**p, "id_l": p["id_r"], "id_r": p["id_l"]} if rng.random() < 0.5 else p for p in pairs]
        rng.shuffle(turned)
        shuffled = rng.sample(records, len(records))
        unsnarl.cluster(turned, shuffled, previous=three / "b", threads=1 + seed).write(tmp_path / str(seed))
        for table in TABLES:
            assert digest(tmp_path / str(seed) / f"{table}.parquet") == digest(three / "c" / f"{table}.parquet")


def test_a_run_with_stable_ids_is_opened_as_it_was(three: Path, tmp_path: Path) -> None:
    result = unsnarl.open_run(three / "c")
    result.write(tmp_path / "copy")
    for table in TABLES:
        assert digest(tmp_path / "copy" / f"{table}.parquet") == digest(three / "c" / f"{table}.parquet")
    rows = [tuple(row) for row in result.lineage.itertuples(index=False)]
    assert [tuple(None if value != value else value for value in row) for row in rows] == rows_of(three / "c")
    assert "since the run before:" in result.summary()
    assert unsnarl.open_run(three / "a").lineage is None


def test_another_cut_goes_on_from_the_run(three: Path, tmp_path: Path) -> None:
    run = clustering(three / "c")
    pairs, records = json.loads((three / "c.json").read_text())
    same = unsnarl.open_run(three / "c").at(0.5)
    assert dict(zip(same.clusters["id"], same.clusters["cluster_id"], strict=True)) == run
    unsnarl.open_run(three / "c").at(0.2).write(tmp_path / "cut")
    fresh = unsnarl.cluster(pairs, records, cut=0.2)
    fresh.write(tmp_path / "fresh")
    chain = slow.Chain(run)
    # The twin would name by smallest records, so it is told what the run calls them; no history is needed here.
    chain.named = {members: name for name, members in slow.clusters_of(run).items()}
    chain.last_named = {name: members for members, name in chain.named.items()}
    chain.follow({row["id"]: row["cluster_id"] for row in fresh.clusters})
    assert clustering(tmp_path / "cut") == chain.clustering()
    assert rows_of(tmp_path / "cut") == slow.lineage(run, chain.clustering())
    assert digest(tmp_path / "cut" / "merges.parquet") == digest(tmp_path / "fresh" / "merges.parquet")


def test_clusters_and_merges_can_be_joined(three: Path) -> None:
    """The name that merges have for a cluster is its smallest record."""
    run = clustering(three / "c")
    name_of = {name: min(members) for name, members in slow.clusters_of(run).items()}
    merged = {record: record for record in run}
    for row in read(three / "c" / "merges.parquet"):
        if row["distance"] <= 0.5:
            merged = {r: row["left_id"] if name == row["right_id"] else name for r, name in merged.items()}
    assert {record: name_of[name] for record, name in run.items()} == merged


def test_evaluation_does_not_depend_on_names(three: Path, tmp_path: Path) -> None:
    pairs, records = json.loads((three / "c.json").read_text())
    fresh = unsnarl.cluster(pairs, records)
    truth = [{"id": r["id"], "entity": int(r["id"][1:]) % 7} for r in records]
    figures = unsnarl.evaluate(fresh, truth)
    assert unsnarl.evaluate(three / "c", truth) == figures
    assert unsnarl.evaluate(unsnarl.open_run(three / "c"), truth) == figures


def test_content_ids_without_a_run_before(tmp_path: Path) -> None:
    pairs = [{"id_l": "a", "id_r": "bc", "score": 0.9}, {"id_l": "bc", "id_r": "d", "score": 0.1}]
    result = unsnarl.cluster(pairs, content_ids=True)
    named = {row["id"]: (row["cluster_id"], row["content_id"]) for row in result.clusters}
    both, alone = slow.content_id(frozenset(["a", "bc"])), slow.content_id(frozenset(["d"]))
    assert both == hashlib.sha1(b"1:a2:bc").hexdigest()
    assert named == {"a": ("a", both), "bc": ("a", both), "d": ("d", alone)}
    result.write(tmp_path / "run")
    assert not (tmp_path / "run" / "lineage.parquet").exists()
    cut = unsnarl.open_run(tmp_path / "run").at(0.05).clusters
    assert cut["cluster_id"].tolist() == ["a", "bc", "d"]
    assert cut["content_id"].tolist() == [slow.content_id(frozenset([r])) for r in ("a", "bc", "d")]


def test_a_run_of_bhc_keeps_ids_too(tmp_path: Path) -> None:
    words = ["red big old", "red big old", "blue", "blue", "green wide", "green wide", "green wide"]
    terms = [{"id": f"r{i}", "terms": text.split()} for i, text in enumerate(words)]
    settings: dict[str, Any] = {"gamma": 1.0, "strength": 1.0}
    unsnarl.bhc(terms, **settings).write(tmp_path / "a")
    changed = [row for row in terms if row["id"] not in ("r0", "r4")]
    changed += [{"id": f"q{i}", "terms": ["new", "here"]} for i in range(2)]
    unsnarl.bhc(changed, previous=tmp_path / "a", **settings).write(tmp_path / "b")
    fresh = {row["id"]: row["cluster_id"] for row in unsnarl.bhc(changed, **settings).clusters}
    chain = slow.Chain(clustering(tmp_path / "a"))
    before = chain.clustering()
    chain.follow(fresh)
    assert clustering(tmp_path / "b") == chain.clustering()
    assert rows_of(tmp_path / "b") == slow.lineage(before, chain.clustering())
    assert clustering(tmp_path / "b")["r1"] == "r0"
    with pytest.raises(InputError, match="no RUN"):
        unsnarl.bhc(iter(()), previous=tmp_path / "none")
    opened = unsnarl.open_run(tmp_path / "b")
    assert dict(zip(opened.clusters["id"], opened.clusters["cluster_id"], strict=True)) == chain.clustering()
    assert opened.at(opened.found.floor + 1000.0).clusters["cluster_id"].nunique() == len(changed)


def test_a_run_with_lineage_is_replaced_with_force_only(three: Path, tmp_path: Path) -> None:
    result = unsnarl.open_run(three / "b")
    result.write(tmp_path / "run")
    with pytest.raises(InputError, match="exists already"):
        result.write(tmp_path / "run")
    result.write(tmp_path / "run", force=True)


def test_a_damaged_lineage_is_not_read(three: Path, tmp_path: Path) -> None:
    unsnarl.open_run(three / "b").write(tmp_path / "run")
    path = tmp_path / "run" / "retired_ids.parquet"
    path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    with pytest.raises(InputError, match="not as the run wrote it"):
        unsnarl.cluster([{"id_l": "a", "id_r": "b", "score": 0.9}], previous=tmp_path / "run")


OLD = {"a": "1", "b": "1", "c": "2", "d": "3", "e": "3", "f": "4", "é": "5"}
NEW = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "z", "f": "4", "n": "5"}


def write_labels(labels: dict[str, str], path: Path) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.table({"id": list(labels), "cluster_id": list(labels.values())}), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"record_id": r, "label": c}) + "\n" for r, c in labels.items()))
    else:
        path.write_text("unique_id,who\n" + "".join(f"{r},{c}\n" for r, c in labels.items()))
    return path


@pytest.mark.parametrize("endings", [(".csv", ".jsonl"), (".parquet", ".csv"), (".jsonl", ".parquet")])
def test_diff_of_labelled_files(tmp_path: Path, capsys, endings: tuple[str, str]) -> None:
    old, new = write_labels(OLD, tmp_path / f"old{endings[0]}"), write_labels(NEW, tmp_path / f"new{endings[1]}")
    out = tmp_path / "lineage.parquet"
    assert exits.run(commands, ["diff", str(old), str(new), "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    expected = slow.lineage(OLD, NEW)
    assert [tuple(row.values()) for row in read(out)] == expected
    assert parquet.read_schema(out).names == ["change", "old_cluster_id", "new_cluster_id", "n_records"]
    assert {change: counts["n_records"] for change, counts in answer["changes"].items()} == {
        kind: sum(row[3] for row in expected if row[0] == kind) for kind in slow.KINDS
    }
    assert (answer["n_records_before"], answer["n_records_after"], answer["n_records_in_both"]) == (7, 7, 6)
    assert (answer["n_records_moved"], answer["is_same"]) == (2, False)
    assert [change["change"] for change in answer["worst"]] == ["merged", "split", "new", "gone"]
    assert answer["worst"][0] == {
        "change": "merged",
        "n_moved": 1,
        "n_added": 0,
        "n_removed": 0,
        "n_old": 2,
        "n_new": 1,
        "rows": [
            {"old_cluster_id": "1", "new_cluster_id": "x", "n_records": 2},
            {"old_cluster_id": "2", "new_cluster_id": "x", "n_records": 1},
        ],
    }


def test_diff_in_lines_and_as_csv(tmp_path: Path, capsys) -> None:
    old, new = write_labels(OLD, tmp_path / "old.csv"), write_labels(NEW, tmp_path / "new.csv")
    out = tmp_path / "lineage.csv"
    arguments = ["diff", str(old), str(new), "--out", str(out), "--record-id", "unique_id", "--cluster-id", "who"]
    assert exits.run(commands, [*arguments, "--worst", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "7 records in 5 clusters before, 7 records in 5 clusters after; 6 records in both, 2 of them moved"
    )
    assert lines[-1] == "  merged      1 moved: 1 (2) + 2 (1) -> x (3)"
    assert out.read_text().splitlines()[:2] == ["change,old_cluster_id,new_cluster_id,n_records", "merged,1,x,2"]
    assert "gone,5,,1" in out.read_text() and "new,,5,1" in out.read_text()
    assert exits.run(commands, arguments) == 3
    assert exits.run(commands, [*arguments, "--force", "--quiet"]) == 0


def test_diff_of_what_is_no_clustering(tmp_path: Path, capsys) -> None:
    good = write_labels(OLD, tmp_path / "good.csv")
    (tmp_path / "again.csv").write_text("id,cluster\na,1\nb,1\na,2\n")
    (tmp_path / "null.csv").write_text("id,cluster\na,1\nb,\n")
    (tmp_path / "none.csv").write_text("id,cluster\n")
    (tmp_path / "many.csv").write_text("id,x,y\na,1,2\n")
    for name, said in [
        ("again.csv", "1 id occurs more than once"),
        ("null.csv", "1 row without an id or a cluster"),
        ("none.csv", "has no rows"),
        ("many.csv", "--cluster-id"),
        ("missing.csv", "missing.csv"),
    ]:
        for pair in ((good, tmp_path / name), (tmp_path / name, good)):
            assert exits.run(commands, ["diff", *map(str, pair), "--json"]) == 3
            assert said in json.dumps(json.loads(capsys.readouterr().out)["error"])
    assert exits.run(commands, ["diff", str(good), str(good), "--out", str(tmp_path / "out.txt")]) == 2


def test_diff_of_runs_files_frames_and_results(three: Path, tmp_path: Path, capsys) -> None:
    before, after = clustering(three / "b"), clustering(three / "c")
    expected = slow.lineage(before, after)
    as_table = [{"id": record, "cluster": name} for record, name in after.items()]
    for old, new in [
        (three / "b", three / "c"),
        (unsnarl.open_run(three / "b"), as_table),
        (three / "b" / "clusters.parquet", unsnarl.open_run(three / "c")),
    ]:
        found = unsnarl.diff(old, new)
        rows = [tuple(None if value != value else value for value in row) for row in found.lineage.to_numpy().tolist()]
        assert rows == expected
    assert rows_of(three / "c") == expected
    same = unsnarl.diff(three / "c", as_table)
    assert same.is_same() and same.worst() == [] and "worst first:" not in same.lines()
    assert not found.is_same()
    assert repr(found).startswith("<unsnarl.Difference: ")
    assert exits.run(commands, ["diff", str(three / "b"), str(three / "none")]) == 3
    assert exits.run(commands, ["diff", str(three / "b"), str(three / "c"), "--out", str(three / "c" / "x.csv")]) == 3


def test_diff_of_very_many_clusters_shows_some(capsys) -> None:
    old = [{"id": f"{i:03d}", "cluster": i} for i in range(300)]
    found = unsnarl.diff(old, [{**row, "cluster": 0} for row in old])
    (change,) = found.worst()
    assert (change["n_old"], change["n_new"], change["n_moved"], len(change["rows"])) == (300, 1, 299, 100)
    assert found.lines()[-1].endswith("+ 296 more -> 0 (100)")
