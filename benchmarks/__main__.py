"""Measure, and write the tables: `python -m benchmarks [--only NAME ...] [--quick] [--repeats N]`.

Results are kept in benchmarks/results.json, so that a table can be measured
again alone. Tables go to docs/benchmarks.md, and a short one to README.md
where it has the markers of the block named `summary`. `--quick` measures small
graphs once, writes nothing, and shows that everything runs.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import bhc, decided, decision_logs, forecast, published, startup, tables
from benchmarks.cases import TABLES, Case
from benchmarks.measure import save

HOME = Path(__file__).parent
RESULTS = HOME / "results.json"
PAGE = HOME.parent / "docs" / "benchmarks.md"
README = HOME.parent / "README.md"
PICTURE = HOME.parent / "docs" / "pictures" / "published.svg"
LONGEST_SECONDS = 300
BUSY = 1.5
PACKAGES = (
    "numpy",
    "numba",
    "duckdb",
    "scipy",
    "fastcluster",
    "scikit-network",
    "splink",
    "dedupe",
    "networkx",
    "pandas",
)
TITLES = {
    "black-hole": "The black hole",
    "many-components": "Many components",
    "complete": "Complete graphs",
    "growth": "Growth",
    "million": "A million records in one component",
    **bhc.TITLES,
    "decided": "The truth fed as decisions",
    "published": "The published case: whole programs on files",
    "decisions-cost": "What 100,000 decisions cost",
    "forecast": "What `unsnarl check` says, and what `unsnarl cluster` then takes",
    "startup": "Start-up",
}


def _version(package: str) -> str:
    """Return the version of an installed package, or say that it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine() -> str:
    """Describe the machine, the versions and the day in one line."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    where = f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"
    return f"{where}, {versions}; {datetime.date.today().isoformat()}"


def _measure_once(folder: Path, method: str, least_seconds: float) -> dict[str, Any]:
    """Measure in a process of its own; a failure or a time-out becomes a note."""
    command = [sys.executable, "-m", "benchmarks.measure", str(folder), method, str(least_seconds)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=LONGEST_SECONDS, cwd=HOME.parent
        )
    except subprocess.TimeoutExpired:
        return {"note": f"stopped after {LONGEST_SECONDS} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return {"note": f"failed: {lines[-1] if lines else done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the median of every figure of several runs; a failed run stands for all."""
    for run in runs:
        if "note" in run:
            return run
    combined = dict(runs[0])
    for name, value in runs[0].items():
        if isinstance(value, (int, float)):
            combined[name] = statistics.median(run[name] for run in runs)
    combined["same_every_run"] = len({run.get("clusters") for run in runs}) == 1
    return combined


def _run_case(case: Case, repeats: int) -> dict[str, Any]:
    """Make a graph, run every method on it in turn, `repeats` rounds of all methods."""
    with tempfile.TemporaryDirectory() as name:
        graph = case.make()
        save(graph, Path(name))
        n_pairs, n_records = len(graph.left), graph.n_records
        del graph
        least = 0.3 if n_pairs < 2_000_000 else 0.0
        runs: dict[str, list[dict[str, Any]]] = {method: [] for method in case.methods}
        for _ in range(repeats):
            for method, found in runs.items():
                if not any("note" in run for run in found):
                    found.append(_measure_once(Path(name), method, least if method.startswith("unsnarl") else 0.0))
    methods = {method: _median(found) for method, found in runs.items()}
    for method, found in methods.items():
        print(f"  {case.label}: {method}: {found.get('note') or tables.seconds(found['seconds'])}", file=sys.stderr)
    return {
        "name": case.name,
        "label": case.label,
        "n_pairs": n_pairs,
        "n_records": n_records,
        "methods": methods,
        "skipped": dict(case.skipped),
    }


