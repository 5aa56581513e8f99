"""One run over terms: the prior, the merges, and what can be said of them."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.bayes.outcome import find_components, find_disjoint_odds, find_evidence, find_order, make_forest
from unsnarl.bayes.prior import DEFAULT_STRENGTH, RECORDS_PER_GROUP, Census, Prior, find_masses, take_census
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.bayes.tuning import Tuned, tune
from unsnarl.errors import UsageError
from unsnarl.model import Components, Constraints, OddsForest, Progress, Terms, no_constraints
from unsnarl.term_settings import TermSettings


@dataclass(frozen=True)
class Outcome:
    """Hold what a run found.

    made            int64[k]  when each merge of the forest was made
    prior           the hyper-parameters it used
    tuned           how they were chosen, or None
    counters        what the work cost, by name
    evidence        lower bound of ln p(D)
    disjoint_bound  bound of the log odds of any pair without a common term
    is_exact        whether the merges are certainly those of scoring all pairs
    """

    components: Components
    forest: OddsForest
    made: NDArray[np.int64]
    prior: Prior
    tuned: Tuned | None
    counters: dict[str, int]
    evidence: float
    disjoint_bound: float
    is_exact: bool


def choose_prior(terms: Terms, settings: TermSettings) -> tuple[Prior, Tuned | None]:
    """Give the prior of the settings, with defaults or tuned values for what they leave open."""
    gamma = settings.gamma if settings.gamma is not None else max(terms.n_records / RECORDS_PER_GROUP, 1.0)
    strength = settings.strength if settings.strength is not None else DEFAULT_STRENGTH[settings.model]
    prior = Prior(settings.model, gamma, strength, settings.prior, settings.mean)
    if not settings.tune:
        return prior, None
    if settings.gamma is not None or settings.strength is not None:
        raise UsageError("tune chooses gamma and strength, and one of them is given.", hint="Leave them out.")
    tuned = tune(terms, prior)
    return tuned.prior, tuned


def refuse_flat(terms: Terms, prior: Prior, census: Census, is_tuned: bool) -> None:
    """Refuse a prior under which two records without a common term belong together as a rule: all would merge."""
    odds = find_disjoint_odds(terms, prior, census)
    if odds <= 0:
        return
    mean = "" if prior.model == "multinomial" else f", mean {_say_mean(prior, census)}"
    ways_out = ["for bernoulli let the prior follow the terms (--prior frequency)"]
    ways_out = [*ways_out, "leave --tune out"] if is_tuned else ["Raise --gamma", *ways_out, "or try --tune"]
    hint = "; ".join(ways_out)
    raise UsageError(
        f"Under this prior ({prior.model}, gamma {prior.gamma:g}, strength {prior.strength:g}, {prior.kind}{mean}) "
        f"two records of typical size with no term in common have log odds of {odds:+,.1f}: everything would be one "
        "cluster.",
        hint=f"{hint[0].upper()}{hint[1:]}.",
    )


def _say_mean(prior: Prior, census: Census) -> str:
    masses = find_masses(prior, census)
    return f"{float(np.mean(masses / (masses + prior.strength))):.3g}"


def _agglomerate(work: TermAgglomeration, progress: Progress | None) -> None:
    """Work to the end, and say how far it is: kinds indexed, then clusters that have nobody left to merge with."""
    if progress is None:
        while work.advance():
            pass
        return
    progress.start("indexing", work.n_kinds, "records")
    while work.n_indexed < work.n_kinds and work.advance():
        progress.update(work.n_indexed)
    progress.finish()
    n_open = max(work.n_open, 1)
    done = 0
    progress.start("merging", n_open, "clusters")
    while work.advance():
        done = max(done, n_open - work.n_open)
        progress.update(min(done, n_open))
    progress.finish()


def cluster_terms(
    terms: Terms,
    settings: TermSettings,
    progress: Progress | None = None,
    under: Constraints | None = None,
) -> Outcome:
    """Cluster records by their terms.

    progress  told how far the work is
    under     what must, and must not, be together; merges of the former come first, and have infinite log odds

    Raises UsageError for a prior under which everything would merge.
    Cost: docs/benchmarks.md; grows with the square of what frequent terms cannot rule out.
    """
    census = take_census(terms, settings.model)
    prior, tuned = choose_prior(terms, settings)
    refuse_flat(terms, prior, census, tuned is not None)
    floor = None if settings.rule == "tree" else settings.cut
    given = no_constraints(terms.n_records) if under is None else under
    plan = Plan.under(
        given,
        without=settings.ideas_left_out,
        disjoint=settings.exact,
        floor=floor,
        group_first=settings.group_duplicates,
    )
    work = TermAgglomeration(terms, prior, plan, census)
    _agglomerate(work, progress)
    components = find_components(terms, work.merges)
    scores_all = settings.exact or floor is None or "index" in plan.without
    return Outcome(
        components=components,
        forest=make_forest(work.merges, components, work.n_given),
        made=find_order(work.merges, components),
        prior=prior,
        tuned=tuned,
        counters=work.counters,
        evidence=find_evidence(work, terms, prior, census),
        disjoint_bound=max(work.disjoint_bound, -math.inf),
        is_exact=not settings.group_duplicates and (scores_all or work.disjoint_bound <= settings.cut),
    )


def load_kernels() -> None:
    """Load all kernels, or compile them where this machine has not yet: on the smallest input there is."""
    # As in solve.py: Python's collector would look the compiler's objects over again and again.
    was_on = gc.isenabled()
    gc.disable()
    try:
        ones = np.ones(4, dtype=np.int32)
        terms = Terms(np.array([0, 2, 4]), np.array([0, 1, 0, 1], dtype=np.int32), ones, 2)
        for model in DEFAULT_STRENGTH:
            cluster_terms(terms, TermSettings(model=model))
    finally:
        if was_on:
            gc.enable()
