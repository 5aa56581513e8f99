"""Running again: --previous links only what changed, --resume goes on where a run was stopped; same bytes."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unsnarl
from reference import interning as twin
from strategies import SMALL
from unsnarl import solve
from unsnarl.cli import exits
from unsnarl.cli.commands import commands
from unsnarl.engines import local
from unsnarl.errors import InputError
from unsnarl.interning import Ids, hash_contents
from unsnarl.model import Components, Pairs
from unsnarl.report import linking

parquet = pytest.importorskip("pyarrow.parquet")

FILES = ("clusters.parquet", "merges.parquet", "components.parquet")
Rows = dict[tuple[str, str], float]


def digests(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in FILES}


def without_ids(run: Path) -> dict[str, object]:
    """Give the bytes of a run, and its clusters without what they are called: --previous keeps ids."""
    clusters = parquet.read_table(run / "clusters.parquet").to_pydict()
    labels = [clusters.pop(name, None) for name in ("cluster_id", "content_id")]
    first = {label: record for record, label in zip(reversed(clusters["id"]), reversed(labels[0]), strict=True)}
    partition = [first[label] for label in labels[0]]
    return {**digests(run), "clusters.parquet": (clusters, partition)}


def make_rows(seed: int, n_components: int = 40) -> Rows:
    rng = random.Random(seed)
    rows: Rows = {}
    for component in range(n_components):
        size = rng.randint(2, 12)
        for _ in range(3 * size):
            a, b = sorted(rng.sample(range(size), 2))
            rows[f"c{component:03d}-{a:02d}", f"c{component:03d}-{b:02d}"] = rng.randint(0, 20) / 20
    return rows


def write(rows: Rows, path: Path) -> Path:
    lines = [f"{a},{b},{score}" for (a, b), score in rows.items()]
    path.write_text("\n".join(["id_l,id_r,score", *lines]) + "\n")
    return path


def change(rows: Rows, rng: random.Random) -> Rows:
    """Change some scores, drop a pair, add one between two components and one of a new record."""
    changed = dict(rows)
    for pair in rng.sample(sorted(changed), 5):
        changed[pair] = rng.randint(0, 20) / 20
    changed.pop(rng.choice(sorted(changed)))
    ids = sorted({id_ for pair in rows for id_ in pair})
    changed[tuple(sorted(rng.sample(ids, 2)))] = 0.9
    changed[rng.choice(ids), "zz-new"] = 0.8
    changed["aa-first", "ab-second"] = 0.9
    return changed


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records in components each linking was given."""
    seen: list[int] = []
    link = local.link

    def count(pairs, components, *more):
        seen.append(int((np.bincount(components.component_of) > 1).sum()))
        return link(pairs, components, *more)

    monkeypatch.setattr(local, "link", count)
    return seen


@pytest.mark.parametrize("linkage", ["average", "weighted"])
@pytest.mark.parametrize("seed", range(2 if SMALL else 8))
def test_previous_gives_the_same_bytes(tmp_path: Path, counted: list[int], seed: int, linkage: str) -> None:
    rows = make_rows(seed)
    first = write(rows, tmp_path / "first.csv")
    second = write(change(rows, random.Random(seed)), tmp_path / "second.csv")
    unsnarl.cluster(first, linkage=linkage).write(tmp_path / "old")
    unsnarl.cluster(second, linkage=linkage).write(tmp_path / "full")
    unsnarl.cluster(second, linkage=linkage, previous=tmp_path / "old").write(tmp_path / "again")
    assert without_ids(tmp_path / "full") == without_ids(tmp_path / "again")
    assert counted[2] <= 12 < 25 < counted[1]


def test_previous_of_the_same_input_links_nothing(tmp_path: Path, counted: list[int]) -> None:
    path = write(make_rows(1), tmp_path / "pairs.csv")
    unsnarl.cluster(path).write(tmp_path / "old")
    unsnarl.cluster(path, cut=0.2, previous=tmp_path / "old").write(tmp_path / "again")
    unsnarl.cluster(path, cut=0.2).write(tmp_path / "full")
    assert without_ids(tmp_path / "full") == without_ids(tmp_path / "again")
    assert counted[1] == 0


def test_previous_of_another_linkage_is_refused(tmp_path: Path) -> None:
    path = write(make_rows(1, 3), tmp_path / "pairs.csv")
    unsnarl.cluster(path, linkage="single").write(tmp_path / "old")
    with pytest.raises(InputError, match="another linkage"):
        unsnarl.cluster(path, previous=tmp_path / "old")
    with pytest.raises(InputError, match="no RUN"):
        unsnarl.cluster(path, previous=tmp_path / "none")


