"""What must, and must not, be together: as in the definition, whatever is switched off."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bayes.random_sets import Records, as_terms, assert_same, make_evidence, run
from reference import bhc
from unsnarl.bayes.prior import Prior
from unsnarl.bayes.recipe import IDEAS, Plan
from unsnarl.bayes.run import cluster_terms
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.term_settings import TermSettings

SMALL = bool(os.environ.get("UNSNARL_SMALL"))
MODELS = ["multinomial", "bernoulli"]


class Case(NamedTuple):
    """Records with what must, and must not, be together, and a prior that makes no ties by accident."""

    records: Records
    must_of: list[int]
    cannot: list[tuple[int, int]]
    prior: Prior

    @property
    def links(self) -> bhc.Links:
        return bhc.Links(dict(enumerate(self.must_of)), self.cannot)


@st.composite
def cases(draw: st.DrawFn, model: str) -> Case:
    kind = draw(st.sampled_from(["frequency", "uniform"]))
    record = st.dictionaries(st.integers(0, 5), st.integers(1, draw(st.integers(1, 2))), max_size=4)
    records = draw(st.lists(record, min_size=2, max_size=9))
    n = len(records)
    group = draw(st.lists(st.integers(0, 2 * n), min_size=n, max_size=n))
    must_of = [group.index(g) if g < n // 2 else i for i, g in enumerate(group)]
    one = st.integers(0, n - 1)
    pairs = draw(st.lists(st.tuples(one, one), max_size=6))
    cannot = [(a, b) for a, b in pairs if must_of[a] != must_of[b]]
    gamma = draw(st.sampled_from([0.2137, 1.0391, 3.917]))
    strength = draw(st.sampled_from([0.1713, 1.0973, 9.317]))
    return Case(records, must_of, cannot, Prior(model, gamma, strength, kind))


def make_plan(case: Case, without: frozenset[str], disjoint: bool, floor: float | None) -> Plan:
    pairs = np.array(case.cannot, dtype=np.int32).reshape(-1, 2)
    must_of = np.array(case.must_of, dtype=np.int32)
    return Plan(without, disjoint, floor, must_of=must_of, cannot=(pairs[:, 0].copy(), pairs[:, 1].copy()))


def assert_same_but_for_coincidence(found: list[bhc.Merge], wanted: list[bhc.Merge]) -> None:
    """Compare up to where odds of unlike pairs are equal by coincidence of logarithms: the program rounds these."""
    n_same = 0
    for one, other in zip(found, wanted, strict=False):
        if one[:2] != other[:2] and abs(one.log_odds - other.log_odds) < bhc.TIE:
            return
        n_same += 1
        assert_same([one], [other])
    assert n_same == len(found) == len(wanted)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=30 if SMALL else 200, deadline=None)
@given(st.data())
def test_links_are_those_of_the_definition(model: str, data: st.DataObject) -> None:
    case = data.draw(cases(model))
    terms, records = as_terms(case.records)
    assume(terms.n_terms)
    disjoint, is_whole = data.draw(st.booleans()), data.draw(st.booleans())
    without = data.draw(st.sets(st.sampled_from(sorted(IDEAS))).map(frozenset))
    scores_all = disjoint or is_whole or "index" in without
    floor = -float("inf") if is_whole else 0.0
    wanted = bhc.cluster(records, case.prior.gamma, make_evidence(case.prior, terms), scores_all, floor, case.links)
    found = run(terms, case.prior, make_plan(case, without, disjoint, None if is_whole else 0.0))
    assert_same_but_for_coincidence(found, wanted)


@pytest.mark.parametrize("model", MODELS)
def test_what_must_be_together_is_so_at_any_cut_and_costs_nothing_elsewhere(model: str) -> None:
    terms, _ = as_terms([{i // 3: 1, 100 + i: 1} for i in range(60)] + [{}, {}])
    must_of = np.arange(62, dtype=np.int32)
    must_of[[30, 59, 61]] = 0, 0, 60
    cannot = np.array([0], dtype=np.int32), np.array([1], dtype=np.int32)
    for rule in ("stop", "tree"):
        outcome = cluster_terms(terms, TermSettings(model=model, rule=rule), None, must_of, cannot)
        outcome.forest.check()
        assert np.isinf(outcome.forest.log_odds).sum() == 3
        found = cut_odds_forest(outcome.forest, 1e6, rule).cluster_of
        assert found.tolist() == must_of.tolist()
        assert outcome.forest.n_records == 62
    plain = cluster_terms(terms, TermSettings(model=model))
    linked = cluster_terms(terms, TermSettings(model=model), None, must_of, cannot)
    assert linked.counters["n_candidates_scored"] <= plain.counters["n_candidates_scored"] + 10


def test_a_long_chain_of_links_is_merged_in_no_time() -> None:
    n = 2_000 if SMALL else 50_000
    terms, _ = as_terms([{0: 1, 1 + i % 7: 1} for i in range(n)])
    outcome = cluster_terms(terms, TermSettings(), None, np.zeros(n, dtype=np.int32))
    assert len(outcome.forest) == n - 1
    assert outcome.forest.size[-1] == n
    assert np.isinf(outcome.forest.log_odds).all()


@pytest.mark.parametrize("model", MODELS)
def test_links_of_records_without_terms(model: str) -> None:
    terms, _ = as_terms([{}, {}, {}])
    must_of = np.array([0, 1, 0], dtype=np.int32)
    outcome = cluster_terms(terms, TermSettings(model=model), None, must_of)
    assert cut_odds_forest(outcome.forest, 0.0, "stop").cluster_of.tolist() == [0, 1, 0]
