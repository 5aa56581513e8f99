"""The published case and its smaller and larger versions: whole programs on files, and a picture of them."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.large import Shape, make

HOME = Path(__file__).parent
SIZES = (550_000, 5_500_000, 55_000_000)
LONGEST_SECONDS = {550_000: 150}
"""Processor time that a program may take, by the number of pairs; 400 s where nothing is said."""

EXPLAINED = """Each program starts from the same files (`python -m benchmarks.large`): ids of 40 characters and a
score in Parquet, records in a CSV; 3 % of the pairs are at the threshold or over it. Wall time, start-up included,
and peak memory; *x* is the time against the floor, which is measured before each run of each program. A program is
stopped at 60 % of the machine's memory, or after some minutes of processor time, and the table says so. The largest
size, 50 files of 25 GB, was run once, by `--size 500000000 --method unsnarl`. Programs were measured at different
times of a busy day: compare the x, and not the seconds."""

MEMORY_SHARE = 0.6
"""How much of the machine's memory a program may hold before it is stopped: the rest is for the files it reads."""

NAMES = {
    "floor": "DuckDB looks at the three columns (the floor)",
    "unsnarl": "unsnarl cluster, whole",
    "unsnarl-1GB": "unsnarl cluster --memory-limit 1GB",
    "splink": "Splink, connected components alone",
    "scipy": "pandas and SciPy, connected components alone",
    "note": "the published program (networkx, pandas, fastcluster)",
    "dedupe": "dedupe's cluster",
}
COLOURS = dict(zip(NAMES, ("#7d8590", "#0b6e4f", "#6fbf9b", "#c1440e", "#0969da", "#8250df", "#b59f00"), strict=True))


class Wanted(NamedTuple):
    """Say what is to be measured.

    sizes    pairs of each size
    methods  programs, by their names here
    repeats  rounds; the middle one counts
    inputs   folder with a folder of files for each size, made before (default: they are made, and removed)
    longest  processor time a program may take, in seconds (default: as LONGEST_SECONDS has it)
    """

    sizes: tuple[int, ...] = SIZES
    methods: tuple[str, ...] = tuple(NAMES)
    repeats: int = 1
    inputs: Path | None = None
    longest: float | None = None


def command(method: str, folder: Path, out: Path) -> list[str]:
    """Give the command line of a program, on the files of a folder."""
    if not method.startswith("unsnarl"):
        return [sys.executable, "-m", "benchmarks.peers", method, str(folder)]
    limit = ["--memory-limit", "1GB"] if method == "unsnarl-1GB" else []
    given = [str(folder / "pairs-*.parquet"), "--records", str(folder / "records.csv"), "--sep", "|"]
    return [sys.executable, "-m", "unsnarl", "cluster", *given, "--out", str(out / "run"), "--force", *limit]


def _look_at(process_id: int, started: float) -> tuple[float, float]:
    """Tell the processor time a process took and the bytes it holds; where the system does not say, time and 0."""
    place = Path(f"/proc/{process_id}")
    try:
        held = int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        used = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK"), held
    except (OSError, IndexError, ValueError):
        return time.perf_counter() - started, 0


