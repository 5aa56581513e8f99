"""One method on the files of `benchmarks.large`, from start to end: `python -m benchmarks.peers METHOD FOLDER`.

floor    DuckDB decodes the three columns and looks at every byte of them: nobody can be faster and have read the file
splink   cluster_pairwise_predictions_at_threshold on DuckDB: connected components, no linkage
scipy    pandas reads, factorizes the ids; scipy's connected_components
note     the published program on today's libraries: pandas, networkx components, a condensed matrix for each component
         filled with 1 and the scored pairs, fastcluster's average linkage, scipy's cut
dedupe   dedupe's cluster, on its own kind of array
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THRESHOLD = 0.5


def _glob(folder: Path) -> str:
    return str(folder / "pairs-*.parquet")


def floor(folder: Path) -> dict[str, Any]:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            "SELECT bit_xor(hash(hash1)), bit_xor(hash(hash2)), sum(xgb_prob) FROM read_parquet(?)", [_glob(folder)]
        ).fetchall()
    return {}


def splink(folder: Path) -> dict[str, Any]:
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection = duckdb.connect()
    records = f"read_csv('{folder / 'records.csv'}', delim='|', header=true, all_varchar=true)"
    connection.execute(f"CREATE TABLE nodes AS SELECT hashid AS unique_id FROM {records}")
    connection.execute(
        "CREATE TABLE edges AS SELECT hash1 AS unique_id_l, hash2 AS unique_id_r, xgb_prob AS match_probability "
        f"FROM read_parquet('{_glob(folder)}')"
    )
    api = DuckDBAPI(connection=connection)
    register = getattr(api, "register", None)
    nodes, edges = ("nodes", "edges") if register is None else (register("nodes"), register("edges"))
    arguments = {"node_id_column_name": "unique_id", "threshold_match_probability": THRESHOLD}
    try:
        found = cluster_pairwise_predictions_at_threshold(nodes, edges, **arguments)
    except TypeError:
        found = cluster_pairwise_predictions_at_threshold(nodes, edges, db_api=api, **arguments)
    found.to_parquet(str(folder / "splink.parquet"), overwrite=True)
    (folder / "splink.parquet").unlink()
    return {}


def _read(folder: Path) -> Any:
    import pandas as pd

    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("pairs-*.parquet"))], ignore_index=True)


def scipy(folder: Path) -> dict[str, Any]:
    import numpy as np
    import pandas as pd
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = _read(folder)
    records = pd.read_csv(folder / "records.csv", sep="|", usecols=["hashid"])["hashid"]
    index = pd.Index(records)
    pairs = pairs[pairs.xgb_prob >= THRESHOLD]
    left, right = index.get_indexer(pairs.hash1), index.get_indexer(pairs.hash2)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(index), len(index)))
    n_components, _ = connected_components(graph.tocsr(), directed=False)
    return {"n_components": int(n_components)}


def _cut_component(members: list[str], scored: dict[tuple[str, str], float]) -> Any:
    import fastcluster
    import numpy as np
    from scipy.cluster.hierarchy import fcluster

    members = sorted(members)
    n = len(members)
    place = {id_: number for number, id_ in enumerate(members)}
    distances = np.ones(n * (n - 1) // 2)
    for (a, b), score in scored.items():
        i, j = sorted((place[a], place[b]))
        distances[n * i - i * (i + 1) // 2 + j - i - 1] = 1.0 - score
    return members, fcluster(fastcluster.linkage(distances, method="average"), 1 - THRESHOLD, criterion="distance")


def note(folder: Path) -> dict[str, Any]:
    import networkx as nx

    pairs = _read(folder)
    graph = nx.Graph()
    above = pairs[pairs.xgb_prob >= THRESHOLD]
    graph.add_edges_from(zip(above.hash1, above.hash2, strict=True))
    component_of, components = {}, list(nx.connected_components(graph))
    for number, members in enumerate(components):
        component_of.update(dict.fromkeys(members, number))
    scored: dict[int, dict[tuple[str, str], float]] = {}
    for a, b, score in zip(pairs.hash1, pairs.hash2, pairs.xgb_prob, strict=True):
        number = component_of.get(a, -1)
        if number >= 0 and number == component_of.get(b, -2):
            scored.setdefault(number, {})[a, b] = score
    n_clusters = 0
    for number, members in enumerate(components):
        if len(members) > 2:
            n_clusters += len(set(_cut_component(list(members), scored[number])[1].tolist()))
        else:
            n_clusters += 1
    return {"n_clusters_in_components": n_clusters}


def dedupe(folder: Path) -> dict[str, Any]:
    import numpy as np
    from dedupe.clustering import cluster

    pairs = _read(folder)
    array = np.empty(len(pairs), dtype=[("pairs", "<U40", 2), ("score", "f4")])
    low, high = np.minimum(pairs.hash1, pairs.hash2), np.maximum(pairs.hash1, pairs.hash2)
    array["pairs"][:, 0], array["pairs"][:, 1], array["score"] = low, high, pairs.xgb_prob
    return {"n_clusters": sum(1 for _ in cluster(array, threshold=THRESHOLD))}


METHODS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "floor": floor,
    "splink": splink,
    "scipy": scipy,
    "note": note,
    "dedupe": dedupe,
}


def main() -> None:
    """Run one method and print what it found and how long it took, imports included."""
    started = time.perf_counter()
    found = METHODS[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({**found, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
