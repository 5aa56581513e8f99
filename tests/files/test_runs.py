"""A RUN is whole or not there, and the same bytes for the same content."""

import json
import os
import shutil

import numpy as np
import pytest

from unsnarl.errors import InputError, ResourceError, UnsnarlError
from unsnarl.files import atomic, runs
from unsnarl.files.checksums import describe_inputs, find_checksum
from unsnarl.files.pairs import read_pairs
from unsnarl.files.runs import RunData, open_run, refuse_existing, write_run
from unsnarl.files.session import Session
from unsnarl.files.tables import count_clusters, make_clusters, make_components, make_merges
from unsnarl.model import Clustering, Components, Forest, Pairs
from unsnarl.settings import Settings

INT = np.int32


def make_run(ids=("a", "b", "c", "d", "é"), note="first"):
    ids = np.array(ids, dtype=object)
    n_rest = len(ids) - 5
    rest = np.arange(5, 5 + n_rest)
    components = Components(np.concatenate([[0, 0, 0, 3, 4], rest]).astype(INT))
    clustering = Clustering(np.concatenate([[0, 0, 2, 3, 4], rest]).astype(INT))
    component, left, right = np.zeros(2, INT), np.zeros(2, INT), np.array([1, 2], INT)
    forest = Forest(component, left, right, np.array([0.1, 0.7]), np.array([2, 3], INT), len(ids))
    pairs = Pairs(
        np.array([0, 0, 1, 1], INT), np.array([1, 2, 2, 3], INT), np.array([9, 3, 5, 1], INT) * INT(10**8), len(ids)
    )
    return RunData(
        make_clusters(ids, clustering, components),
        make_merges(ids, forest),
        {**make_components(ids, pairs, components, 0.5), **count_clusters(components, clustering)},
        {"note": note},
        counts={"n": np.int64(5)},
    )


def test_tables_of_a_run(session, tmp_path):
    manifest = write_run(session, tmp_path / "run", make_run(), force=False)
    run = open_run(tmp_path / "run")
    tables = ["clusters.parquet", "components.parquet", "merges.parquet"]
    assert sorted(os.listdir(tmp_path / "run")) == [*tables, "run.json"]
    clusters = {name: array.tolist() for name, array in run.read(session, "clusters").items()}
    assert clusters == {
        "id": ["a", "b", "c", "d", "é"],
        "cluster_id": ["a", "a", "c", "d", "é"],
        "cluster_size": [2, 2, 1, 1, 1],
        "component_id": ["a", "a", "a", "d", "é"],
        "component_size": [3, 3, 3, 1, 1],
    }
    merges = {name: array.tolist() for name, array in run.read(session, "merges").items()}
    assert merges == {
        "component_id": ["a", "a"],
        "left_id": ["a", "a"],
        "right_id": ["b", "c"],
        "distance": [0.1, 0.7],
        "size": [2, 3],
    }
    components = {name: array.tolist() for name, array in run.read(session, "components").items()}
    assert components == {
        "component_id": ["a"],
        "size": [3],
        "n_pairs": [3],
        "n_pairs_above_threshold": [2],
        "n_clusters": [2],
        "largest_cluster": [2],
        "content_hash": [""],
    }
    assert run.manifest == json.loads(json.dumps(manifest, default=int))
    assert manifest["outputs"]["clusters.parquet"]["sha256"] == find_checksum(run.path("clusters"))
    assert set(manifest["versions"]) == {"python", "unsnarl", "numpy", "numba", "duckdb"}
    assert run.find_changed() == []
    (tmp_path / "run" / "merges.parquet").write_bytes(b"PAR1")
    assert run.find_changed() == ["merges.parquet"]


def test_empty_run(session, tmp_path):
    none = np.array([], INT)
    empty = np.array([], dtype=object)
    forest = Forest(none, none, none, np.array([]), none, 0)
    parts, whole = Components(none), Clustering(none)
    components = make_components(empty, Pairs(none, none, none, 0), parts, 0.5)
    tables = (
        make_clusters(empty, whole, parts),
        make_merges(empty, forest),
        {**components, **count_clusters(parts, whole)},
    )
    write_run(session, tmp_path / "run", RunData(*tables, {}), force=False)
    read = open_run(tmp_path / "run").read(session, "clusters")
    assert [len(array) for array in read.values()] == [0] * 5


