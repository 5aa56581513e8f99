"""The published case and its smaller and larger versions: whole programs on files, and a picture of them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.large import Shape, make

HOME = Path(__file__).parent
LONGEST_SECONDS = 400
SIZES = (550_000, 5_500_000, 55_000_000)
NAMES = {
    "floor": "DuckDB looks at the three columns (the floor)",
    "unsnarl": "unsnarl cluster, whole",
    "unsnarl-1GB": "unsnarl cluster --memory-limit 1GB",
    "splink": "Splink, connected components alone",
    "scipy": "pandas and scipy, connected components alone",
    "note": "the published program (networkx, pandas, fastcluster)",
    "dedupe": "dedupe's cluster",
}
UP_TO = {"note": 5_500_000, "dedupe": 5_500_000, "scipy": 55_000_000}
"""Largest sizes of methods that need more memory or time than there is past them."""

COLOURS = dict(zip(NAMES, ("#888888", "#0b6e4f", "#7fb69e", "#c1440e", "#3a6ea5", "#8d5a97", "#b59f00"), strict=True))


def _command(method: str, folder: Path) -> list[str]:
    if not method.startswith("unsnarl"):
        return [sys.executable, "-m", "benchmarks.peers", method, str(folder)]
    limit = ["--memory-limit", "1GB"] if method == "unsnarl-1GB" else []
    given = [str(folder / "pairs-*.parquet"), "--records", str(folder / "records.csv"), "--sep", "|"]
    return [sys.executable, "-m", "unsnarl", "cluster", *given, "--out", str(folder / "run"), "--force", *limit]


def _measure(method: str, folder: Path) -> dict[str, Any]:
    """Run one program to its end; gives wall time, time of all processors, and the most memory it held."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(_command(method, folder), stdout=said, stderr=said, cwd=HOME.parent)
        while (done := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.perf_counter() - started > LONGEST_SECONDS:
                process.kill()
                os.wait4(process.pid, 0)
                return {"note": f"stopped after {LONGEST_SECONDS} s"}
            time.sleep(0.02)
        said.seek(0)
        text = said.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(done[1])
    if process.returncode:
        return {"note": f"failed: {(text.strip().splitlines() or ['killed'])[-1][:100]}"}
    used = done[2]
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
    }


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    failed = [run for run in runs if "note" in run]
    return failed[0] if failed else {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def run_size(n_pairs: int, repeats: int, methods: list[str]) -> dict[str, Any]:
    """Make files of one size, and run every method on them in turn."""
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as name:
        folder = Path(name)
        make(folder, Shape(n_pairs, n_files=max(1, n_pairs // 50_000_000)))
        n_bytes = sum(path.stat().st_size for path in folder.glob("pairs-*.parquet"))
        runs: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
        for _ in range(repeats):
            for method, found in runs.items():
                if n_pairs > UP_TO.get(method, n_pairs):
                    found.append({"note": "not run: needs more memory or time than there is"})
                elif not any("note" in run for run in found):
                    found.append(_measure(method, folder))
                print(f"  {n_pairs:,} pairs: {method}: {found[-1]}", file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):
            shutil.rmtree(folder / "run")
    return {"n_pairs": n_pairs, "n_bytes": n_bytes, "methods": {m: _median(found) for m, found in runs.items()}}


def run(quick: bool, repeats: int) -> list[dict[str, Any]]:
    """Measure all sizes."""
    sizes = SIZES[:1] if quick else SIZES
    return [run_size(n_pairs, repeats, list(NAMES)) for n_pairs in sizes]


def as_table(cases: list[dict[str, Any]]) -> str:
    """Write one table: a row for each method, time and memory for each size."""
    head = ["whole program", *(f"{case['n_pairs'] / 1e6:g} M pairs" for case in cases)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * len(cases) + "|"]
    for method, name in NAMES.items():
        cells = []
        for case in cases:
            found = case["methods"].get(method, {"note": ""})
            floor = case["methods"]["floor"]
            if "note" in found:
                cells.append(found["note"])
                continue
            times = f", {found['seconds'] / floor['seconds']:.1f}x" if method != "floor" and "seconds" in floor else ""
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
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        drawn.append(f'<polyline points="{way}" fill="none" stroke="{COLOURS[method]}" stroke-width="2"/>')
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[method]}"/>'
            for x, y in (place(*point) for point in line)
        ]
    return drawn


def as_picture(cases: list[dict[str, Any]]) -> str:
    """Draw time and peak memory against pairs."""
    style = "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}"
    style += ".g{stroke:#ddd}"
    body = [
        *_panel(cases, "seconds", 1.0, (0, "seconds")),
        *_panel(cases, "peak_bytes", 1e9, (330, "peak memory, GB")),
    ]
    for number, (method, name) in enumerate(NAMES.items()):
        y = 296 + 18 * number
        body.append(f'<rect x="50" y="{y - 9}" width="14" height="4" fill="{COLOURS[method]}"/>')
        body.append(f'<text x="72" y="{y}">{name}</text>')
    height = 300 + 18 * len(NAMES)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {height}" role="img">'
    return (
        "\n".join(
            [opening, "<title>Time and peak memory against pairs</title>", f"<style>{style}</style>", *body, "</svg>"]
        )
        + "\n"
    )


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv, 1), indent=1))
