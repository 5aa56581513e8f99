"""From what the engine found to what a Result holds: numbers by name, exactness in words."""

from __future__ import annotations

from typing import Any

from unsnarl.bayes.run import Outcome
from unsnarl.files.term_tables import make_term_components
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.report.term_findings import TermFindings, no_forest, shared_settings
from unsnarl.report.term_intake import TermInput
from unsnarl.term_settings import TermSettings

NO_BOUND = -1e9
"""Bounds of log odds under this are of no pair at all."""


def say_exactness(outcome: Outcome, settings: TermSettings) -> str:
    """Say how the merges compare with those of scoring all pairs of clusters at every step."""
    if settings.group_duplicates:
        return "not claimed: records of equal terms were merged first (group-duplicates)"
    if outcome.disjoint_bound < NO_BOUND:
        return "yes, certified: no two clusters were there to score"
    bound = f"a pair without a common term has log odds of at most {outcome.disjoint_bound:+.3f}"
    if not outcome.is_exact:
        return f"not certain, for pairs without a common term: {bound}, over the cut; --exact scores them"
    if outcome.disjoint_bound <= settings.cut and settings.rule == "stop":
        return f"yes, certified: {bound}, which is not over the cut"
    return "yes: pairs without a common term were scored where they could be over the cut"


def describe_tuning(outcome: Outcome) -> tuple[str, ...]:
    """Say what gamma and strength were chosen, and on what grounds."""
    if outcome.tuned is None:
        return ()
    tuned = outcome.tuned
    chosen = f"gamma {tuned.prior.gamma:g} and strength {tuned.prior.strength:g}"
    return (f"{chosen} have the highest evidence of {len(tuned.tried)} pairs tried on {tuned.n_sample:,} records",)


def make_counts(given: TermInput, outcome: Outcome, settings: TermSettings) -> dict[str, Any]:
    """Put the numbers of a run together, as run.json has them."""
    prior = outcome.prior
    counts: dict[str, Any] = {**given.counts, **outcome.counters, "n_merges": len(outcome.forest)}
    counts["prior"] = {
        "model": prior.model,
        "gamma": prior.gamma,
        "strength": prior.strength,
        "kind": prior.kind,
        "mean": prior.mean,
    }
    counts["log_evidence"] = outcome.evidence
    counts["is_exact"] = outcome.is_exact
    counts["exactness"] = say_exactness(outcome, settings)
    counts["disjoint_bound"] = outcome.disjoint_bound if outcome.disjoint_bound >= NO_BOUND else None
    if outcome.tuned is not None:
        counts["tried"] = [
            {"gamma": gamma, "strength": strength, "log_evidence": evidence}
            for gamma, strength, evidence in outcome.tuned.tried
        ]
    return counts


def make_findings(
    given: TermInput, outcome: Outcome, settings: TermSettings, phases: dict[str, dict[str, Any]]
) -> TermFindings:
    """Make what a Result holds."""
    counts = make_counts(given, outcome, settings)
    return TermFindings(
        settings=shared_settings(settings),
        ids=given.ids,
        components=outcome.components,
        forest=no_forest(len(given.ids)),
        clustering=cut_odds_forest(outcome.forest, settings.cut, settings.rule),
        component_table=make_term_components(given.ids, given.terms, outcome.components),
        counts={**counts, "n_pairs": 0},
        notes=given.notes + describe_tuning(outcome),
        inputs=given.inputs,
        phases=phases,
        odds=outcome.forest,
        chosen=settings,
        floor=settings.cut,
    )
