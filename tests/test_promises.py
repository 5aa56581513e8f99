"""The first promise: the same input gives byte-identical data files, however it is put and wherever it runs."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unsnarl
from strategies import SMALL, UNITS, seeded_graph

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

REPOSITORY = Path(__file__).resolve().parents[1]
CORA = REPOSITORY / "examples" / "cora"
DATA_FILES = ("clusters.parquet", "merges.parquet", "components.parquet")
LINKAGES = ("average", "single", "complete", "weighted")

Rows = list[tuple[str, str, float]]


def digests(run: Path) -> dict[str, str]:
    """Hash the data files of a run."""
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in DATA_FILES}


def read(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the data files of a run as rows."""
    return {name: parquet.read_table(run / name).to_pylist() for name in DATA_FILES}


def write_parquet(rows: Rows, path: Path) -> Path:
    left, right, score = zip(*rows, strict=True)
    table = {"id_l": left, "id_r": right, "match_probability": score}
    parquet.write_table(pyarrow.table(table), path)
    return path


def write_csv(rows: Rows, path: Path) -> Path:
    lines = [f"{left},{right},{score!r}" for left, right, score in rows]
    path.write_text("\n".join(["id_l,id_r,match_probability", *lines]) + "\n")
    return path


def shuffled(rows: Rows, seed: int) -> Rows:
    return random.Random(seed).sample(rows, len(rows))


def swapped(rows: Rows, seed: int) -> Rows:
    rng = random.Random(seed)
    return [(right, left, score) if rng.random() < 0.5 else (left, right, score) for left, right, score in rows]


def renamed(rows: Rows) -> Rows:
    """Rename every id so that the order of ids is kept."""
    return [(f"é {left}", f"é {right}", score) for left, right, score in rows]


def small_rows() -> tuple[Rows, list[str]]:
    """Some hundred pairs full of ties in several components, and the ids of all records: 3 are in no pair."""
    pairs, n_records = seeded_graph(2, "sparse", "tenths", 60)
    more, n_more = seeded_graph(3, "cliques", "four-values", 60)
    ids = [f"r{i * 37 % 1000:03d}" for i in range(n_records + n_more + 3)]
    both = [*pairs, *((left + n_records, right + n_records, score) for left, right, score in more)]
    return [(ids[left], ids[right], score / UNITS) for left, right, score in both], ids


def cora_rows() -> Rows:
    table = parquet.read_table(CORA / "pairs.parquet")
    return list(zip(*(table.column(i).to_pylist() for i in range(3)), strict=True))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return small_rows()[0] if SMALL else cora_rows()


