"""Bayesian clustering under what people decide: the same log and rules as for linkage, and what they did."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from unsnarl.bayes.prior import take_census
from unsnarl.bayes.run import Outcome, cluster_terms
from unsnarl.bayes.standoffs import Field, find_standoffs
from unsnarl.decisions.log import Log
from unsnarl.files.records import RecordSource
from unsnarl.model import Clustering, Components, Constraints, Index
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.report.blocked import pick_best
from unsnarl.report.decided import Compared, make_decided
from unsnarl.report.findings import add_decided
from unsnarl.report.ruling import Register, Ruled, apply_ruling, make_ruling
from unsnarl.report.standoffs import Standoffs, no_standoffs
from unsnarl.report.statements import list_denials, list_heads
from unsnarl.report.term_findings import TermFindings, shared_settings
from unsnarl.report.term_forecast import out_of_memory
from unsnarl.report.term_intake import TermInput
from unsnarl.report.term_outcome import make_findings
from unsnarl.report.timing import Clock
from unsnarl.slices import Slices
from unsnarl.term_settings import TermSettings

Solve = Callable[[Constraints | None], Outcome]
"""Clusters the terms under constraints, if there are any."""


def rule_terms(log: Log | None, records: RecordSource | None, ids: Any, settings: TermSettings) -> Ruled | None:
    """Work out what decisions and rules mean for records of terms; None where there are neither.

    records  RECORDS, or None
    ids      of the records of terms

    Raises InputError for ids that no record has, and for contradictions. Cost: O(n + decisions).
    """
    if log is None and settings.one_per is None:
        return None
    index_of = {text: index for index, text in enumerate(ids.tolist())}

    def find(texts: Slices) -> Index:
        return np.array([index_of.get(text, -1) for text in texts], dtype=np.int32)

    shared = shared_settings(settings)
    ruling = make_ruling(log, records, False, Register(len(ids), find), shared)
    assert ruling is not None
    # No component is known yet: all records are one.
    whole = Components(np.zeros(len(ids), dtype=np.int32))
    return apply_ruling(ruling, np.arange(len(ids), dtype=np.int32), whole)


def _find_blocked(given: TermInput, outcome: Outcome, cut: float) -> Standoffs:
    """Find for each event the best merge it blocked; `distance` is the log odds."""
    assert given.ruled is not None
    pairs, members = list_denials(*list_heads(given.ruled.said))
    # Of two members of a large partition each pair is looked at: there are few such events.
    rows = [pairs]
    for event in np.unique(members[:, 0]).tolist():
        some = members[members[:, 0] == event, 1]
        one, other = np.triu_indices(len(some), 1)
        rows.append(np.stack([np.full(len(one), event), some[one], some[other]], axis=1))
    event, a, b = np.concatenate(rows).T
    census = take_census(given.terms, outcome.prior.model)
    must_of = given.ruled.constraints.must_of
    field = Field(given.terms, outcome.prior, census, outcome.forest, outcome.made, must_of, cut)
    best = find_standoffs(field, a.astype(np.int32), b.astype(np.int32))
    found = [(row, *one) for row, one in enumerate(best) if one is not None]
    row, log_odds, left, right = np.array(found, dtype=np.float64).reshape(-1, 4).T
    nearest = Standoffs(row.astype(np.int64), -log_odds, left.astype(np.int32), right.astype(np.int32))
    picked = pick_best(event, nearest)
    return Standoffs(picked.row, -picked.distance, picked.left, picked.right)


def weigh_decisions(given: TermInput, outcome: Outcome, found: TermFindings, solve: Solve) -> TermFindings:
    """Find out what decisions did, by clustering once more without them; one_per holds in both.

    Cost: that of clustering, and of making the merges of the records they name once more.
    """
    ruled, chosen = given.ruled, found.chosen
    if ruled is None:
        return found
    compared = Compared(found.clustering, found.clustering, no_standoffs(), "log_odds")
    if len(ruled.ruling.applied):
        blocked = _find_blocked(given, outcome, chosen.cut)
        base: Clustering = cut_odds_forest(solve(ruled.rules).forest, chosen.cut, chosen.rule)
        compared = Compared(found.clustering, base, blocked, "log_odds")
    return add_decided(found, make_decided(ruled, given.ids, compared))


def find_clusters(given: TermInput, chosen: TermSettings, clock: Clock) -> TermFindings:
    """Cluster what came in, and find out what decisions did. Raises UsageError, ResourceError."""
    solve: Solve = partial(cluster_terms, given.terms, chosen, clock.progress)
    under = None if given.ruled is None else given.ruled.constraints
    try:
        outcome = clock.wait("merging", lambda: solve(under))
        found = make_findings(given, outcome, chosen, clock.phases)
        if under is None:
            return found
        return clock.wait("weighing decisions", lambda: weigh_decisions(given, outcome, found, solve))
    except MemoryError:
        raise out_of_memory(given.terms) from None
