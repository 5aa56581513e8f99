"""What must, and must not, be together: as in the definition, whatever is switched off."""

from __future__ import annotations

import math
import os
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bayes.random_sets import Records, as_merges, as_terms, assert_same, make_evidence, run
from reference import bhc
from unsnarl.bayes import recipe
from unsnarl.bayes.outcome import find_components, find_order, make_forest
from unsnarl.bayes.prior import Prior, take_census
from unsnarl.bayes.recipe import IDEAS, Plan, TermAgglomeration
from unsnarl.bayes.run import cluster_terms
from unsnarl.bayes.standoffs import Field, find_standoffs
from unsnarl.model import Constraints
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.term_settings import TermSettings

SMALL = bool(os.environ.get("UNSNARL_SMALL"))
MODELS = ["multinomial", "bernoulli"]


class Case(NamedTuple):
    """Records with what must, and must not, be together, and a prior that makes no ties by accident."""

    records: Records
    must_of: list[int]
    cannot: list[tuple[int, int]]
    families: list[list[int]]
    prior: Prior

    @property
    def links(self) -> bhc.Links:
        within = [pair for some in self.families for pair in combinations(some, 2)]
        return bhc.Links(dict(enumerate(self.must_of)), self.cannot + within)


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
    heads = [i for i in range(n) if must_of[i] == i]
    families = draw(st.lists(st.lists(st.sampled_from(heads), unique=True), max_size=3))
    gamma = draw(st.sampled_from([0.2137, 1.0391, 3.917]))
    strength = draw(st.sampled_from([0.1713, 1.0973, 9.317]))
    return Case(records, must_of, cannot, families, Prior(model, gamma, strength, kind))


def constrain(must_of: list[int], cannot: list[tuple[int, int]], families: list[list[int]] = []) -> Constraints:  # noqa: B006
    pairs = np.array(sorted({(min(p), max(p)) for p in cannot if p[0] != p[1]}), dtype=np.int32).reshape(-1, 2)
    rows = sorted({(number, one) for number, some in enumerate(families) for one in some})
    told = np.array(rows, dtype=np.int32).reshape(-1, 2)
    columns = (pairs[:, 0], pairs[:, 1], told[:, 1], told[:, 0])
    return Constraints(np.array(must_of, dtype=np.int32), *(column.copy() for column in columns))


def make_plan(case: Case, without: frozenset[str], disjoint: bool, floor: float | None) -> Plan:
    # What is kept apart is said of groups, by their smallest record.
    cannot = [(case.must_of[a], case.must_of[b]) for a, b in case.cannot]
    under = constrain(case.must_of, cannot, case.families)
    under.check()
    return Plan.under(under, without=without, disjoint=disjoint, floor=floor)


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
    # Only the largest families have bits; others are pairs.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "MOST_FAMILIES", data.draw(st.sampled_from([0, 1, 1024])))
        check_links(model, data)


def check_links(model: str, data: st.DataObject) -> None:
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
    under = constrain(must_of.tolist(), [(0, 1)])
    for rule in ("stop", "tree"):
        outcome = cluster_terms(terms, TermSettings(model=model, rule=rule), None, under)
        outcome.forest.check()
        assert np.isinf(outcome.forest.log_odds).sum() == 3
        found = cut_odds_forest(outcome.forest, 1e6, rule).cluster_of
        assert found.tolist() == must_of.tolist()
        assert outcome.forest.n_records == 62
    plain = cluster_terms(terms, TermSettings(model=model))
    linked = cluster_terms(terms, TermSettings(model=model), None, under)
    assert linked.counters["n_candidates_scored"] <= plain.counters["n_candidates_scored"] + 10


def test_a_long_chain_of_links_is_merged_in_no_time() -> None:
    n = 2_000 if SMALL else 50_000
    terms, _ = as_terms([{0: 1, 1 + i % 7: 1} for i in range(n)])
    outcome = cluster_terms(terms, TermSettings(), None, constrain([0] * n, []))
    assert len(outcome.forest) == n - 1
    assert outcome.forest.size[-1] == n
    assert np.isinf(outcome.forest.log_odds).all()


@pytest.mark.parametrize("model", MODELS)
def test_links_of_records_without_terms(model: str) -> None:
    terms, _ = as_terms([{}, {}, {}])
    outcome = cluster_terms(terms, TermSettings(model=model), None, constrain([0, 1, 0], []))
    assert cut_odds_forest(outcome.forest, 0.0, "stop").cluster_of.tolist() == [0, 1, 0]


def replay_blocked(merges: list[bhc.Merge], case: Case, records: Records, evidence: bhc.Evidence) -> list[float]:
    """Give the log odds of the best merge that keeping each pair apart blocked, one merge after the other; 0: none."""
    nodes = {
        i: bhc.Node(i, [record], math.log(case.prior.gamma), evidence([record]), frozenset([i]))
        for i, record in enumerate(records)
    }
    best = [0.0] * len(case.cannot)
    n_given = sum(head != i for i, head in enumerate(case.must_of))
    for number, merge in enumerate([*merges, None]):
        for row, pair in enumerate(case.cannot if number >= n_given else []):
            one, other = (next(node for node in nodes.values() if record in node.members) for record in pair)
            if not any(one.records) or not any(other.records):
                continue
            odds = bhc.merge(one, other, case.prior.gamma, evidence)[1]
            # It would have come before this merge, which is then not the best.
            if odds > (0.0 if merge is None else merge.log_odds) + bhc.TIE:
                best[row] = max(best[row], odds)
        if merge is not None:
            joined, _ = bhc.merge(nodes[merge.left], nodes.pop(merge.right), case.prior.gamma, evidence)
            nodes[merge.left] = joined
    return best


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=20 if SMALL else 150, deadline=None)
@given(st.data())
def test_what_links_blocked_is_that_of_a_replay(model: str, data: st.DataObject) -> None:
    case = data.draw(cases(model))
    terms, records = as_terms(case.records)
    assume(terms.n_terms)
    evidence = make_evidence(case.prior, terms)
    work = TermAgglomeration(terms, case.prior, make_plan(case, frozenset(), True, 0.0))
    while work.advance():
        pass
    found = as_merges(work.merges)
    n_given = work.n_given
    forest = make_forest(work.merges, find_components(terms, work.merges), n_given)
    must_of = np.array(case.must_of, dtype=np.int32)
    made = find_order(work.merges, find_components(terms, work.merges))
    field = Field(terms, case.prior, take_census(terms, model), forest, made, must_of, 0.0)
    a, b = (np.array([pair[side] for pair in case.cannot], dtype=np.int32) for side in (0, 1))
    standoffs = find_standoffs(field, a, b)
    expected = replay_blocked(found, case, records, evidence)
    assert [0.0 if one is None else one.log_odds for one in standoffs] == pytest.approx(expected, abs=1e-6)