HOSTILE = ["a\0b", '"', "'", "NULL", "nan", "2024-01-01", "007", "1", "\u202e", "x" * 10**6, "a\nb", ""]


def test_hostile_ids_are_written_whole(session, tmp_path):
    write_run(session, tmp_path / 'it\'s; "a" *[1] run', make_run(HOSTILE), force=False)
    read = open_run(tmp_path / 'it\'s; "a" *[1] run').read(session, "clusters")
    assert read["id"].tolist() == HOSTILE


def test_same_bytes_for_any_threads_and_memory(tmp_path):
    ids = [f"record {i * i}" for i in range(300_000)]
    sums = []
    for threads, memory in [(1, None), (2, None), (4, "300MB")]:
        with Session(threads=threads, memory_limit=memory, temp_dir=tmp_path) as session:
            write_run(session, tmp_path / "run", make_run(ids), force=True)
            assert session.value("SELECT current_setting('threads')") == threads
        run = open_run(tmp_path / "run")
        sums.append([find_checksum(run.path(name)) for name in ("clusters", "merges", "components")])
    assert sums[0] == sums[1] == sums[2]


def test_inputs_are_described(session, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id_l,id_r,score\n")
    pairs = read_pairs(session, str(path), Settings())
    frame = read_pairs(session, [], Settings())
    described = describe_inputs([("pairs", pairs), ("pairs", frame)])
    assert described[0] == {"role": "pairs", "file": str(path), "bytes": 16, "sha256": find_checksum(str(path))}
    assert described[1] == {"role": "pairs", "frame": "dicts", "sha256": None}


def test_existing_output_is_refused_before_the_work(session, tmp_path):
    folder = tmp_path / "run"
    refuse_existing(folder, force=False)
    write_run(session, folder, make_run(), force=False)
    for given in (folder, f"{folder}/"):
        with pytest.raises(InputError, match="--force"):
            refuse_existing(given, force=False)
    with pytest.raises(InputError):
        write_run(session, folder, make_run(), force=False)
    refuse_existing(folder, force=True)
    (folder / "my notes.txt").write_text("keep me")
    with pytest.raises(InputError, match="my notes"):
        refuse_existing(folder, force=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(folder)
    for name in ("file", "link", "file/run"):
        with pytest.raises(InputError):
            refuse_existing(tmp_path / name, force=True)


def test_what_is_no_run_is_refused(session, tmp_path):
    with pytest.raises(InputError, match="There is no RUN"):
        open_run(tmp_path / "none")
    with pytest.raises(InputError, match="not finished"):
        open_run(tmp_path)
    for text, words in [("{", "cannot be read"), ("[]", "another version"), ('{"format": 99}', "another version")]:
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=words):
            open_run(tmp_path)
    write_run(session, tmp_path / "run", make_run(), force=False)
    (tmp_path / "run" / "merges.parquet").unlink()
    with pytest.raises(InputError, match=r"merges\.parquet"):
        open_run(tmp_path / "run")


class Fault:
    """Let the n-th of all watched calls fail, or end the process there."""

    def __init__(self, monkeypatch, n, act):
        self.calls, self.n, self.act = 0, n, act
        for owner, name in [
            (os, "fsync"), (os, "rename"), (os, "replace"), (os, "mkdir"), (os, "open"),
            (Session, "run"), (json, "dumps"), (runs, "sync_file"), (atomic, "sync_folder"), (shutil, "rmtree"),
        ]:  # fmt: skip
            if name == "rmtree" and act is disk_is_full:
                continue  # it is called so that it raises no OSError
            monkeypatch.setattr(owner, name, self.watch(getattr(owner, name)))

    def watch(self, function):
        def called(*arguments, **named):
            self.calls += 1
            if self.calls == self.n:
                self.act()
            return function(*arguments, **named)

        return called


def disk_is_full():
    raise OSError(28, "No space left on device")


def stop():
    raise KeyboardInterrupt


def find_state(folder):
    """Say which RUN is whole under the name, and that nothing else is there."""
    if not os.path.lexists(folder):
        return None
    run = open_run(folder)
    assert run.find_changed() == []
    return run.manifest["settings"]["note"]


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("act", [disk_is_full, stop])
def test_any_failing_call_leaves_the_old_or_the_new_run(tmp_path, before, act):
    seen = set()
    for n in range(1, 200):
        folder = tmp_path / str(n) / "run"
        folder.parent.mkdir()
        with Session(threads=1) as session:
            if before:
                write_run(session, folder, make_run(note=before), force=False)
            with pytest.MonkeyPatch.context() as patch:
                fault = Fault(patch, n, act)
                try:
                    write_run(session, folder, make_run(note="new"), force=True)
                    failed = False
                except (UnsnarlError, OSError, KeyboardInterrupt) as error:
                    failed = True
                    assert act is stop or isinstance(error, ResourceError)
        state = find_state(folder)
        seen.add((failed, state))
        assert state == "new" if not failed else state in (before, "new")
        if fault.calls < n:
            break
        shutil.rmtree(folder.parent)
    assert (True, before) in seen and fault.calls > 15


def test_a_kill_at_any_call_leaves_the_old_or_the_new_run(tmp_path):
    states = set()
    for n in range(1, 200):
        folder = tmp_path / str(n) / "run"
        folder.parent.mkdir()
        with Session(threads=1) as session:
            write_run(session, folder, make_run(note="old"), force=False)
        child = os.fork()
        if child == 0:
            with Session(threads=1) as session, pytest.MonkeyPatch.context() as patch:
                fault = Fault(patch, n, lambda: os._exit(9))
                write_run(session, folder, make_run(note="new"), force=True)
                os._exit(0 if fault.calls < n else 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        refuse_existing(folder, force=True)
        states.add(find_state(folder))
        assert os.listdir(folder.parent) == ["run"], "what the dead run left is cleaned up"
        if code == 0:
            break
        assert code == 9
        shutil.rmtree(folder.parent)
    assert states == {"old", "new"}


def test_a_living_writer_is_left_alone(session, tmp_path):
    target = tmp_path / "run"
    with atomic.new_folder(str(target)) as staging:
        atomic.recover(str(target))
        assert os.path.isdir(staging)
    assert target.is_dir()


def test_neighbours_with_like_names_are_left_alone(session, tmp_path):
    names = [".run.2.0123456789abcdef.old", ".run.notahexnumber!.tmp", "run.0123456789abcdef.tmp"]
    for name in names:
        (tmp_path / name).mkdir()
    write_run(session, tmp_path / "run", make_run(), force=False)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "run"]) or set(names) <= set(os.listdir(tmp_path))


