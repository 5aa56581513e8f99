"""The truth fed as decisions, in small random portions: how F1 rises (`python -m benchmarks --only decided`).

A reviewer is shown up to twelve records, of a cluster that holds several entities or of an entity that is in several
clusters, drawn at random among those there are, and groups them as the truth does. What is measured is pairwise F1 on
the pairs reachable: two records that chains of scored pairs connect, whatever the scores; nobody compared others.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

import unsnarl
from benchmarks.tables import seconds, table

HOME = Path(__file__).parent.parent
PICTURE = HOME / "docs" / "pictures" / "decisions.svg"
EXAMPLES = ("cora", "historical50k")
SEED = 20261124
N_SHOWN = 12
LEAST_PORTION = 5
SHARES = (0.125, 0.25, 0.5)
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """Hold one set of records.

    ids    in order
    truth  the entity of each, as far as it can be reached: within one component of all scored pairs
    """

    folder: Path
    ids: list[str]
    truth: Labels


def label_both(one: Labels, other: Labels) -> Labels:
    """Number the records so that two have one number where both labellings agree that they are one."""
    return np.unique(np.stack([one, other]), axis=1, return_inverse=True)[1].ravel()


def read_example(name: str) -> Example:
    """Read records, pairs and truth."""
    folder = HOME / "examples" / name
    found = unsnarl.cluster(str(folder / "pairs.parquet"), str(folder / "records.csv"), threshold=0.0).found
    ids = found.ids.texts().tolist()
    truth = duckdb.read_csv(str(folder / "truth.csv"), all_varchar=True).fetchall()
    entity = dict(row[:2] for row in truth)
    # A record without truth is an entity by itself: nobody is asked about it.
    named = [entity.get(record, f"?{record}") for record in ids]
    entity_of = np.unique(np.array(named, dtype=str), return_inverse=True)[1].ravel()
    return Example(folder, ids, label_both(entity_of, found.components.component_of.astype(np.int64)))


def count_pairs(labels: Labels) -> int:
    """Count the pairs inside groups."""
    size = np.bincount(labels)
    return int((size * (size - 1) // 2).sum())


def find_f1(cluster_of: Labels, truth: Labels) -> float:
    """Compute pairwise F1."""
    return 2 * count_pairs(label_both(cluster_of, truth)) / (count_pairs(cluster_of) + count_pairs(truth))


def find_mixed(label: Labels, other: Labels) -> list[Labels]:
    """List the records of each group of one labelling that is several groups of the other."""
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    groups = np.split(order, starts[1:])
    return [group for group in groups if len(np.unique(other[group])) > 1]


def answer(example: Example, group: Labels, rng: np.random.Generator) -> dict[str, Any]:
    """Group some of these records as the truth does."""
    parts: dict[int, list[str]] = {}
    for record in sorted(rng.permutation(group)[:N_SHOWN].tolist()):
        parts.setdefault(int(example.truth[record]), []).append(example.ids[record])
    return {"kind": "group", "groups": list(parts.values()), "by": "truth"}


def run_example(name: str) -> list[dict[str, float]]:
    """Feed decisions until nothing is left to ask; gives a point for each portion."""
    example = read_example(name)
    rng = np.random.default_rng(SEED)
    events: list[dict[str, Any]] = []
    points = []
    while True:
        started = time.perf_counter()
        paths = str(example.folder / "pairs.parquet"), str(example.folder / "records.csv")
        cluster_of = unsnarl.cluster(*paths, decisions=events).found.clustering.cluster_of.astype(np.int64)
        spent = round(time.perf_counter() - started, 2)
        points.append({"n_decisions": len(events), "f1": find_f1(cluster_of, example.truth), "seconds": spent})
        print(f"  {name}: {len(events):,} decisions: F1 {points[-1]['f1']:.5f}", file=sys.stderr)
        mixed = find_mixed(cluster_of, example.truth) + find_mixed(example.truth, cluster_of)
        if not mixed:
            return points
        chosen = rng.permutation(len(mixed))[: max(LEAST_PORTION, len(events) // 2)]
        events += [answer(example, mixed[i], rng) for i in chosen]


def _panel(name: str, points: list[dict[str, float]], left: float) -> list[str]:
    """Draw F1 against the number of decisions."""
    width, height, top = 250.0, 180.0, 40.0
    most, least = points[-1]["n_decisions"], min(0.9, points[0]["f1"])

    def place(point: dict[str, float]) -> str:
        x = left + width * point["n_decisions"] / most
        return f"{x:.1f} {top + height * (1 - point['f1']) / (1 - least):.1f}"

    body = [f'<text class="t" x="{left}" y="20">{name}: {int(most):,} decisions</text>']
    for mark in (least, (1 + least) / 2, 1.0):
        y = top + height * (1 - mark) / (1 - least)
        body.append(f'<path class="g" d="M{left} {y:.1f}h{width}"/>')
        body.append(f'<text class="e" x="{left - 6}" y="{y + 4:.1f}">{mark:.3g}</text>')
    for share in (0, 0.5, 1):
        text = f"{int(share * most):,}"
        body.append(f'<text class="m" x="{left + width * share}" y="{top + height + 18}">{text}</text>')
    path = "L".join(place(point) for point in points)
    body.append(f'<path d="M{path}" fill="none" stroke="#0b6e4f" stroke-width="2"/>')
    body += [f'<circle cx="{x}" cy="{y}" r="2.6" fill="#0b6e4f"/>' for x, y in (place(p).split() for p in points)]
    return body


def as_picture(found: dict[str, list[dict[str, float]]]) -> str:
    """Draw all examples side by side."""
    style = "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}"
    body = [line for i, (name, points) in enumerate(found.items()) for line in _panel(name, points, 50 + 330 * i)]
    opening = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 260" role="img">'
    title = "<title>Pairwise F1 against the number of decisions, on the pairs reachable</title>"
    return "\n".join([opening, title, f"<style>{style}.g{{stroke:#ddd}}</style>", *body, "</svg>"]) + "\n"


def as_table(found: dict[str, list[dict[str, float]]]) -> str:
    """Write F1 for a growing number of decisions: none, about an eighth, a quarter, a half of all, and all."""
    rows = []
    for name, points in found.items():
        most = points[-1]["n_decisions"]
        marks = [min(points, key=lambda point: abs(point["n_decisions"] - share * most)) for share in SHARES]
        # Two marks may be one portion.
        chosen = {int(point["n_decisions"]): point for point in [points[0], *marks, points[-1]]}
        rows += [[name, f"{n:,}", f"{point['f1']:.5f}", seconds(point["seconds"])] for n, point in chosen.items()]
    return table(["records", "decisions", "pairwise F1 on the pairs reachable", "a run"], rows)


def run(quick: bool) -> dict[str, list[dict[str, float]]]:
    """Feed all examples, or the first alone."""
    return {name: run_example(name) for name in EXAMPLES[: 1 if quick else None]}