@pytest.fixture(scope="module")
def expected(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the plainest run: one file in its own order, one thread."""
    folder = tmp_path_factory.mktemp("plain")
    unsnarl.cluster(write_parquet(rows, folder / "pairs.parquet"), threads=1).write(folder / "run")
    return digests(folder / "run")


def run_and_digest(given: Any, folder: Path, **settings: Any) -> dict[str, str]:
    unsnarl.cluster(given, **settings).write(folder / "run")
    return digests(folder / "run")


@pytest.mark.parametrize("threads", [1, 2, 8, None])
def test_threads(rows: Rows, expected: dict[str, str], tmp_path: Path, threads: int | None) -> None:
    path = write_parquet(rows, tmp_path / "pairs.parquet")
    assert run_and_digest(path, tmp_path, threads=threads) == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_rows_and_swapped_orientation(rows: Rows, expected: dict[str, str], tmp_path: Path, seed: int) -> None:
    path = write_parquet(swapped(shuffled(rows, seed), seed), tmp_path / "pairs.parquet")
    assert run_and_digest(path, tmp_path, threads=2) == expected


def test_repeated_rows(rows: Rows, expected: dict[str, str], tmp_path: Path) -> None:
    path = write_parquet(shuffled([*rows, *swapped(rows[::7], 5)], 5), tmp_path / "pairs.parquet")
    assert run_and_digest(path, tmp_path) == expected


def test_csv_and_several_files(rows: Rows, expected: dict[str, str], tmp_path: Path) -> None:
    write_csv(rows[1::2], tmp_path / "part-1.csv")
    write_csv(rows[0::2], tmp_path / "part-2.csv")
    assert run_and_digest(str(tmp_path / "part-*.csv"), tmp_path) == expected


def test_memory_limit(rows: Rows, expected: dict[str, str], tmp_path: Path) -> None:
    path = write_parquet(rows, tmp_path / "pairs.parquet")
    assert run_and_digest(path, tmp_path, memory_limit="600MB") == expected


def test_a_frame_gives_what_its_file_gives(rows: Rows, expected: dict[str, str], tmp_path: Path) -> None:
    table = parquet.read_table(write_parquet(shuffled(rows, 3), tmp_path / "pairs.parquet"))
    assert run_and_digest(table, tmp_path) == expected


def test_records_in_any_order(rows: Rows, tmp_path: Path) -> None:
    ids = sorted({record for left, right, _ in rows for record in (left, right)} | {"aaa", "zzz"})
    path = write_parquet(rows, tmp_path / "pairs.parquet")
    found = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "records.csv").write_text("\n".join(["id", *random.Random(seed).sample(ids, len(ids))]) + "\n")
        found.append(run_and_digest(path, folder, records=folder / "records.csv"))
    assert found[0] == found[1]


@pytest.mark.parametrize("linkage", LINKAGES)
def test_every_linkage(linkage: str, tmp_path: Path) -> None:
    rows, _ = small_rows()
    found = set()
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path = write_parquet(swapped(shuffled(rows, seed), seed), folder / "pairs.parquet")
        settings = {"linkage": linkage, "threshold": 0.2, "threads": seed + 1}
        found.add(tuple(run_and_digest(path, folder, **settings).values()))
    assert len(found) == 1


def test_renamed_ids_change_names_only(rows: Rows, tmp_path: Path) -> None:
    for name, given in (("plain", rows), ("renamed", renamed(rows))):
        (tmp_path / name).mkdir()
        path = write_parquet(given, tmp_path / name / "pairs.parquet")
        unsnarl.cluster(path).write(tmp_path / name / "run")
    plain, other = read(tmp_path / "plain" / "run"), read(tmp_path / "renamed" / "run")
    for table in other.values():
        for row in table:
            row.update({key: value.removeprefix("é ") for key, value in row.items() if isinstance(value, str)})
    for table in (*plain.values(), *other.values()):
        for row in table:
            # It is a hash of the ids, among others.
            row.pop("content_hash", None)
    assert plain == other


def test_an_unrelated_record_changes_nothing_else(rows: Rows, tmp_path: Path) -> None:
    ids = sorted({record for left, right, _ in rows for record in (left, right)})
    path = write_parquet(rows, tmp_path / "pairs.parquet")
    between = ids[len(ids) // 2] + "a"
    answers = []
    for name, given in (("without", ids), ("with", [*ids, between])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "records.csv").write_text("\n".join(["id", *given]) + "\n")
        unsnarl.cluster(path, tmp_path / name / "records.csv").write(tmp_path / name / "run")
        answers.append(read(tmp_path / name / "run"))
    added = [row for row in answers[1]["clusters.parquet"] if row["id"] == between]
    assert len(added) == 1 and added[0]["cluster_id"] == between and added[0]["cluster_size"] == 1
    answers[1]["clusters.parquet"].remove(added[0])
    for table in answers[1].values():
        table[:] = [row for row in table if row.get("component_id") != between]
    answers[0]["components.parquet"].sort(key=str)
    answers[1]["components.parquet"].sort(key=str)
    assert answers[0] == answers[1]


# Through the command line, each run in a process of its own


def cluster_in_process(folder: Path, pairs: Path, hash_seed: str, threads: str) -> dict[str, str]:
    command = [sys.executable, "-m", "unsnarl", "cluster", str(pairs), "--quiet", "--threads", threads]
    search = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": search}
    done = subprocess.run(
        [*command, "--out", str(folder / "run")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return digests(folder / "run")


@pytest.mark.parametrize(("hash_seed", "threads"), [("0", "1"), ("1", "2"), ("4242", "8")])
def test_hash_seeds_and_threads_of_the_command_line(
    rows: Rows, expected: dict[str, str], tmp_path: Path, hash_seed: str, threads: str
) -> None:
    given = swapped(shuffled(rows, int(hash_seed)), int(hash_seed))
    assert cluster_in_process(tmp_path, write_csv(given, tmp_path / "pairs.csv"), hash_seed, threads) == expected


@pytest.mark.slow
def test_known_clusters_of_cora(tmp_path: Path) -> None:
    """The example that ships with the project: every record in exactly one cluster, whatever the orientation."""
    for name, given in (("shipped", CORA / "pairs.parquet"), ("turned", None)):
        (tmp_path / name).mkdir()
        path = given or write_parquet(swapped(shuffled(cora_rows(), 9), 9), tmp_path / name / "pairs.parquet")
        unsnarl.cluster(path, CORA / "records.csv").write(tmp_path / name / "run")
    assert digests(tmp_path / "shipped" / "run") == digests(tmp_path / "turned" / "run")
    clusters = read(tmp_path / "shipped" / "run")["clusters.parquet"]
    n_lines = len((CORA / "truth.csv").read_text().splitlines()) - 1
    assert len(clusters) == len({row["id"] for row in clusters}) == n_lines == 1879