def test_resume_goes_on_after_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    path = write(make_rows(2), tmp_path / "pairs.csv")
    arguments = ["cluster", str(path), "--out", str(tmp_path / "run"), "--resume", "--quiet"]
    link = local.link

    def stop(*_):
        raise MemoryError

    monkeypatch.setattr(local, "link", stop)
    assert exits.run(commands, arguments) == 5
    assert not (tmp_path / "run").exists() and (tmp_path / ".run.resume").is_dir()
    monkeypatch.setattr(local, "link", link)

    def refuse(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("unsnarl.interning.intern", refuse)
    assert exits.run(commands, arguments) == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["pairs.csv", "run"]
    monkeypatch.undo()
    unsnarl.cluster(path).write(tmp_path / "plain")
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")


def test_resume_goes_on_after_linking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[int]) -> None:
    path = write(make_rows(2), tmp_path / "pairs.csv")
    unsnarl.cluster(path, resume=tmp_path / "run")
    result = unsnarl.cluster(path, resume=tmp_path / "run", cut=0.3)
    assert len(counted) == 1
    result.write(tmp_path / "run")
    unsnarl.cluster(path, cut=0.3).write(tmp_path / "plain")
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")
    unsnarl.cluster(path, resume=tmp_path / "run", linkage="single")
    assert len(counted) == 3


def test_resume_takes_up_a_forest_without_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write({("a", "b"): 0.0, ("b", "c"): 0.0}, tmp_path / "pairs.csv")
    asked = {"threshold": 0.0, "resume": tmp_path / "run"}
    assert len(unsnarl.cluster(pairs, **asked).found.forest) == 0

    def refuse(*_: object) -> None:
        raise AssertionError("it is linked again")

    monkeypatch.setattr(linking, "link_rest", refuse)
    assert unsnarl.cluster(pairs, **asked).found.components.component_of.tolist() == [0, 0, 0]


@pytest.mark.parametrize("damage", ["input", "setting", "checkpoint"])
def test_resume_starts_anew_where_something_changed(tmp_path: Path, damage: str) -> None:
    path = write(make_rows(3), tmp_path / "pairs.csv")
    unsnarl.cluster(path, resume=tmp_path / "run")
    kept = sorted((tmp_path / ".run.resume").iterdir())
    assert [path.name.split("-")[0] for path in kept] == ["linked", "settled"]
    threshold = 0.5
    if damage == "input":
        write(make_rows(4), path)
    elif damage == "setting":
        threshold = 0.7
    else:
        for part in kept:
            content = bytearray(part.read_bytes())
            content[len(content) // 2] ^= 255
            part.write_bytes(content)
    result = unsnarl.cluster(path, resume=tmp_path / "run", threshold=threshold)
    result.write(tmp_path / "run")
    unsnarl.cluster(path, threshold=threshold).write(tmp_path / "plain")
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")
    assert len(list((tmp_path / ".run.resume").iterdir())) == 2


def test_frames_are_not_kept(tmp_path: Path) -> None:
    unsnarl.cluster([{"id_l": "a", "id_r": "b", "score": 0.9}], resume=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=30 if SMALL else 200, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.integers(0, 3), max_size=20))
def test_contents_are_hashed_as_the_twin_does(rows) -> None:
    """Pairs of all components, and between them: those of score 0 tie nobody."""
    listed = sorted((a, b, score) for (a, b), score in rows.items() if a < b)
    columns = [np.array(column, dtype=np.int32) for column in (zip(*listed, strict=True) if listed else [[]] * 3)]
    pairs = Pairs(*columns, 10)
    components = solve.find_components(pairs, 1e-9)
    found = hash_contents(Ids.of("abcdefghij"), pairs, components).tolist()
    assert found == twin.hash_contents("abcdefghij", listed, components.component_of.tolist())


@settings(max_examples=30 if SMALL else 200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=12),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=12),
)
def test_contents_hash_the_same_exactly_for_the_same_contents(first, second) -> None:
    """All records in one component: the hashes agree when the pairs do."""

    def find(rows):
        pairs = {(min(a, b), max(a, b)): score for a, b, score in rows if a != b}
        columns = [(*pair, score) for pair, score in sorted(pairs.items())]
        arrays = [np.array(column, dtype=np.int32) for column in (zip(*columns, strict=True) if columns else [[]] * 3)]
        whole = Components(np.zeros(6, dtype=np.int32))
        return pairs, hash_contents(Ids.of("abcdef"), Pairs(*arrays, 6), whole).tolist()

    (pairs_a, hashes_a), (pairs_b, hashes_b) = find(first), find(second)
    assert (hashes_a == hashes_b) == (pairs_a == pairs_b)
    assert len(hashes_a) == 1 and len(hashes_a[0]) == 32
