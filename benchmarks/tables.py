"""Turn measured figures into tables, and write them between markers of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = {
    "unsnarl-1": "unsnarl, 1 thread",
    "unsnarl-2": "unsnarl, 2 threads",
    "fastcluster": "dense matrix + fastcluster",
    "fastcluster-lookup": "matrix by look-up of every pair (as in 2016) + fastcluster",
    "scipy": "dense matrix + SciPy",
    "scikit-network": "scikit-network Paris",
}


def seconds(value: float | None) -> str:
    """Write a time with the unit it reads best in.

    >>> seconds(0.0312), seconds(1.26), seconds(65)
    ('31 ms', '1.3 s', '65 s')
    """
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.{0 if value >= 0.01 else 1}f} ms"
    return f"{value:.{1 if value < 10 else 0}f} s"


def megabytes(value: int) -> str:
    """Write a number of bytes in MB."""
    return f"{value / 1e6:,.0f} MB"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table, the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _times(total: float, ours: dict[str, Any]) -> str:
    """Say how many times longer a method took than unsnarl did."""
    if "seconds" not in ours:
        return ""
    return f"{total / ours['seconds']:.{0 if total >= 10 * ours['seconds'] else 1}f}x"


def _compared(case: dict[str, Any]) -> list[list[str]]:
    """Make the rows of one graph: every method, and how many times longer than unsnarl it took in all."""
    ours, on_two = (case["methods"].get(f"unsnarl-{threads}", {}) for threads in (1, 2))
    rows = []
    for method, found in case["methods"].items():
        if "seconds" not in found:
            rows.append([NAMES[method], found["note"], "", "", "", "", ""])
            continue
        total = found["seconds"] + found.get("matrix_seconds", 0.0)
        same = {None: ""}.get(found.get("clusters"), "yes" if found.get("clusters") == ours.get("clusters") else "no")
        rows.append(
            [
                NAMES[method],
                seconds(found.get("matrix_seconds")),
                seconds(found["seconds"]),
                _times(total, ours),
                _times(total, on_two),
                megabytes(found["beyond_input_bytes"]),
                same,
            ]
        )
    for method, reason in case["skipped"].items():
        rows.append([NAMES[method], reason, "", "", "", "", ""])
    return rows


def compare(cases: list[dict[str, Any]]) -> str:
    """Write one table for each graph: matrix, linkage, ratio of the sum to unsnarl's, memory beyond the input."""
    against = ["against unsnarl, 1 thread", "2 threads"]
    head = ["method", "matrix", "linkage", *against, "memory beyond input", "same clusters at 0.5"]
    titles = [f"**{case['label']}** ({case['n_pairs']:,} pairs)" for case in cases]
    return "\n\n".join(f"{title}\n\n{table(head, _compared(case))}" for title, case in zip(titles, cases, strict=True))


def growth(cases: list[dict[str, Any]]) -> str:
    """Write the time per pair by size, and the growth from the smallest to the largest."""
    kinds: dict[str, dict[int, float]] = {}
    for case in cases:
        kind, _, n_records = case["name"].rpartition(", ")
        found = case["methods"]["unsnarl-1"]
        per_pair = found["seconds"] / case["n_pairs"] * 1e9 if "seconds" in found else float("nan")
        kinds.setdefault(kind, {})[int(n_records)] = per_pair
    sizes = sorted({size for found in kinds.values() for size in found})
    head = ["shape, scores", *(f"{size:,} records" for size in sizes), "growth"]
    rows = []
    for kind, found in kinds.items():
        cells = [f"{found[size]:,.0f} ns" if size in found else "" for size in sizes]
        rows.append([kind, *cells, f"{found[max(found)] / found[min(found)]:.1f}x"])
    return "Time per pair.\n\n" + table(head, rows)


def startup(found: dict[str, Any]) -> str:
    """Write the wall times of the command line."""
    help_note = "loads numba" if found["help_loads_numba"] else "does not load numba"
    rows = [
        [f"`unsnarl --help` ({help_note})", seconds(found["help"])],
        ["`unsnarl cluster` on 986,613 pairs, first run ever (compiles)", seconds(found["first"])],
        ["the same, from the second run on", seconds(found["second"])],
    ]
    return table(["command", "wall time"], rows)


def summary(results: dict[str, Any]) -> str:
    """Write the few lines a front page has room for, from whatever has been measured."""
    rows = []
    for name in ("black-hole", "many-components", "million"):
        for case in results.get(name, {}).get("cases", []):
            methods = case["methods"]
            ours = min((found["seconds"] for key, found in methods.items() if key.startswith("unsnarl")), default=None)
            peer = methods.get("fastcluster", {})
            dense = seconds(peer["seconds"] + peer["matrix_seconds"]) if "seconds" in peer else "does not fit"
            rows.append([f"{case['label']}, {case['n_pairs']:,} pairs", seconds(ours), dense])
    return table(["graph", "unsnarl", "dense matrix + fastcluster (both)"], rows)


def write_block(page: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of `name` in a page; append the block where there is none."""
    opening, closing = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = f"{opening}\n{text}\n{closing}"
    old = page.read_text() if page.exists() else "# Benchmarks\n"
    before, found, rest = old.partition(opening)
    new = before + block + rest.partition(closing)[2] if found else f"{old.rstrip()}\n\n{block}\n"
    page.write_text(new)
