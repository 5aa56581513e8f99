"""What a run found, in arrays: from it come the tables of a RUN, its numbers, and everything a Result gives."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError, UsageError
from unsnarl.files.checksums import Described
from unsnarl.files.runs import RunData, RunFiles
from unsnarl.files.session import Columns, Session
from unsnarl.files.tables import SCHEMAS, IdList, TableColumns, count_clusters, make_clusters, make_merges, unpack
from unsnarl.model import Clustering, Components, Forest, Pairs
from unsnarl.report.decided_tables import Decided, decided_schemas, for_another_cut, read_decided
from unsnarl.report.names import ClusterNames, name_again, read_names
from unsnarl.report.summary import Summary, summary_as_dict, tally_sizes
from unsnarl.settings import Settings

if TYPE_CHECKING:
    # Loading it would load the compiler, which looking at a finished run does without.
    from unsnarl.report.intake import Input

Found = TypeVar("Found", bound="Findings")

Phases = dict[str, dict[str, Any]]
"""Of each phase its seconds and memory."""


@dataclass(frozen=True)
class Findings:
    """Hold what a run found.

    ids              sorted by UTF-8 bytes: position is the record index
    component_table  components of two or more records, as in components.parquet; its figures of clusters, if it has
                     any, may be those of another cut
    counts           n_pairs, and what was left out or put in, by name
    notes            the same in sentences, with examples
    pairs            None for a run read from its folder
    names            None where clusters are named by their smallest record, and nothing more is told of them
    decided          what decisions say and did; None where none apply
    """

    settings: Settings
    ids: IdList
    components: Components
    forest: Forest
    clustering: Clustering
    component_table: TableColumns
    counts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    pairs: Pairs | None = None
    inputs: list[dict[str, Any]] | Described = field(default_factory=list)
    phases: Phases = field(default_factory=dict)
    names: ClusterNames | None = None
    decided: Decided | None = None

    def cluster_table(self) -> TableColumns:
        """Make the table of clusters, with what was decided of each record; ids are not made yet."""
        clusters = make_clusters(self.ids, self.clustering, self.components)
        if self.decided is not None:
            clusters = {**clusters, **self.decided.columns}
        return clusters if self.names is None else self.names.rename(clusters)

    @cached_property
    def tables(self) -> dict[str, Columns]:
        """Make the tables of a RUN: clusters, merges and components, by name."""
        return {
            "clusters": unpack(self.cluster_table()),
            "merges": unpack(make_merges(self.ids, self.forest)),
            "components": {**unpack(self.component_table), **count_clusters(self.components, self.clustering)},
        }

    def recut(self, cut: float, clustering: Clustering) -> Findings:
        """Give the same findings with the clusters of another cut."""
        settings = dataclasses.replace(self.settings, cut=cut)
        names, decided = self.rename(clustering), for_another_cut(self.decided)
        return dataclasses.replace(self, settings=settings, clustering=clustering, names=names, decided=decided)

    def rename(self, clustering: Clustering) -> ClusterNames | None:
        """Name the clusters of another cut."""
        return name_again(self.names, self.ids, clustering)

    def find_record(self, record_id: str) -> int:
        """Give the index of a record. Raises UsageError where there is none of that id."""
        index = bisect_left(self.ids, str(record_id))
        if index == len(self.ids) or self.ids[index] != str(record_id):
            raise UsageError(f"There is no record {record_id!r} in this run.")
        return index

    def find_members(self, record_id: str | None) -> NDArray[np.int32]:
        """Give the records of a component, increasing: that of a record, or the largest (of several, the first)."""
        component_of = self.components.component_of
        if record_id is not None:
            name = component_of[self.find_record(record_id)]
        elif len(component_of):
            name = self.components.sizes.argmax()
        else:
            raise UsageError("There are no records, and so no component.")
        return np.flatnonzero(component_of == name).astype(np.int32)

    def find_places(self, id_a: str, id_b: str) -> tuple[int, int, int]:
        """Give the size of the component of two records, and the places of the two in it, the smaller first.

        Raises UsageError where the two are one record, or in different components.
        """
        first, second = sorted((self.find_record(id_a), self.find_record(id_b)))
        component_of = self.components.component_of
        if first == second or component_of[first] != component_of[second]:
            why = "the same record" if first == second else "in different components"
            raise UsageError(f"{id_a!r} and {id_b!r} are {why}: no matrix has a place for the pair.")
        members = self.find_members(id_a)
        i, j = (int(place) for place in np.searchsorted(members, [first, second]))
        return len(members), i, j

    def summary(self) -> Summary:
        """Count what is shown first."""
        return self._summary

    @cached_property
    def _summary(self) -> Summary:
        return Summary(
            n_records=len(self.ids),
            n_pairs=int(self.counts["n_pairs"]),
            n_pairs_inside=int(np.asarray(self.component_table.get("n_pairs", 0)).sum()),
            components=tally_sizes(self.components.sizes),
            clusters=tally_sizes(self.clustering.sizes),
            notes=self.notes,
        )

    def numbers(self) -> dict[str, Any]:
        """Give the numbers of the summary as plain dicts and numbers."""
        return {**self.counts, **summary_as_dict(self.summary())}

    def begin_run(self) -> RunData:
        """Put together what is at hand of what goes into a RUN: clusters and merges, and how it was made."""
        run = self._take_at_hand()
        return run if self.names is None else dataclasses.replace(run, schemas=self.names.schemas(run.schemas))

    def finish_run(self, begun: RunData) -> RunData:
        """Add to what `begin_run` gave all the rest. Cost: O(n)."""
        components = {**self.component_table, **count_clusters(self.components, self.clustering)}
        counts, more = self._count(), {} if self.decided is None else self.decided.tables()
        if self.names is not None:
            changes = {} if self.names.changes is None else {"changes": self.names.changes}
            counts, more = {**counts, **changes}, {**more, **self.names.tables()}
        return dataclasses.replace(begun, components=components, counts=counts, more=more)

    def _count(self) -> dict[str, Any]:
        return {**self.numbers(), "notes": list(self.notes)}

    def _take_at_hand(self) -> RunData:
        return RunData(
            clusters=self.cluster_table(),
            merges=make_merges(self.ids, self.forest),
            components={},
            settings=dataclasses.asdict(self.settings),
            inputs=self.inputs,
            phases=self.phases,
            schemas=decided_schemas(SCHEMAS, self.decided),
        )


def make_findings(
    settings: Settings, given: Input, table: TableColumns, made: tuple[Forest, Clustering], phases: Phases
) -> Findings:
    """Put together what a run found.

    table  the components
    made   their merges, and the clusters at the cut
    """
    return Findings(
        settings=settings,
        ids=given.ids,
        components=given.components,
        forest=made[0],
        clustering=made[1],
        component_table=table,
        counts=given.counts,
        notes=given.notes,
        pairs=given.pairs,
        inputs=given.inputs,
        phases=phases,
    )


def add_decided(found: Found, decided: Decided) -> Found:
    """Add to what a run found what decisions did."""
    notes = (*found.notes, *decided.notes)
    return dataclasses.replace(found, decided=decided, counts={**found.counts, **decided.counts}, notes=notes)


def _read_settings(run: RunFiles) -> Settings:
    """Read the settings of a RUN; those that this version does not know are passed over."""
    known = {field.name for field in dataclasses.fields(Settings)}
    try:
        return Settings(**{name: value for name, value in run.manifest["settings"].items() if name in known})
    except UsageError as error:
        raise InputError(
            f"{run.folder}: the settings of the run make no sense: {error.problem}",
            hint="The RUN is damaged; run again.",
        ) from None


def read_findings(session: Session, run: RunFiles) -> Findings:
    """Read a finished RUN back; the pairs are not in it.

    Cost: O(n + number of merges).
    """
    clusters, merges = run.read(session, "clusters"), run.read(session, "merges")
    ids = clusters["id"]
    settings = _read_settings(run)

    index_of = dict(zip(ids.tolist(), range(len(ids)), strict=True))

    def find(texts: NDArray[Any]) -> NDArray[np.int32]:
        # Components, and the clusters of merges, are named by ids of records.
        return np.fromiter(map(index_of.__getitem__, texts.tolist()), dtype=np.int32, count=len(texts))

    counts = dict(run.manifest["counts"])
    clustering, names = read_names(session, run, clusters)
    return Findings(
        settings=settings,
        ids=ids,
        components=Components(find(clusters["component_id"])),
        forest=Forest(
            component=find(merges["component_id"]),
            left=find(merges["left_id"]),
            right=find(merges["right_id"]),
            distance=merges["distance"],
            size=merges["size"],
            n_records=len(ids),
        ),
        clustering=clustering,
        component_table=run.read(session, "components"),
        counts=counts,
        notes=tuple(counts.pop("notes", ())),
        inputs=run.manifest["inputs"],
        phases=run.manifest["phases"],
        names=names,
        decided=read_decided(clusters),
    )
