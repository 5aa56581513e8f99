"""How near `unsnarl check` comes to what `unsnarl cluster` then takes, and the constants of its forecast.

`python -m benchmarks --only forecast` measures and writes the table; `python -m benchmarks.forecast` fits the constants
of src/unsnarl/report/forecast.py to what was measured last, and prints them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import nnls

from benchmarks import large
from benchmarks.generators import UNITS, Graph, complete, many_components, million, star
from benchmarks.published import measure
from unsnarl.report import forecast
from unsnarl.report.forecast import Work

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FACTOR = 1.5
"""What `check` says should be within this factor of what is measured."""

EXPLAINED = """`check` reads, interns and settles as `cluster` does, so that much is measured and not forecast;
linkage and writing follow from what was counted, and from how fast this machine does a little work of the same
kind. Each input is looked over, and then clustered."""

GRAPHS: dict[str, Callable[[], Graph]] = {
    "many components": many_components,
    "complete, 4,000 records": lambda: complete(4000),
    "star, 300,000 records": lambda: star(300_000),
    "one component of 250,000 records": lambda: million(n_records=250_000),
}
SIZES = {f"published case, {n / 1e6:g} M pairs": n for n in (550_000, 5_500_000, 55_000_000)}
CASES = ("cora", "historical50k", *GRAPHS, "2,000,000 records without pairs", *SIZES)


def _write_graph(folder: Path, graph: Graph) -> None:
    """Write a graph as a table of pairs; ids are texts of some length, as in life."""
    ids = pa.array([f"record-{number:016x}" for number in range(graph.n_records)])
    columns = {"id_l": ids.take(pa.array(graph.left)), "id_r": ids.take(pa.array(graph.right))}
    pq.write_table(pa.table({**columns, "score": graph.score / UNITS}), folder / "pairs.parquet", compression="zstd")


def make(name: str, folder: Path) -> list[str]:
    """Make the files of a case, unless they are there; gives the arguments of the command line."""
    if (EXAMPLES / name / "pairs.parquet").exists():
        return [str(EXAMPLES / name / "pairs.parquet"), "--records", str(EXAMPLES / name / "records.csv")]
    place = folder / str(SIZES.get(name, name.replace(" ", "-").replace(",", "")))
    is_there = place.exists()
    place.mkdir(parents=True, exist_ok=True)
    if name in SIZES:
        if not is_there:
            large.make(place, large.Shape(SIZES[name]))
        return [str(place / "pairs-*.parquet"), "--records", str(place / "records.csv"), "--sep", "|"]
    given = [str(place / "pairs.parquet")]
    if name in GRAPHS:
        if not is_there:
            _write_graph(place, GRAPHS[name]())
        return given
    if not is_there:
        (place / "pairs.csv").write_text("id_l,id_r,score\n")
        (place / "records.csv").write_text("id\n" + "".join(f"record-{number:016x}\n" for number in range(2_000_000)))
    return [str(place / "pairs.csv"), "--records", str(place / "records.csv")]


def _run_case(name: str, folder: Path) -> dict[str, Any]:
    """Have a case looked over, and then clustered."""
    # In a process of its own: the most memory a program has held counts from what its parent held as it began.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as maker:
        given = maker.submit(make, name, folder).result()
    program = [sys.executable, "-m", "unsnarl"]
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as out:
        checked = measure([*program, "check", *given, "--json"])
        clustered = measure([*program, "cluster", *given, "--out", f"{out}/run", "--quiet"])
        manifest = json.loads(Path(out, "run", "run.json").read_text())
    found = {"name": name, "forecast": json.loads(checked.pop("said"))["forecast"], "check": checked}
    clustered.pop("said")
    print(f"  {name}: {found['forecast']['seconds']} s for {clustered['seconds']:.1f} s", file=sys.stderr, flush=True)
    return {**found, "cluster": clustered, "phases": manifest["phases"], "n_pairs": manifest["counts"]["n_pairs"]}


def run(quick: bool, inputs: Path | None) -> list[dict[str, Any]]:
    """Measure all cases.

    inputs  folder where the files are made, or were before (default: one that is removed)
    """
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as made:
        return [_run_case(name, inputs or Path(made)) for name in (CASES[:2] if quick else CASES)]


def as_table(cases: list[dict[str, Any]]) -> str:
    """Write what was said beside what was measured."""
    head = ["input", "pairs", "check takes", "time: said", "measured", "", "memory: said", "measured", ""]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for case in cases:
        said, measured = case["forecast"], case["cluster"]
        times = said["seconds"] / measured["seconds"], said["memory_bytes"] / measured["peak_bytes"]
        cells = [case["name"], f"{case['n_pairs']:,}", f"{case['check']['seconds']:.1f} s"]
        cells += [f"{said['seconds']:.1f} s", f"{measured['seconds']:.1f} s", f"{times[0]:.2f}x"]
        cells += [
            f"{said['memory_bytes'] / 1e6:,.0f} MB",
            f"{measured['peak_bytes'] / 1e6:,.0f} MB",
            f"{times[1]:.2f}x",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _fit(rows: list[dict[str, float]], measured: list[float], weight: list[float]) -> dict[str, float]:
    """Find what each thing counted costs, none of it less than nothing."""
    names = list(rows[0])
    counted = np.array([[row[name] for name in names] for row in rows]) * np.array(weight)[:, None]
    found, _ = nnls(counted, np.array(measured) * weight)
    return {name: float(f"{value:.2g}") for name, value in zip(names, found.tolist(), strict=True)}


def fit(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit the seconds of the forecast to what was measured; each case counts as much as the others."""
    works = [Work(**case["forecast"]["left"]) for case in cases]
    weight = [1 / case["cluster"]["seconds"] for case in cases]
    asked = {"COUNTING": ("counting", "seconds"), "LINKING": ("linking", "processor_seconds")}
    asked["WRITING"] = ("writing", "seconds")
    found: dict[str, Any] = {}
    for constant, (phase, unit) in asked.items():
        rows = [{name: getattr(work, name) for name in getattr(forecast, constant)} for work in works]
        found[constant] = _fit(rows, [case["phases"][phase][unit] for case in cases], weight)
    counted = ("opening", "reading", "finding components", *(phase for phase, _ in asked.values()))
    rest = [c["cluster"]["seconds"] - sum(c["phases"][phase]["seconds"] for phase in counted) for c in cases]
    return {"START_SECONDS": float(f"{np.median(rest):.2g}"), **found}


def main() -> None:
    """Fit the constants to the results that are kept."""
    results = json.loads((Path(__file__).parent / "results.json").read_text())
    for name, value in fit(results["forecast"]["cases"]).items():
        print(f"{name} = {value}")


if __name__ == "__main__":
    main()