def test_one_file_is_replaced_whole(tmp_path):
    path = tmp_path / "page.html"
    atomic.write_file(str(path), b"old")
    for name in ("fsync", "replace"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, name, lambda *_: disk_is_full())
            with pytest.raises(OSError, match="No space"):
                atomic.write_file(str(path), b"new")
        assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["page.html"]
    atomic.write_file(str(path), b"new")
    assert path.read_bytes() == b"new"


def test_a_changed_table_is_not_read(session, tmp_path):
    write_run(session, tmp_path / "run", make_run(), force=False)
    run = open_run(tmp_path / "run")
    with open(tmp_path / "run" / "clusters.parquet", "ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="not as the run wrote it"):
        run.read(session, "clusters")
    assert len(run.read(session, "merges")["size"]) == 2


@pytest.mark.parametrize("name", ["settings", "inputs", "outputs", "counts", "phases"])
def test_a_manifest_that_lacks_a_part_is_refused(session, tmp_path, name):
    manifest = write_run(session, tmp_path / "run", make_run(), force=False)
    del manifest[name]
    (tmp_path / "run" / "run.json").write_text(json.dumps(manifest, default=int))
    with pytest.raises(InputError, match="lacks what"):
        open_run(tmp_path / "run")


def test_an_output_that_holds_the_input_is_refused(session, tmp_path):
    write_run(session, tmp_path / "run", make_run(), force=False)
    for inputs in ([str(tmp_path / "run" / "merges.parquet")], [str(tmp_path / "run" / "*.parquet")]):
        with pytest.raises(InputError, match="holds what is to be read"):
            refuse_existing(tmp_path / "run", True, inputs)
    refuse_existing(tmp_path / "run", True, [str(tmp_path / "run2" / "merges.parquet")])
    with pytest.raises(InputError, match="has no name"):
        refuse_existing("", False)
    with pytest.raises(InputError, match="not a UTF-8 name"):
        refuse_existing(str(tmp_path / "run\udcff"), False)
