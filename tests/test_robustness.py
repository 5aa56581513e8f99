"""What goes wrong outside: kill -9, a full disk, no memory, damaged files. The RUN that was there stays as it was."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import unsnarl
from strategies import SMALL
from unsnarl.errors import InputError, ResourceError
from unsnarl.files.scratch import Scratch, remove_abandoned

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

REPOSITORY = Path(__file__).resolve().parents[1]
N_KILLS = 4 if SMALL else 50
N_ROWS = 1_000 if SMALL else 60_000
FILES = ("clusters.parquet", "merges.parquet", "components.parquet", "run.json")


def digests(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in FILES}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(7)
    left, right = rng.integers(0, N_ROWS // 4, (2, N_ROWS))
    _, first = np.unique(np.minimum(left, right) * N_ROWS + np.maximum(left, right), return_index=True)
    columns = {
        "id_l": [f"record-{i:030d}" for i in left[first]],
        "id_r": [f"record-{i:030d}" for i in right[first]],
        "score": rng.random(len(first)) ** 3,
    }
    path = tmp_path_factory.mktemp("pairs") / "pairs.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.fixture
def place(pairs: Path, tmp_path: Path) -> Path:
    """A folder with a RUN of other settings in it, and one for temporary files."""
    (tmp_path / "temp").mkdir()
    unsnarl.cluster(pairs, cut=0.3).write(tmp_path / "run")
    return tmp_path


def command(pairs: Path, place: Path, *more: str) -> list[str]:
    given = [sys.executable, "-m", "unsnarl", "cluster", str(pairs), "--out", str(place / "run"), "--force", "--quiet"]
    return [*given, "--threads", "2", *more]


def environment(place: Path, **more: str) -> dict[str, str]:
    search = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": search, "TMPDIR": str(place / "temp"), **more}


def leftovers(place: Path) -> list[str]:
    return sorted(name for name in os.listdir(place) if name not in ("run", "temp")) + os.listdir(place / "temp")


NURSERY = """
import os, sys
import duckdb, numba, numpy, unsnarl
from unsnarl.cli import exits
from unsnarl.cli.commands import commands
for _ in sys.stdin:
    child = os.fork()
    if not child:
        os._exit(exits.run(commands, sys.argv[1:]))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""
"""Runs the command line in a child each time a line is read: loading the packages is most of the time."""


class Nursery:
    """Start runs in processes of their own, and wait for their ends."""

    def __init__(self, arguments: list[str], place: Path) -> None:
        given = [sys.executable, "-c", NURSERY, *arguments[3:]]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(given, env=environment(place), stdin=pipe, stdout=pipe, text=True)

    def start(self) -> int:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self) -> None:
        assert self.process.stdout.readline() == "gone\n"


