"""Measure one method on one graph, in a process of its own, and print the figures as JSON.

Not timed: imports, compiling and loading of kernels (a tiny graph is linked first), reading the graph,
finding its components. Timed: the linkage alone; for the methods that need a
matrix, the making of the matrix as well, shown apart.

Memory is the peak of the resident set while the method runs, less what the
process held just before: the input arrays, the imports and the compiler.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generators import UNITS, Graph, star

CUT = 0.5


def save(graph: Graph, folder: Path) -> None:
    """Write a graph to a folder, for the measuring processes to read."""
    for name in ("left", "right", "score"):
        np.save(folder / f"{name}.npy", getattr(graph, name))
    (folder / "n_records").write_text(str(graph.n_records))


def load(folder: Path) -> Graph:
    """Read back what `save` wrote."""
    columns = [np.load(folder / f"{name}.npy") for name in ("left", "right", "score")]
    return Graph(*columns, int((folder / "n_records").read_text()))


def _status_bytes(name: str) -> int:
    """Read VmRSS (held now) or VmHWM (most held) of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _held_and_reset() -> int:
    """Return the bytes held now, and forget the peak so far where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status_bytes("VmRSS")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _peak() -> int:
    """Return the most bytes held since the reset."""
    if Path("/proc/self/status").exists():
        return _status_bytes("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _fingerprint(labels: np.ndarray) -> str:
    """Hash a clustering in a form that does not depend on how clusters are named."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return hashlib.sha256(first[inverse].astype(np.int32).tobytes()).hexdigest()[:16]


def prepare_unsnarl(graph: Graph, threads: int) -> Callable[[], dict[str, Any]]:
    """Return the call to time: link the pairs of all components."""
    from unsnarl import solve
    from unsnarl.engines.local import link
    from unsnarl.model import Pairs

    solve.load_kernels()
    solve.load_engine()
    small = Pairs(*star(50))
    link(small, solve.find_components(small, 0.5), "average", threads, None)
    pairs = Pairs(*graph)
    started = time.perf_counter()
    components = solve.find_components(pairs, 0.5)
    components_seconds = time.perf_counter() - started

    def run() -> dict[str, Any]:
        started, worked = time.perf_counter(), time.process_time()
        forest = link(pairs, components, "average", threads, None)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "forest": forest,
            "components_seconds": components_seconds,
        }

    return run


def _groups(graph: Graph) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the members of each component of two or more at 0.5, and the pairs inside it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    strong = graph.score >= UNITS // 2
    ends = (graph.left[strong], graph.right[strong])
    matrix = coo_matrix((np.ones(len(ends[0]), dtype=bool), ends), shape=(graph.n_records,) * 2)
    _, label = connected_components(matrix, directed=False)
    members = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1])
    inside = np.flatnonzero(label[graph.left] == label[graph.right])
    inside = inside[np.argsort(label[graph.left[inside]], kind="stable")]
    counts = np.bincount(label[graph.left[inside]], minlength=len(members))
    pairs = np.split(inside, np.cumsum(counts)[:-1])
    keep = [i for i, group in enumerate(members) if len(group) > 1]
    return [members[i] for i in keep], [pairs[i] for i in keep]


def _matrix(graph: Graph, members: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Fill a condensed distance matrix: 1 - score for a scored pair, 1.0 for all others."""
    n = len(members)
    distances = np.ones(n * (n - 1) // 2)
    i = np.searchsorted(members, graph.left[pairs]).astype(np.int64)
    j = np.searchsorted(members, graph.right[pairs]).astype(np.int64)
    distances[n * i - i * (i + 1) // 2 + j - i - 1] = 1 - graph.score[pairs] / UNITS
    return distances


def _matrix_by_lookup(graph: Graph, members: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Fill the same matrix as the account of 2016 does: every pair of records is looked up among the scored ones."""
    columns = (graph.left[pairs].tolist(), graph.right[pairs].tolist(), (1 - graph.score[pairs] / UNITS).tolist())
    distance = {(left, right): value for left, right, value in zip(*columns, strict=True)}
    n = len(members)
    every_pair = combinations(members.tolist(), 2)
    return np.fromiter((distance.get(pair, 1.0) for pair in every_pair), dtype=np.float64, count=n * (n - 1) // 2)


def prepare_dense(graph: Graph, package: str) -> Callable[[], dict[str, Any]]:
    """Return the call to time: a dense matrix for each component, and a package's linkage of it."""
    from scipy.cluster import hierarchy

    fill = _matrix_by_lookup if package == "fastcluster-lookup" else _matrix
    if package.startswith("fastcluster"):
        import fastcluster

        def agglomerate(matrix: np.ndarray) -> np.ndarray:
            return fastcluster.linkage(matrix, "average", preserve_input=False)
    else:

        def agglomerate(matrix: np.ndarray) -> np.ndarray:
            return hierarchy.linkage(matrix, "average")

    groups = list(zip(*_groups(graph), strict=True))

    def run() -> dict[str, Any]:
        matrix_seconds = linkage_seconds = 0.0
        labels = np.arange(graph.n_records)
        for members, pairs in groups:
            started = time.perf_counter()
            matrix = fill(graph, members, pairs)
            made = time.perf_counter()
            tree = agglomerate(matrix)
            linkage_seconds += time.perf_counter() - made
            matrix_seconds += made - started
            labels[members] = members[hierarchy.fcluster(tree, CUT, "distance") - 1]
        return {"seconds": linkage_seconds, "matrix_seconds": matrix_seconds, "clusters": _fingerprint(labels)}

    return run


def prepare_scikit_network(graph: Graph) -> Callable[[], dict[str, Any]]:
    """Return the call to time: Paris with uniform weights, which is average linkage on the sparse graph."""
    from scipy.sparse import csr_matrix
    from sknetwork.hierarchy import Paris

    def as_matrix(given: Graph) -> csr_matrix:
        half = csr_matrix((given.score / UNITS, (given.left, given.right)), shape=(given.n_records,) * 2)
        return csr_matrix(half + half.T)

    Paris(weights="uniform").fit_predict(as_matrix(star(50)))
    matrix = as_matrix(graph)

    def run() -> dict[str, Any]:
        started = time.perf_counter()
        Paris(weights="uniform").fit_transform(matrix)
        return {"seconds": time.perf_counter() - started}

    return run


def prepare(graph: Graph, method: str) -> Callable[[], dict[str, Any]]:
    """Find the call that a method's name stands for.

    They are unsnarl-1, unsnarl-2, fastcluster, fastcluster-lookup, scipy and scikit-network.
    """
    if method.startswith("unsnarl"):
        return prepare_unsnarl(graph, int(method.partition("-")[2]))
    if method == "scikit-network":
        return prepare_scikit_network(graph)
    return prepare_dense(graph, method)


def measure(graph: Graph, method: str, least_seconds: float) -> dict[str, Any]:
    """Run a method once, and on, up to 200 times, until `least_seconds` are filled; report the median of the runs."""
    run = prepare(graph, method)
    held = _held_and_reset()
    answer = run()
    peak = _peak()
    times = [answer["seconds"]]
    while sum(times) < least_seconds and len(times) < 200:
        times.append(run()["seconds"])
    answer["seconds"] = float(np.median(times))
    answer["peak_bytes"], answer["beyond_input_bytes"] = peak, peak - held
    forest = answer.pop("forest", None)
    if forest is not None:
        from unsnarl import dendrogram

        answer["merges"] = len(forest)
        answer["clusters"] = _fingerprint(dendrogram.cut_forest(forest, CUT).cluster_of)
    return answer


if __name__ == "__main__":
    print(json.dumps(measure(load(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3]))))
