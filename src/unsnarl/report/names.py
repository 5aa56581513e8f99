"""The ids of the clusters of a run that goes on from another, and what became of the clusters it goes on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.labels import read_retired
from unsnarl.files.runs import RunFiles
from unsnarl.files.session import Columns, Session
from unsnarl.files.tables import LINEAGE, RETIRED, IdList, Names, TableColumns, with_content
from unsnarl.lineage.changes import CHANGES, Count, Lineage, count_changes
from unsnarl.lineage.naming import Before, Digest, Naming, carry_names, find_content_ids, hash_texts
from unsnarl.lineage.overlap import number_clusters
from unsnarl.model import Clustering
from unsnarl.slices import Slices

Tables = dict[str, tuple[dict[str, str], TableColumns]]
"""By name the columns' SQL types, and the columns."""


@dataclass(frozen=True)
class ClusterNames:
    """Hold what a run calls its clusters, where that is not by their smallest record alone.

    naming   their ids and content ids
    lineage  gives the table of what became of the clusters before; None where the ids are those of the smallest records
    changes  the same counted, as `describe_changes` gives it
    """

    naming: Naming
    lineage: Callable[[], TableColumns] | None = None
    changes: Mapping[str, Any] | None = None

    @property
    def is_stable(self) -> bool:
        """Whether ids were carried over from a run before."""
        return self.lineage is not None

    def rename(self, clusters: TableColumns) -> TableColumns:
        """Put these ids into the table of clusters, and content_id at its end."""
        naming = self.naming
        called = Names(naming.cluster_ids, naming.number_of)
        contents = Names(Slices.of(naming.content_ids.tolist()), naming.number_of)
        return {**clusters, "cluster_id": called, "content_id": contents}

    def schemas(self, schemas: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        """Give the columns of all tables with those of `rename`."""
        return {**schemas, "clusters": with_content(schemas["clusters"])}

    def tables(self) -> Tables:
        """Give the further tables of the RUN."""
        if self.lineage is None:
            return {}
        retired = np.array(sorted(self.naming.retired), dtype=object)
        return {"lineage": (LINEAGE, self.lineage()), "retired_ids": (RETIRED, {"cluster_id": retired})}


def make_lineage(lineage: Lineage, old_ids: NDArray[Any], new_ids: NDArray[Any]) -> TableColumns:
    """Make a row for each of a Lineage; an id that is missing is ''."""
    # ABSENT is -1, which is the last.
    sides = [np.concatenate([ids, np.array([""], dtype=object)]) for ids in (old_ids, new_ids)]
    return {
        "change": Names(np.array(CHANGES, dtype=object), lineage.change.astype(np.int32)),
        "old_cluster_id": Names(sides[0], lineage.old),
        "new_cluster_id": Names(sides[1], lineage.new),
        "n_records": lineage.n_records,
    }


def describe_changes(counts: Mapping[str, Count]) -> dict[str, dict[str, int]]:
    """Put counts of changes into plain dicts."""
    return {change: asdict(count) for change, count in counts.items()}


def say_changes(changes: Mapping[str, Mapping[str, int]]) -> str:
    """Say in one line what became of the clusters before.

    >>> say_changes({"grown": {"n_changes": 1200}, "split": {"n_changes": 0}})
    'since the run before: 1,200 grown'
    """
    said = [f"{count['n_changes']:,} {change}" for change, count in changes.items() if count["n_changes"]]
    return f"since the run before: {', '.join(said) or 'there are no clusters'}"


def follow(ids: IdList, clustering: Clustering, before: Before, digest: Digest = hash_texts) -> ClusterNames:
    """Name the clusters that follow some others."""
    naming, lineage = carry_names(ids, number_clusters(clustering.cluster_of), before, digest)
    table = make_lineage(lineage, before.cluster_ids, naming.cluster_ids)
    return ClusterNames(naming, lambda: table, describe_changes(count_changes(lineage)))


def name_by_record(ids: IdList, clustering: Clustering, digest: Digest = hash_texts) -> ClusterNames:
    """Name each cluster by its smallest record, and hash its members."""
    cluster_of = clustering.cluster_of
    number_of, first = number_clusters(cluster_of), np.flatnonzero(cluster_of == np.arange(len(cluster_of)))
    contents = find_content_ids(ids, number_of, np.arange(len(first)), digest)
    return ClusterNames(Naming(number_of, ids[first.astype(np.int32)], contents))


def name_again(names: ClusterNames | None, ids: IdList, clustering: Clustering) -> ClusterNames | None:
    """Name the clusters of another cut of a run; stable ids go on from those of the run, as after another run."""
    if names is None:
        return None
    if not names.is_stable:
        return name_by_record(ids, clustering)
    naming = names.naming
    place = np.arange(len(ids), dtype=np.int32)
    before = Before(naming.number_of, place, naming.cluster_ids, naming.content_ids, naming.retired)
    return follow(ids, clustering, before)


def read_names(session: Session, run: RunFiles, clusters: Columns) -> tuple[Clustering, ClusterNames | None]:
    """Read which cluster each record of a RUN is in, and what the clusters are called.

    clusters  the table, in the order of its rows, which is that of the ids
    """
    numbers: dict[str, int] = {}
    found = (numbers.setdefault(text, len(numbers)) for text in clusters["cluster_id"].tolist())
    number_of = np.fromiter(found, dtype=np.int32, count=len(clusters["cluster_id"]))
    first = np.flatnonzero(np.diff(np.maximum.accumulate(number_of), prepend=-1))
    clustering = Clustering(first.astype(np.int32)[number_of])
    if "content_id" not in clusters:
        return clustering, None
    naming = Naming(number_of, clusters["cluster_id"][first], clusters["content_id"][first], read_retired(session, run))
    if not run.has("lineage"):
        return clustering, ClusterNames(naming)
    return clustering, ClusterNames(naming, lambda: _read_lineage(run), run.manifest["counts"].get("changes"))


def _read_lineage(run: RunFiles) -> Columns:
    """Read the table of what became of the clusters before; an id that is missing is ''."""
    with Session() as session:
        old, new = (f"coalesce({side}_cluster_id, '') AS {side}_cluster_id" for side in ("old", "new"))
        columns = session.arrays(f"SELECT change, {old}, {new}, n_records FROM {run.scan('lineage')}")
    return {name: np.ma.getdata(array) for name, array in columns.items()}


def show_missing(table: Columns) -> Columns:
    """Turn '' into None, and NaN too, as frames have what is missing."""
    shown = {}
    for name, array in table.items():
        shown[name] = array
        if array.dtype == object:
            shown[name] = np.array([text or None for text in array.tolist()], dtype=object)
        elif array.dtype == np.float64:
            shown[name] = np.ma.array(array, mask=np.isnan(array))
    return shown