def test_killed_at_any_moment(pairs: Path, place: Path) -> None:
    """Old and new are told apart by their cut; after each kill the RUN is one of the two, and whole."""
    old = digests(place / "run")
    nursery = Nursery(command(pairs, place), place)
    nursery.start()
    nursery.wait()  # compiles, where that has not been done
    started = time.perf_counter()
    nursery.start()
    nursery.wait()
    span = time.perf_counter() - started
    new = digests(place / "run")
    new.pop("run.json")
    rng = random.Random(11)
    for _ in range(N_KILLS):
        child = nursery.start()
        time.sleep(rng.random() * span * 1.1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        nursery.wait()
        result = unsnarl.open_run(place / "run")
        found = digests(place / "run")
        found.pop("run.json")
        assert found in (new, {name: old[name] for name in new})
        assert len(result.found.ids) > 0
    nursery.process.communicate()
    subprocess.run(command(pairs, place), env=environment(place), check=True)
    assert leftovers(place) == []


class Failing:
    """Let the n-th call of some functions fail as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.n_left = at
        for name in ("fsync", "rename", "mkdir", "open", "replace"):
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, function):
        def call(*arguments, **named):
            self.n_left -= 1
            if self.n_left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **named)

        return call


def test_the_nth_step_of_writing_fails_for_all_n(pairs: Path, place: Path) -> None:
    old = digests(place / "run")
    result = unsnarl.cluster(pairs)
    for at in range(1, 1000):
        with pytest.MonkeyPatch.context() as monkeypatch:
            failing = Failing(monkeypatch, at)
            try:
                result.write(place / "run", force=True)
            except (ResourceError, OSError):
                assert failing.n_left <= 0
            else:
                if failing.n_left > 0:
                    break
        unsnarl.open_run(place / "run")
        now = digests(place / "run")
        # Only after the folder has its name can a step fail and the new RUN be there, whole.
        assert now == old or now["clusters.parquet"] != old["clusters.parquet"]
    else:
        pytest.fail("writing never ended")
    assert at > 5
    assert [name for name in leftovers(place) if not name.startswith("unsnarl-")] == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_may_not_grow(pairs: Path, place: Path, share: float) -> None:
    """The system refuses writes past a size, as on a full disk, in the middle of a table."""
    old = digests(place / "run")
    limit = int(share * (place / "run" / "clusters.parquet").stat().st_size)

    def limit_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        command(pairs, place),
        env=environment(place, UNSNARL_CACHE_DIR=os.environ.get("UNSNARL_CACHE_DIR", "")),
        preexec_fn=limit_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert digests(place / "run") == old and leftovers(place) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.skipif(SMALL, reason="the small input fits")
def test_out_of_disk(pairs: Path, small_disk: Path) -> None:
    """The output does not fit; then what is spilled does not fit."""
    (small_disk / "temp").mkdir()
    for more in ((), ("--memory-limit", "4MB", "--temp-dir", str(small_disk / "temp"))):
        out = small_disk / "run" if not more else small_disk.parent / "elsewhere"
        given = [sys.executable, "-m", "unsnarl", "cluster", str(pairs), "--out", str(out), "--quiet", *more]
        kept = environment(small_disk.parent, TMPDIR=str(small_disk.parent))
        done = subprocess.run(given, env=kept, capture_output=True, text=True, check=False)
        if not more:
            assert done.returncode == 5, done.stderr
            assert "disk" in done.stderr or "space" in done.stderr.lower()
            assert os.listdir(small_disk) == ["temp"]
        else:
            # 15 % of 4 MB hold less than the pairs do, and the small disk has no room for the rest.
            assert done.returncode == 5 and "--temp-dir" in done.stderr, done.stderr
            assert os.listdir(small_disk / "temp") == [] and not out.exists()


def test_spilled_pairs_have_no_room(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    from unsnarl.report import forecast, intake

    monkeypatch.setattr(intake, "share_memory", lambda _: forecast.Shares(None, None, 0))
    expected = unsnarl.cluster(pairs, temp_dir=str(tmp_path)).merges
    assert len(expected) and os.listdir(tmp_path) == []
    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(ResourceError, match="--temp-dir"):
        unsnarl.cluster(pairs, temp_dir=str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_too_little_memory(pairs: Path, place: Path) -> None:
    old = digests(place / "run")
    done = subprocess.run(
        command(pairs, place, "--memory-limit", "20kB"),
        env=environment(place),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5 and "--memory-limit" in done.stderr
    assert digests(place / "run") == old and leftovers(place) == []


def test_flipped_bits_are_found_by_the_list_of_sums(pairs: Path, tmp_path: Path) -> None:
    content = bytearray(pairs.read_bytes())
    listed = tmp_path / "SHA256SUMS"
    listed.write_text(f"{hashlib.sha256(content).hexdigest()}  {pairs.name}\n")
    unsnarl.cluster(pairs, checksums=str(listed)).write(tmp_path / "run")
    rng = random.Random(3)
    for number in range(5 if SMALL else 20):
        damaged = content.copy()
        damaged[rng.randrange(4, len(content) - 4)] ^= 1 << rng.randrange(8)
        path = tmp_path / str(number) / pairs.name
        path.parent.mkdir()
        path.write_bytes(damaged)
        with pytest.raises((InputError, ResourceError)) as raised:
            unsnarl.cluster(path, checksums=str(listed)).write(tmp_path / f"run-{number}")
        assert str(raised.value)
        assert not (tmp_path / f"run-{number}").exists()


def test_a_list_of_sums_that_is_none(pairs: Path, tmp_path: Path) -> None:
    listed = tmp_path / "sums"
    listed.write_text("no sum\n")
    with pytest.raises(InputError, match="line 1"):
        unsnarl.cluster(pairs, checksums=str(listed))
    listed.write_text("")
    with pytest.raises(InputError, match="does not name"):
        unsnarl.cluster(pairs, checksums=str(listed)).write(tmp_path / "run")


@pytest.mark.parametrize("size", [0, 3, 12, 500, -1])
def test_cut_off_parquet(pairs: Path, place: Path, size: int) -> None:
    old = digests(place / "run")
    path = place / "temp" / "cut.parquet"
    path.write_bytes(pairs.read_bytes()[:size])
    done = subprocess.run(command(path, place), env=environment(place), capture_output=True, text=True, check=False)
    path.unlink()
    assert done.returncode == 3 and "cut.parquet" in done.stderr
    assert digests(place / "run") == old and leftovers(place) == []


def test_abandoned_folders_are_removed_and_others_left(tmp_path: Path) -> None:
    mine = Scratch(str(tmp_path))
    mine.make()
    for name in ("unsnarl-999999999-0123456789abcdef", f"unsnarl-{os.getpid()}-0123456789abcdef", "unsnarl-demo"):
        (tmp_path / name).mkdir()
    remove_abandoned(str(tmp_path))
    kept = {os.path.basename(mine.path), f"unsnarl-{os.getpid()}-0123456789abcdef", "unsnarl-demo"}
    assert set(os.listdir(tmp_path)) == kept
    mine.remove()
    mine.remove()
    assert not os.path.exists(mine.path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_the_system_gives_no_more_memory(pairs: Path, place: Path, share: float) -> None:
    """A limit on address space, set by the system and unknown to the program: a clear end, and the old RUN whole."""
    old = digests(place / "run")
    limit = int(share * 2_000_000_000)
    done = subprocess.run(
        command(pairs, place),
        env=environment(place),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    # With far too little the C library ends the process before anybody can say anything: 127, or an abort.
    assert done.returncode in (0, 5, 127, -signal.SIGABRT), done.stderr
    if done.returncode == 5:
        assert "emory" in done.stderr and leftovers(place) == []
    if done.returncode:
        assert digests(place / "run") == old


@pytest.fixture
def read_only_package(tmp_path: Path) -> Iterator[Path]:
    """The package, mounted so that nobody can write to it, where that is allowed; else as it is."""
    folder = tmp_path / "package"
    folder.mkdir()
    source = str(REPOSITORY / "src")
    if subprocess.run(["mount", "--bind", source, str(folder)], capture_output=True, check=False).returncode:
        folder.rmdir()
        yield REPOSITORY / "src"
        return
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


ONE_KERNEL = """
from unsnarl.kernels import fractions, jit
assert jit._cache_folder is None
assert fractions.compare_quotients(1, 3, 1, 2) == -1 and fractions.compare_quotients.signatures
"""


def test_a_read_only_install_no_home_and_nowhere_to_keep_kernels(read_only_package: Path, tmp_path: Path) -> None:
    """The whole command without the compiler; and one kernel with it, since all of them take a minute."""
    (tmp_path / "temp").mkdir()
    rows = tmp_path / "pairs.csv"
    rows.write_text("id_l,id_r,score\na,b,0.9\nb,c,0.6\n")
    bare = environment(tmp_path, UNSNARL_CACHE_DIR="/proc/none", PYTHONDONTWRITEBYTECODE="1")
    for name in ("HOME", "XDG_CACHE_HOME"):
        bare.pop(name, None)
    bare["PYTHONPATH"] = str(read_only_package)
    plain = {**bare, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command(rows, tmp_path), env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(leftovers(tmp_path)) <= {"pairs.csv", "package"}
    bare.pop("NUMBA_DISABLE_JIT", None)
    subprocess.run([sys.executable, "-c", ONE_KERNEL], env=bare, check=True, cwd=tmp_path)
    assert set(leftovers(tmp_path)) <= {"pairs.csv", "package"}