def measure(command: list[str], longest_seconds: float = 400.0) -> dict[str, Any]:
    """Run one program to its end; gives wall time, time of all processors, the most memory it held, and what it said.

    longest_seconds  processor time it may take

    A program that takes too long, or too much memory, is stopped; the note says which.
    """
    most_bytes = MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=HOME.parent)
        reason = ""
        while (done := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            used_seconds, held_bytes = _look_at(process.pid, started)
            if used_seconds > longest_seconds:
                reason = f"stopped after {longest_seconds:.0f} s"
            elif held_bytes > most_bytes:
                reason = f"stopped at {most_bytes / 1e9:.0f} GB, after {used_seconds:.0f} s"
            if reason:
                process.kill()
                done = os.wait4(process.pid, 0)
                break
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    process.returncode = os.waitstatus_to_exitcode(done[1])
    used = done[2]
    found = {
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
    }
    if reason:
        return {"note": reason, "processor_seconds": found["processor_seconds"]}
    if process.returncode:
        return {"note": f"failed: {(text.splitlines() or ['killed'])[-1][:100]}"}
    return {**found, "said": text}


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the middle of each figure of several runs; one that failed stands for all."""
    failed = [run for run in runs if "note" in run]
    names = [name for name in runs[0] if name != "said"]
    return failed[0] if failed else {name: statistics.median(run[name] for run in runs) for name in names}


def _measure_beside_floor(method: str, folder: Path, longest_seconds: float, repeats: int) -> dict[str, Any]:
    """Measure a method, and the floor before it each time, so that both were measured in the same minutes."""
    runs, floors = [], []
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as out:
        for _ in range(repeats):
            if method != "floor":
                floors.append(measure(command("floor", folder, Path(out))))
            runs.append(measure(command(method, folder, Path(out)), longest_seconds))
            print(f"  {folder.name}: {method}: {runs[-1]}", file=sys.stderr, flush=True)
            if "note" in runs[-1]:
                break
    found = median(runs)
    return {**found, "floor_seconds": median(floors)["seconds"]} if floors else found


def run_size(n_pairs: int, wanted: Wanted) -> dict[str, Any]:
    """Take the files of one size, or make them, and run every method on them in turn."""
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as made:
        folder = (wanted.inputs or Path(made)) / str(n_pairs)
        if not (folder / "records.csv").exists():
            make(folder, Shape(n_pairs, n_files=1 if n_pairs <= 55_000_000 else n_pairs // 10_000_000))
        n_bytes = sum(path.stat().st_size for path in folder.glob("pairs-*.parquet"))
        longest = wanted.longest or LONGEST_SECONDS.get(n_pairs, 400)
        found = {m: _measure_beside_floor(m, folder, longest, wanted.repeats) for m in wanted.methods}
    return {"n_pairs": n_pairs, "n_bytes": n_bytes, "methods": found}


def run(wanted: Wanted, kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure what is wanted; what was measured before and is not wanted now is kept."""
    cases = {case["n_pairs"]: case for case in kept}
    for n_pairs in wanted.sizes:
        case = run_size(n_pairs, wanted)
        before = cases.get(n_pairs, {}).get("methods", {})
        methods = {**before, **case["methods"]}
        cases[n_pairs] = {**case, "methods": {name: methods[name] for name in NAMES if name in methods}}
    return [cases[n_pairs] for n_pairs in sorted(cases)]


def as_table(cases: list[dict[str, Any]]) -> str:
    """Write one table: a row for each method, time and memory for each size."""
    head = ["whole program", *(f"{case['n_pairs'] / 1e6:g} M pairs" for case in cases)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * len(cases) + "|"]
    for method, name in NAMES.items():
        cells = []
        for case in cases:
            found = case["methods"].get(method, {"note": ""})
            if "note" in found:
                cells.append(found["note"])
                continue
            times = f", {found['seconds'] / found['floor_seconds']:.1f}x" if "floor_seconds" in found else ""
            cells.append(f"{found['seconds']:.1f} s{times}, {found['peak_bytes'] / 1e9:.1f} GB")
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def _panel(cases: list[dict[str, Any]], field: str, scale: float, at: tuple[int, str]) -> list[str]:
    """Draw one figure of all methods against the number of pairs, both axes logarithmic."""
    left, title = at
    points = {
        method: [
            (c["n_pairs"], c["methods"][method][field] / scale) for c in cases if field in c["methods"].get(method, {})
        ]
        for method in NAMES
    }
    values = [value for drawn in points.values() for _, value in drawn]
    sizes = [case["n_pairs"] for case in cases]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(min(sizes)), max(math.log10(max(sizes)), math.log10(min(sizes)) + 1)

    def place(n_pairs: float, value: float) -> tuple[float, float]:
        x = left + 50 + 260 * (math.log10(n_pairs) - first) / (last - first)
        return x, 250 - 210 * (math.log10(value) - low) / max(1, high - low)

    drawn = [f'<text x="{left + 50}" y="24" class="t">{title}</text>']
    for power in range(low, high + 1):
        y = place(10**first, 10.0**power)[1]
        drawn.append(f'<line x1="{left + 50}" x2="{left + 310}" y1="{y:.1f}" y2="{y:.1f}" class="g"/>')
        drawn.append(f'<text x="{left + 44}" y="{y + 4:.1f}" class="e">{10.0**power:g}</text>')
    drawn += [f'<text x="{place(n, 10.0**low)[0]:.1f}" y="268" class="m">{n / 1e6:g} M</text>' for n in sizes]
    for method, line in points.items():
        if not line:
            continue
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        drawn.append(f'<polyline points="{way}" fill="none" stroke="{COLOURS[method]}" stroke-width="2"/>')
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[method]}"/>'
            for x, y in (place(*point) for point in line)
        ]
    return drawn


def as_picture(cases: list[dict[str, Any]]) -> str:
    """Draw time and peak memory against pairs."""
    style = (
        "text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#57606a}"
        ".t{font-size:15px;font-weight:600;fill:#1f2328}.e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#8c959f55}"
        "@media(prefers-color-scheme:dark){text{fill:#9198a1}.t{fill:#f0f6fc}}"
    )
    body = [
        *_panel(cases, "seconds", 1.0, (0, "seconds")),
        *_panel(cases, "peak_bytes", 1e9, (330, "peak memory, GB")),
    ]
    for number, (method, name) in enumerate(NAMES.items()):
        y = 296 + 18 * number
        body.append(f'<rect x="50" y="{y - 6}" width="14" height="3" fill="{COLOURS[method]}"/>')
        body.append(f'<text x="72" y="{y}">{name}</text>')
    height = 300 + 18 * len(NAMES)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {height}" role="img">'
    title = "<title>Time and peak memory against pairs, in millions (M)</title>"
    return "\n".join([opening, title, f"<style>{style}</style>", *body, "</svg>", ""])
