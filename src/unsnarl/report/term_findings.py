"""What a run over terms found, in arrays, and its numbers in lines for a terminal."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unsnarl.errors import InputError, UsageError
from unsnarl.files.runs import RunData, RunFiles
from unsnarl.files.session import Columns, Session
from unsnarl.files.tables import count_clusters, unpack
from unsnarl.files.term_tables import TERM_SCHEMAS, make_odds_merges
from unsnarl.model import Clustering, Components, Forest, OddsForest
from unsnarl.report.decided_tables import decided_schemas, for_another_cut, read_decided
from unsnarl.report.findings import Findings
from unsnarl.report.names import read_names
from unsnarl.report.summary import count_of, format_size_table, summary_as_dict
from unsnarl.settings import Settings
from unsnarl.term_settings import TermSettings

METHOD = "bhc"


def no_forest(n_records: int) -> Forest:
    """Give a forest without merges: what a run over terms has in the place of distances."""
    none = np.empty(0, dtype=np.int32)
    return Forest(none, none, none, np.empty(0), none, n_records)


def shared_settings(chosen: TermSettings) -> Settings:
    """Give the settings that runs of both kinds have."""
    known = {field.name for field in dataclasses.fields(Settings)} - {"cut"}
    both = known & {field.name for field in dataclasses.fields(chosen)}
    return Settings(**{name: getattr(chosen, name) for name in both})


@dataclass(frozen=True, kw_only=True)
class TermFindings(Findings):
    """Hold what a run over terms found.

    odds    the merges, with log odds
    chosen  the settings of the run, with the cut of these clusters
    floor   the cut the run itself was made with
    """

    odds: OddsForest
    chosen: TermSettings
    floor: float

    @cached_property
    def tables(self) -> dict[str, Columns]:
        """Make the tables of a RUN: clusters, merges and components, by name."""
        return {
            "clusters": unpack(self.cluster_table()),
            "merges": make_odds_merges(self.ids, self.odds),
            "components": {**unpack(self.component_table), **count_clusters(self.components, self.clustering)},
        }

    def recut(self, cut: float, clustering: Clustering) -> TermFindings:
        """Give the same findings with the clusters of another cut."""
        chosen = dataclasses.replace(self.chosen, cut=cut)
        names, decided = self.rename(clustering), for_another_cut(self.decided)
        return dataclasses.replace(self, chosen=chosen, clustering=clustering, names=names, decided=decided)

    def numbers(self) -> dict[str, Any]:
        """Give the numbers of the summary as plain dicts and numbers."""
        summary = summary_as_dict(self.summary())
        left_out = ("n_pairs", "n_pairs_inside")
        return {**self.counts, **{name: value for name, value in summary.items() if name not in left_out}}

    def _count(self) -> dict[str, Any]:
        return {name: value for name, value in super()._count().items() if name != "n_pairs"}

    def _take_at_hand(self) -> RunData:
        run = super()._take_at_hand()
        merges, schemas = make_odds_merges(self.ids, self.odds), decided_schemas(TERM_SCHEMAS, self.decided)
        settings = dataclasses.asdict(self.chosen)
        return dataclasses.replace(run, merges=merges, schemas=schemas, settings=settings, method=METHOD)

    def lines(self) -> list[str]:
        """Lay out what went in, the sizes before and after, what the work cost and how exact it is."""
        counts = self.counts
        given = f"{count_of(len(self.ids), 'record')}, {count_of(counts['n_terms'], 'term')}"
        lines = [f"{given} ({counts['n_entries']:,} terms of records)", "", *format_size_table(self.summary()), ""]
        prior = counts["prior"]
        lines.append(
            f"prior: {prior['model']}, gamma {prior['gamma']:g}, strength {prior['strength']:g}, {prior['kind']}; "
            f"ln evidence >= {counts['log_evidence']:,.1f}"
        )
        lines.append(
            f"work: {counts['n_candidates_scored']:,} candidates scored, {counts['n_postings_read']:,} postings read, "
            f"{counts['n_scans']:,} scans, {counts['n_deferred_resolved']:,} deferred"
        )
        lines.append(f"exact: {counts['exactness']}")
        return lines + (["", *(f"note: {note}" for note in self.notes)] if self.notes else [])


def _read_settings(run: RunFiles) -> TermSettings:
    """Read the settings of a RUN; those that this version does not know are passed over."""
    known = {field.name for field in dataclasses.fields(TermSettings)}
    try:
        return TermSettings(**{name: value for name, value in run.manifest["settings"].items() if name in known})
    except UsageError as error:
        raise InputError(
            f"{run.folder}: the settings of the run make no sense: {error.problem}",
            hint="The RUN is damaged; run again.",
        ) from None


def read_term_findings(session: Session, run: RunFiles) -> TermFindings:
    """Read a finished RUN over terms back; the terms are not in it.

    Cost: O(n + number of merges).
    """
    clusters, merges = run.read(session, "clusters"), run.read(session, "merges")
    ids = clusters["id"]
    index_of = dict(zip(ids.tolist(), range(len(ids)), strict=True))

    def find(texts: Any) -> Any:
        return np.fromiter(map(index_of.__getitem__, texts.tolist()), dtype=np.int32, count=len(texts))

    component, left, right = (find(merges[name]) for name in ("component_id", "left_id", "right_id"))
    chosen = _read_settings(run)
    counts = dict(run.manifest["counts"])
    clustering, names = read_names(session, run, clusters)
    return TermFindings(
        settings=shared_settings(chosen),
        ids=ids,
        components=Components(find(clusters["component_id"])),
        forest=no_forest(len(ids)),
        clustering=clustering,
        component_table=run.read(session, "components"),
        counts={**counts, "n_pairs": 0},
        notes=tuple(counts.pop("notes", ())),
        inputs=run.manifest["inputs"],
        phases=run.manifest["phases"],
        names=names,
        odds=OddsForest(component, left, right, merges["log_odds"], merges["size"], len(ids)),
        chosen=chosen,
        floor=chosen.cut,
        decided=read_decided(clusters),
    )