def _run_table(name: str, quick: bool, repeats: int, wanted: published.Wanted, kept: dict[str, Any]) -> dict[str, Any]:
    """Measure one table.

    wanted  what of the published case is measured
    kept    the table as it was measured before
    """
    load = os.getloadavg()[0]
    busy = f" (the machine is busy, load {load:.1f}: these figures are not to be kept)" if load > BUSY else ""
    print(f"{name} ...{busy}", file=sys.stderr)
    result: dict[str, Any] = {"machine": _machine(), "repeats": repeats, "load": load}
    if name == "startup":
        return {**result, "startup": startup.run(repeats)}
    if name in bhc.TITLES:
        return {**result, **bhc.run_table(name, quick, repeats)}
    if name == "forecast":
        return {**result, "repeats": 1, "cases": forecast.run(quick, wanted.inputs)}
    if name == "decided":
        return {**result, "repeats": 1, "examples": decided.run(quick)}
    chosen = wanted._replace(sizes=wanted.sizes[:1] if quick else wanted.sizes, repeats=repeats)
    if name == "decisions-cost":
        return {**result, "cases": decision_logs.run(chosen)}
    if name == "published":
        return {**result, "cases": published.run(chosen, kept.get("cases", []))}
    return {**result, "cases": [_run_case(case, repeats) for case in TABLES[name](quick)]}


def _show_published(result: dict[str, Any], pictures: str) -> str:
    """Write the table of whole programs, and the link to its picture."""
    picture = f"![Time and peak memory of each program against the number of pairs]({pictures}/{PICTURE.name})"
    return f"{published.as_table(result['cases'])}\n\n{picture}"


def _as_text(name: str, result: dict[str, Any]) -> str:
    """Write one table with its title and where it was measured."""
    if name == "startup":
        body = tables.startup(result["startup"])
    elif name in bhc.TITLES:
        body = bhc.show_table(name, result)
    elif name == "published":
        body = f"{published.EXPLAINED}\n\n{_show_published(result, 'pictures')}"
    elif name == "forecast":
        body = f"{forecast.EXPLAINED}\n\n{forecast.as_table(result['cases'])}"
    elif name == "decisions-cost":
        body = f"{decision_logs.EXPLAINED}\n\n{decision_logs.as_table(result['cases'])}"
    elif name == "decided":
        body = f"{decided.as_table(result['examples'])}\n\n![F1 against decisions](pictures/decisions.svg)"
    elif name == "growth":
        body = tables.growth(result["cases"])
    else:
        body = tables.compare(result["cases"])
    n_runs = f"median of {result['repeats']} processes" if result["repeats"] > 1 else "one process each"
    return f"## {TITLES[name]}\n\n{body}\n\n{n_runs}; {result['machine']}"


def _write(results: dict[str, Any], measured: list[str]) -> None:
    """Keep the results and write the tables measured now into the pages."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if "published" in measured:
        PICTURE.write_text(published.as_picture(results["published"]["cases"]))
    if "decided" in measured:
        decided.PICTURE.write_text(decided.as_picture(results["decided"]["examples"]))
    for name in measured:
        tables.write_block(PAGE, name, _as_text(name, results[name]))
    page = README.read_text() if README.exists() else ""
    if "<!-- bench:summary -->" in page:
        tables.write_block(README, "summary", tables.summary(results))
    if "<!-- bench:published -->" in page and "published" in results:
        tables.write_block(README, "published", _show_published(results["published"], "docs/pictures"))


def main() -> None:
    """Parse the command line and run."""
    names = [*TABLES, *bhc.TITLES, "decided", "published", "decisions-cost", "forecast", "startup"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write the tables.")
    parser.add_argument("--only", choices=names, action="append", help="measure this table only (may be given again)")
    parser.add_argument("--quick", action="store_true", help="small graphs, one run, nothing written")
    parser.add_argument("--repeats", type=int, default=5, help="processes for each measurement (default 5)")
    only = "of `published` and `decisions-cost`, measure this {} only, and keep the others (may be given again)"
    parser.add_argument("--method", choices=published.NAMES, action="append", help=only.format("program"))
    parser.add_argument("--size", type=int, action="append", help=only.format("number of pairs"))
    parser.add_argument("--inputs", type=Path, help="folder with the files of `published`, a folder for each size")
    parser.add_argument("--longest", type=float, help="processor seconds a program of `published` may take")
    given = parser.parse_args()
    chosen = given.only or names
    sizes, methods = tuple(given.size or published.SIZES), tuple(given.method or published.NAMES)
    wanted = published.Wanted(sizes, methods, inputs=given.inputs, longest=given.longest)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        repeats = 1 if given.quick else given.repeats
        results[name] = _run_table(name, given.quick, repeats, wanted, results.get(name, {}))
        print(_as_text(name, results[name]), end="\n\n", flush=True)
        if not given.quick:
            _write(results, [name])


if __name__ == "__main__":
    main()
