"""The command line: exit codes, streams, the input contract, and what an interruption leaves behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unsnarl
from unsnarl.cli import exits, progress
from unsnarl.cli.commands import commands

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
HEADER = "id_l,id_r,match_probability\n"
PAIRS = HEADER + "b,a,0.9\nb,c,0.8\nd,e,0.95\nc,d,0.55\n"
RECORDS = "id,name\na,Ada\nb,Bea\nc,Cy\nd,Di\ne,Ed\nf,Flo\n"
TRUTH = "id,entity\na,1\nb,1\nc,1\nd,2\ne,2\nz,9\n"


class Call:
    """Run the command line in this process: exit code, standard output, standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        code = exits.run(commands, [str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small job in it: pairs.csv, records.csv, truth.csv."""
    (tmp_path / "pairs.csv").write_text(PAIRS)
    (tmp_path / "records.csv").write_text(RECORDS)
    (tmp_path / "truth.csv").write_text(TRUTH)
    return tmp_path


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, with Ctrl-C working as on a terminal."""
    environment = {**os.environ, "PYTHONPATH": SOURCE, **options.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "unsnarl", *map(str, arguments)],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def run(*arguments: object, **options: Any) -> tuple[int, str, str]:
    """Run the command line in a process of its own."""
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


# --- what costs nothing -------------------------------------------------------------------------


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return set(done.stderr.split())


HELP = """
from unsnarl.cli import exits
from unsnarl.cli.commands import commands
assert exits.run(commands, {arguments}) == 0
"""


@pytest.mark.parametrize("arguments", [["--help"], ["cluster", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"numba", "numpy", "duckdb", "rich", "narwhals", "pandas", "polars", "pyarrow"}
    assert not heavy & modules_after(HELP.format(arguments=arguments))


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"numba", "numpy", "duckdb", "rich", "click", "unsnarl.api"}
    loaded = modules_after("import unsnarl\nunsnarl.__version__\ndir(unsnarl)")
    assert not heavy & loaded
    assert "unsnarl.api" in modules_after("import unsnarl\nunsnarl.cluster")


def test_every_public_name_can_be_loaded() -> None:
    for name in unsnarl.__all__:
        assert getattr(unsnarl, name) is not None
    assert set(unsnarl.__all__) <= set(dir(unsnarl))
    with pytest.raises(AttributeError):
        _ = unsnarl.nonsense


def test_help_lists_commands_and_defaults(call: Call) -> None:
    code, out, _ = call("--help")
    assert code == 0
    for name in ("cluster", "check", "cut", "evaluate", "demo"):
        assert f"\n  {name} " in out
    code, out, _ = call("cluster", "--help")
    assert code == 0
    assert "--id-left" in out and "[default: average]" in out and "--on-conflict [error|max|mean|min]" in out
    code, out, _ = call("--version")
    assert (code, out) == (0, f"unsnarl, version {unsnarl.__version__}\n")


# --- exit codes and streams ---------------------------------------------------------------------


def test_summary_on_stderr_and_nothing_on_stdout(folder: Path) -> None:
    code, out, err = run("cluster", folder / "pairs.csv", "--records", folder / "records.csv", "--out", folder / "run")
    assert (code, out) == (0, "")
    assert "6 records, 4 pairs (4 inside components)" in err
    assert "\x1b" not in err  # no animation where nobody looks
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        "clusters.parquet",
        "components.parquet",
        "merges.parquet",
        "run.json",
    ]


def test_quiet_says_nothing(call: Call, folder: Path) -> None:
    assert call("cluster", folder / "pairs.csv", "--out", folder / "run", "--quiet") == (0, "", "")


def test_json_is_one_object(call: Call, folder: Path) -> None:
    code, out, _ = call("cluster", folder / "pairs.csv", "--out", folder / "run", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["ok"], answer["schema"], answer["n_records"], answer["n_clusters"]) == (True, 1, 5, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (["cluster"], 2, "usage"),
        (["cluster", "{folder}/pairs.csv", "--out", "{folder}/run", "--cut", "1.5"], 2, "usage"),
        (["cluster", "{folder}/pairs.csv", "--out", "{folder}/run", "--linkage", "centroid"], 2, "usage"),
        (["cluster", "{folder}/pairs.csv", "--out", "{folder}"], 3, "input"),
        (["nonsense"], 2, "usage"),
        (["cluster", "{folder}/nothing.csv", "--out", "{folder}/run"], 3, "input"),
        (["cut", "{folder}", "--at", "0.3"], 3, "input"),
        (["cut", "{folder}/nowhere", "--at", "0.3"], 3, "input"),
    ],
)
def test_errors_are_objects_too(call: Call, folder: Path, arguments: list[str], code: int, name: str) -> None:
    given = [argument.format(folder=folder) for argument in arguments]
    assert call(*given)[0] == code
    exit_code, out, err = call(*given, "--json")
    answer = json.loads(out)
    assert exit_code == code
    assert (answer["ok"], answer["schema"], answer["error"]["code"], answer["error"]["exit_code"]) == (
        False,
        1,
        name,
        code,
    )
    assert answer["error"]["problem"] and err
    assert not (folder / "run").exists()


def test_exit_codes_reach_the_shell(folder: Path) -> None:
    assert run("cluster")[0] == 2
    assert run("check", folder / "nothing.csv")[0] == 3
    assert run("--version")[0] == 0


def test_an_output_that_exists_is_refused_before_the_work(call: Call, folder: Path) -> None:
    arguments = ["cluster", folder / "pairs.csv", "--out", folder / "run", "--quiet"]
    assert call(*arguments)[0] == 0
    before = (folder / "run" / "run.json").read_bytes()
    # The pairs cannot be read now: a complaint about the output can only come before the work.
    (folder / "pairs.csv").write_text("nonsense")
    code, _, err = call(*arguments)
    assert code == 3 and "exists already" in err
    code, _, err = call(*arguments, "--force")
    assert code == 3 and "pairs.csv" in err
    assert (folder / "run" / "run.json").read_bytes() == before
    (folder / "pairs.csv").write_text(PAIRS)
    assert call(*arguments, "--force")[0] == 0


class Broken:
    """Stands in for a request that fails in the middle of the work."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *args: object, **kwargs: object) -> None:
        raise self.error


class OutOfMemoryException(Exception):
    """Named as DuckDB names it."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), 5),
        (OutOfMemoryException("failed to allocate"), 5),
        (OSError(28, "No space left on device", "/somewhere"), 5),
        (PermissionError(13, "Permission denied", "/somewhere"), 2),
        (ValueError("a mistake of ours"), 1),
        (unsnarl.ResourceError("component c7 does not fit"), 5),
    ],
)
def test_failures_in_the_middle(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr("unsnarl.api.cluster", Broken(error))
    exit_code, out, err = call("cluster", folder / "pairs.csv", "--out", folder / "run", "--json")
    assert exit_code == json.loads(out)["error"]["exit_code"] == code
    assert "Traceback" not in err
    if code == 1:
        assert "UNSNARL_DEBUG" in err
        monkeypatch.setenv("UNSNARL_DEBUG", "1")
        assert "Traceback" in call("cluster", folder / "pairs.csv", "--out", folder / "run")[2]


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    pairs = HEADER + "".join(f"r{i:06},r{i + 1:06},0.1\n" for i in range(40_000))
    (folder / "many.csv").write_text(pairs)
    assert run("cluster", folder / "many.csv", "--out", folder / "run", "--quiet")[0] == 0
    command = (
        f'"{sys.executable}" -m unsnarl cut "{folder}/run" --at 0.5 --quiet | head -n 1; echo "${{PIPESTATUS[0]}}"'
    )
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["id,cluster_id,cluster_size,component_id,component_size", "0"]
    assert done.stderr == ""


# --- the other commands -------------------------------------------------------------------------


@pytest.fixture
def run_folder(call: Call, folder: Path) -> Path:
    """A finished run over the small job."""
    arguments = ["cluster", folder / "pairs.csv", "--records", folder / "records.csv", "--out", folder / "run"]
    assert call(*arguments, "--quiet")[0] == 0
    return folder / "run"


def read_csv(text: str) -> dict[str, str]:
    rows = [line.split(",") for line in text.splitlines()]
    assert rows[0] == ["id", "cluster_id", "cluster_size", "component_id", "component_size"]
    return {row[0]: row[1] for row in rows[1:]}


def test_cut_at_another_distance(call: Call, run_folder: Path) -> None:
    """a-b .9, d-e .95, {a,b}-c (0 + .8)/2 = .4 at distance .6, then {a,b,c}-{d,e} .55/6."""
    code, out, err = call("cut", run_folder, "--at", "0.6")
    assert code == 0
    assert read_csv(out) == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": "f"}
    assert "records in it" in err
    assert len(set(read_csv(call("cut", run_folder, "--at", "0.07")[1]).values())) == 5
    assert len(set(read_csv(call("cut", run_folder, "--at", "0")[1]).values())) == 6
    assert call("cut", run_folder, "--at", "1.2")[0] == 2


def test_cut_into_a_file(call: Call, run_folder: Path) -> None:
    table, lines = run_folder.parent / "cut.parquet", run_folder.parent / "cut.csv"
    code, out, _ = call("cut", run_folder, "--at", "0.5", "--out", table, "--json")
    assert code == 0 and json.loads(out)["n_clusters"] == 4
    # Cut where it was cut already, the file holds what the run holds.
    assert pq.read_table(table).equals(pq.read_table(run_folder / "clusters.parquet"))
    assert pq.read_table(table).schema.equals(pq.read_table(run_folder / "clusters.parquet").schema)
    assert call("cut", run_folder, "--at", "0.5", "--out", lines)[:2] == (0, "")
    assert lines.read_text() == call("cut", run_folder, "--at", "0.5")[1]
    assert call("cut", run_folder, "--at", "0.5", "--out", lines)[0] == 3
    assert call("cut", run_folder, "--at", "0.6", "--out", lines, "--force")[0] == 0
    assert call("cut", run_folder, "--at", "0.6", "--out", run_folder.parent / "cut.xlsx")[0] == 2


def test_evaluate(call: Call, run_folder: Path) -> None:
    """Clusters {a,b} {c} {d,e}, entities {a,b,c} {d,e}: 2 pairs of 2 are right, 2 of 4 found."""
    truth = run_folder.parent / "truth.csv"
    code, out, _ = call("evaluate", run_folder, "--truth", truth, "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["pairwise_precision"], answer["pairwise_recall"], answer["pairwise_f1"]) == (1.0, 0.5, 2 / 3)
    assert (answer["n_evaluated"], answer["n_without_truth"], answer["n_unknown"]) == (5, 1, 1)
    code, out, _ = call("evaluate", run_folder, "--truth", truth)
    assert code == 0 and "pairwise      1.0000   0.5000   0.6667" in out and "without truth" in out


def test_evaluate_with_named_columns(call: Call, run_folder: Path) -> None:
    truth = run_folder.parent / "other.csv"
    truth.write_text("who;what;else\na;1;x\nb;1;y\n")
    assert call("evaluate", run_folder, "--truth", truth)[0] == 3
    columns = ["--truth-id", "who", "--truth-entity", "what"]
    assert call("evaluate", run_folder, "--truth", truth, *columns)[0] == 0
    assert call("evaluate", run_folder, "--truth", truth, "--truth-id", "who", "--truth-entity", "nope")[0] == 3


def test_gates(call: Call, run_folder: Path) -> None:
    arguments = ["evaluate", run_folder, "--truth", run_folder.parent / "truth.csv"]
    assert call(*arguments, "--fail-under", "pairwise_recall=0.5")[0] == 0
    code, out, err = call(
        *arguments, "--fail-under", "pairwise_recall=0.51", "--fail-under", "b_cubed_f1=0.1", "--json"
    )
    answer = json.loads(out)
    assert (code, answer["ok"], answer["error"]["code"], answer["pairwise_recall"]) == (4, False, "gate", 0.5)
    assert "pairwise_recall is 0.500000, under 0.51" in err and "b_cubed_f1" not in err
    for wrong in ("pairwise_recall", "pairwise_recall=x", "pairwise_recall=2", "nonsense=0.5"):
        assert call(*arguments, "--fail-under", wrong)[0] == 2


def test_a_truth_that_knows_nobody_is_refused(call: Call, run_folder: Path) -> None:
    truth = run_folder.parent / "strangers.csv"
    truth.write_text("id,entity\nx,1\ny,1\n")
    code, _, err = call("evaluate", run_folder, "--truth", truth)
    assert code == 3 and "No record of the run has truth" in err


def test_check_profiles_without_clustering(call: Call, folder: Path) -> None:
    code, out, err = call("check", folder / "pairs.csv", "--records", folder / "records.csv")
    assert (code, err) == (0, "")
    assert "4 rows of pairs" in out and "forecast: about" in out and "no problem found" in out
    answer = json.loads(call("check", folder / "pairs.csv", "--json")[1])
    assert answer["ok"] and answer["facts"]["n_pairs"] == 4 and answer["forecast"]["memory_bytes"] > 0
    assert sorted(path.name for path in folder.iterdir()) == ["pairs.csv", "records.csv", "truth.csv"]


def test_check_lists_every_problem(call: Call, folder: Path) -> None:
    (folder / "bad.csv").write_text(HEADER + "a,b,0.9\nb,a,0.8\nc,zzz,nan\n,a,0.5\n")
    code, out, err = call("check", folder / "bad.csv", "--records", folder / "records.csv")
    assert code == 3 and "4 problems found" in out and "4 problems" in err
    code, out, _ = call("check", folder / "bad.csv", "--records", folder / "records.csv", "--json")
    answer = json.loads(out)
    assert code == 3 and not answer["ok"] and len(answer["problems"]) == 4


@pytest.mark.slow
def test_demo(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("demo", "--out", tmp_path / "demo")
    assert code == 0
    figures = {
        line.split("  ")[0]: line.split()[-3:] for line in out.splitlines() if line.startswith(("comp", "unsnarl "))
    }
    assert figures == {"components alone": ["0.015", "0.969", "0.029"], "unsnarl": ["0.996", "0.857", "0.921"]}
    assert "6,165" in out
    # A demo may replace a demo, and nothing else.
    assert call("demo", "--out", tmp_path / "demo", "--quiet") == (0, "", "")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    assert call("demo", "--out", tmp_path / "mine")[0] == 3


# --- progress -----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_animation_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    assert not progress.wants_animation(quiet=False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert progress.wants_animation(quiet=False)
    assert not progress.wants_animation(quiet=True)
    monkeypatch.setenv("TERM", "dumb")
    assert not progress.wants_animation(quiet=False)


@pytest.mark.parametrize("no_color", [False, True])
def test_bar_shows_units_done(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1") if no_color else monkeypatch.delenv("NO_COLOR", raising=False)
    with progress.open_progress(quiet=False) as display:
        display.update(1)  # before any phase: nothing to show
        display.start("linking", 2_000, "pairs")
        display.update(1_500)
        time.sleep(0.15)  # the display redraws ten times a second
        display.start("cutting", 0, "")
        time.sleep(0.15)
        display.finish()
        display.finish()
    text = terminal.getvalue()
    assert "linking" in text and "1,500 of 2,000 pairs" in text and "cutting" in text
    assert ("\x1b[3" in text) == (not no_color)


def test_silence_takes_every_report() -> None:
    with progress.open_progress(quiet=True) as display:
        display.start("linking", 5, "pairs")
        display.update(3)
        display.finish()
    assert type(display) is progress.SilentProgress


# --- Ctrl-C -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heavy_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs that take some seconds: one component of many records."""
    random = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("heavy") / "heavy.parquet"
    n_pairs, n_records = 1_500_000, 150_000
    sides = {name: random.integers(0, n_records, n_pairs) for name in ("id_l", "id_r")}
    pq.write_table(pa.table({**sides, "match_probability": random.integers(0, 1_000, n_pairs) / 1000}), path)
    return path


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a sign of life of a process, or for its end."""
    deadline = time.monotonic() + 60
    while process.poll() is None and not condition():
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["reading", "after reading", "linking"])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, heavy_pairs: Path, phase: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    arguments = ["cluster", heavy_pairs, "--out", tmp_path / "run", "--on-conflict", "max"]
    process = start(*arguments, env={"TMPDIR": str(scratch)}, cwd=tmp_path)
    # The engine that reads has a scratch folder as long as it is at work.
    wait_until(lambda: any(scratch.glob("*/*")), process)
    if phase != "reading":
        wait_until(lambda: not any(scratch.glob("*/*")), process)
    if phase == "linking":
        time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - sent < 3
    assert err.strip() == "unsnarl: interrupted."
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_while_writing(tmp_path: Path, folder: Path) -> None:
    """The run is there whole, or not at all."""
    pairs = HEADER + "".join(f"r{i:06},r{i + 1:06},0.9\n" for i in range(60_000))
    (folder / "many.csv").write_text(pairs)
    out = tmp_path / "out"
    out.mkdir()
    process = start("cluster", folder / "many.csv", "--out", out / "run")
    wait_until(lambda: any(out.iterdir()), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert [path.name for path in out.iterdir()] in ([], ["run"])
    assert process.returncode == 130 or (out / "run" / "run.json").is_file()


# --- what breaks around the program -------------------------------------------------------------


def test_everything_left_out_has_an_example(call: Call, folder: Path) -> None:
    (folder / "odd.csv").write_text(HEADER + "a,b,0.9\nb,a,0.9\na,a,1\nc,d,2\nc,d,0.5\nd,c,0.7\nx,a,0.1\nq'q,f,0.6\n")
    options = ["--on-bad-score", "drop", "--on-conflict", "mean", "--allow-unknown-ids", "--json", "--quiet"]
    code, out, _ = call(
        "cluster", folder / "odd.csv", "--records", folder / "records.csv", "--out", folder / "r", *options
    )
    assert code == 0
    said = {note.split("\n")[0].partition(" ")[2]: note.split("\n")[1:] for note in json.loads(out)["notes"]}
    rows = [[line.split("row ")[1].split(":")[0] for line in lines] for lines in said.values()]
    assert rows == [["4"], ["3"], ["1", "2"], ["5", "6"], ["7", "8"]], said


def test_a_table_of_clusters_is_called_so(call: Call, folder: Path) -> None:
    (folder / "table.csv").write_text("id,cluster_id\na,1\na,2\n")
    err = call("evaluate", folder / "table.csv", "--truth", folder / "truth.csv")[2]
    assert "CLUSTERS: 1 id occurs more than once" in err and "TRUTH" not in err
    err = call("evaluate", folder / "truth.csv", "--truth", folder / "truth.csv")[2]
    assert "CLUSTERS: " in err and "'cluster_id'" in err and "--truth" not in err
    err = call("evaluate", folder / "table.csv", "--truth", folder / "truth.csv", "--truth-id", "nope")[2]
    assert "--truth-id" in err and "--record-id" not in err


def test_a_cut_never_changes_a_run(call: Call, run_folder: Path) -> None:
    before = (run_folder / "clusters.parquet").read_bytes()
    code, _, err = call("cut", run_folder, "--at", "0.2", "--out", run_folder / "clusters.parquet", "--force")
    assert (code, (run_folder / "clusters.parquet").read_bytes()) == (3, before)
    assert "inside a RUN" in err


def test_settings_of_a_run_that_make_no_sense(call: Call, run_folder: Path) -> None:
    manifest = json.loads((run_folder / "run.json").read_text())
    manifest["settings"]["cut"] = 7
    (run_folder / "run.json").write_text(json.dumps(manifest))
    code, _, err = call("cut", run_folder, "--at", "0.2")
    assert code == 3 and "cut is 7" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_streams_that_are_full_or_closed(folder: Path, run_folder: Path) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        program = f"{sys.executable} -m unsnarl"
        environment = {**os.environ, "PYTHONPATH": SOURCE}
        command = line.format(unsnarl=program, run=run_folder, folder=folder)
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, check=False)

    full = shell("{unsnarl} cut {run} --at 0.4 --json > /dev/full")
    assert full.returncode == 5 and "The disk is full" in full.stderr and "Traceback" not in full.stderr
    assert shell("{unsnarl} cut {run} --at 0.4 --quiet >&-").returncode == 0
    for end in ("2> /dev/full", "2>&-"):
        assert shell("{unsnarl} cluster {folder}/pairs.csv --out {folder}/again --force " + end).returncode == 0


def test_data_is_utf8_in_every_locale(folder: Path) -> None:
    (folder / "accents.csv").write_text(HEADER + "é,日本,0.9\n", encoding="utf-8")
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": SOURCE}
    environment = {**os.environ, **environment}
    run = folder / "accents"
    for arguments in (["cluster", folder / "accents.csv", "--out", run], ["cut", run, "--at", "0.5", "--quiet"]):
        command = [sys.executable, "-m", "unsnarl", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
    assert "é,é,2,é,2\n日本,é,2,é,2\n" in done.stdout.decode()


def test_no_more_threads_means_out_of_resources() -> None:
    assert exits.translate(RuntimeError("can't start new thread")).exit_code == 5


def interrupt_while_loading(module: str, number: signal.Signals, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line, with the signal sent to itself in the middle of an import."""
    program = f"""
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Finder())
from unsnarl.cli import main
sys.argv = ["unsnarl", "cut", "nowhere", "--at", "0.5"]
main()
"""
    environment = {**os.environ, "PYTHONPATH": SOURCE, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
@pytest.mark.parametrize(
    ("module", "number", "code"),
    [("click", signal.SIGINT, 130), ("duckdb", signal.SIGINT, 130), ("duckdb", signal.SIGTERM, 143)],
)
def test_signals_while_modules_are_loaded(tmp_path: Path, module: str, number: signal.Signals, code: int) -> None:
    done = interrupt_while_loading(module, number, tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.startswith("unsnarl: ")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_sigterm_leaves_nothing_behind(tmp_path: Path, heavy_pairs: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = start("cluster", heavy_pairs, "--out", tmp_path / "run", env={"TMPDIR": str(scratch)}, cwd=tmp_path)
    wait_until(lambda: any(scratch.glob("*/*")), process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (143, "unsnarl: stopped by the system.")
    assert list(tmp_path.iterdir()) == [scratch] and list(scratch.iterdir()) == []


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["cut", "no-such-run", "--at", "0.5"], 3)])
def test_ctrl_c_after_the_work_is_done_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    remove = exits._Scratch.remove

    def press_and_remove(scratch: exits._Scratch) -> None:
        signal.raise_signal(signal.SIGINT)
        remove(scratch)

    monkeypatch.setattr(exits._Scratch, "remove", press_and_remove)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert exits.run(commands, arguments) == code
    finally:
        signal.signal(signal.SIGINT, before)
