"""What is said of a run: its evidence, its exactness, that order does not matter and that nothing overflows."""

from __future__ import annotations

import itertools
import math
import os
import random

import numpy as np
import pytest

from bayes.random_sets import as_terms, assert_same, make_evidence, make_prior, make_records, run
from reference import bhc
from unsnarl.bayes.outcome import find_components, find_disjoint_odds, find_evidence, make_forest
from unsnarl.bayes.prior import Prior, take_census
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.bayes.tuning import draw_sample, tune
from unsnarl.kernels.bhc.fixed_point import UNITS, log_of, soft_plus
from unsnarl.model import Terms

SMALL = bool(os.environ.get("UNSNARL_SMALL"))
MODELS = ["multinomial", "bernoulli"]


def work_through(terms: Terms, prior: Prior, plan: Plan | None = None) -> TermAgglomeration:
    work = TermAgglomeration(terms, prior, plan or Plan())
    while work.advance():
        pass
    return work


def test_logarithms_need_no_library() -> None:
    for x in (1e-9, 0.1, 0.5, 0.7071, 1.0, math.e, 3.0, 1e6, 123456789.25):
        assert log_of(x) == pytest.approx(math.log(x), rel=1e-15, abs=1e-15)
    for x in (-80.0, -30.0, -1.5, -1e-6, 0.0, 0.3, 2.0, 25.0, 70.0):
        exact = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        assert soft_plus(np.int64(round(x * UNITS))) / UNITS == pytest.approx(exact, abs=3 / UNITS)


@pytest.mark.parametrize("model", MODELS)
def test_the_evidence_is_that_of_the_forest_and_a_bound_of_that_of_all_partitions(model: str) -> None:
    chance = random.Random(model)
    n_tried = 0
    while n_tried < (4 if SMALL else 30):
        terms, records = as_terms([record for record in make_records(chance) if record][:5])
        if len(records) < 5:
            continue
        n_tried += 1
        prior = make_prior(chance, model)
        census = take_census(terms, model)
        evidence = make_evidence(prior, terms)
        exact = bhc.log_evidence(records, prior.gamma, evidence)
        stopped = find_evidence(work_through(terms, prior), terms, prior, census)
        whole = find_evidence(work_through(terms, prior, Plan(floor=None)), terms, prior, census)
        assert stopped <= whole + 1e-6
        assert whole <= exact + 1e-6
        alone = Plan(floor=1e6)
        leaves = sum(evidence([record]) for record in records) + len(records) * math.log(prior.gamma)
        leaves += math.lgamma(prior.gamma) - math.lgamma(prior.gamma + len(records))
        assert find_evidence(work_through(terms, prior, alone), terms, prior, census) == pytest.approx(leaves, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_certified_run_is_that_of_scoring_all_pairs_and_others_are_mended(model: str) -> None:
    chance = random.Random(f"certify {model}")
    n_certified = n_mended = 0
    for _ in range(60 if SMALL else 600):
        terms, records = as_terms(make_records(chance))
        if not terms.n_terms:
            continue
        prior = make_prior(chance, model)
        wanted = bhc.cluster(records, prior.gamma, make_evidence(prior, terms))
        quick = work_through(terms, prior)
        merges = [(int(merge["left"]), int(merge["right"])) for merge in quick.merges]
        if quick.disjoint_bound <= 0:
            n_certified += 1
            assert merges == [(merge.left, merge.right) for merge in wanted]
        elif merges != [(merge.left, merge.right) for merge in wanted]:
            n_mended += 1
            assert_same(run(terms, prior, Plan(disjoint=True)), wanted)
    assert n_certified and n_mended


@pytest.mark.parametrize("model", MODELS)
def test_two_records_without_a_common_term_have_the_odds_said(model: str) -> None:
    terms, records = as_terms([{0: 1, 1: 1}, {2: 1, 3: 1}])
    prior = Prior(model, 0.01, 3.0)
    found = bhc.cluster(records, prior.gamma, make_evidence(prior, terms))
    assert find_disjoint_odds(terms, prior, take_census(terms, model)) == pytest.approx(found[0].log_odds)


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_records_and_terms_does_not_matter(model: str) -> None:
    chance = random.Random(model)
    for _ in range(5 if SMALL else 60):
        records = make_records(chance)
        prior = make_prior(chance, model)
        numbers = list(range(12))
        chance.shuffle(numbers)
        plain, other = as_terms(records)[0], as_terms([{numbers[t]: c for t, c in r.items()} for r in records])[0]
        if plain.n_terms:
            assert run(plain, prior, Plan()) == run(other, prior, Plan())


@pytest.mark.parametrize("model", MODELS)
def test_what_must_and_must_not_be_together_is(model: str) -> None:
    chance = random.Random(model)
    for _ in range(20 if SMALL else 200):
        terms, records = as_terms(make_records(chance))
        present = [i for i, record in enumerate(records) if record]
        if len(present) < 4:
            continue
        a, b, c, d = chance.sample(present, 4)
        must_of = np.arange(len(records), dtype=np.int32)
        must_of[max(a, b)] = min(a, b)
        cannot = np.array([a, c], dtype=np.int32), np.array([c, d], dtype=np.int32)
        work = work_through(terms, make_prior(chance, model), Plan(must_of=must_of, cannot=cannot))
        forest = make_forest(work.merges, find_components(terms, work.merges), work.n_given)
        forest.check()
        cluster_of = np.arange(len(records))
        for left, right in zip(work.merges["left"], work.merges["right"], strict=True):
            cluster_of[cluster_of == right] = left
        assert cluster_of[a] == cluster_of[b]
        assert cluster_of[a] != cluster_of[c] != cluster_of[d]


@pytest.mark.parametrize("model", MODELS)
def test_records_of_equal_terms_are_merged_first_only_where_that_helps(model: str) -> None:
    records = [{0: 1, 1: 1, 2: 1}] * 4 + [{3: 1}] * 2 + [{3: 1, 4: 1}]
    terms, _ = as_terms(records)
    first = run(terms, Prior(model, 1.0, 10.0), Plan(group_first=True))[:3]
    assert [(merge.left, merge.right) for merge in first] == [(0, 1), (0, 2), (0, 3)]
    assert run(terms, Prior(model, 1e6, 10.0), Plan(group_first=True)) == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n_records", [172, pytest.param(100_000, marks=pytest.mark.slow)])
def test_large_clusters_do_not_overflow(model: str, n_records: int) -> None:
    n_records = min(n_records, 400) if SMALL else n_records
    records = [{0: 1, 1: 1, 2 + i % 3: 1} for i in range(n_records)]
    terms, _ = as_terms(records)
    prior = Prior(model, 1.0, 10.0)
    work = work_through(terms, prior)
    # The third term tells a third of them from the others; the Bernoulli model keeps that apart where it is sure.
    assert work.merges["n_records"].max() >= n_records // 3
    odds = work.merges["score"] / UNITS
    assert np.isfinite(odds).all() and (odds > 0).all()
    assert math.isfinite(find_evidence(work, terms, prior, take_census(terms, model)))


def test_a_sample_has_neighbours_and_tuning_says_what_it_tried() -> None:
    n_records = 40 if SMALL else 80
    records = [{i // 2: 1, 40 + i % 3: 1} for i in range(n_records)]
    terms, _ = as_terms(records)
    sample = draw_sample(terms, 20)
    assert sample.first[-1] == len(sample.term)
    assert 20 <= sample.n_records <= 30
    tuned = tune(terms, Prior("multinomial", 1.0, 10.0))
    assert tuned.n_sample == n_records
    best = max(evidence for *_, evidence in tuned.tried)
    assert (tuned.prior.gamma, tuned.prior.strength, best) in tuned.tried


@pytest.mark.parametrize("model", MODELS)
def test_nothing_to_do_is_done(model: str) -> None:
    for records in ([], [{}], [{0: 1}], [{}, {}]):
        terms, _ = as_terms(records)
        assert len(work_through(terms, Prior(model, 1.0, 1.0)).merges) == 0


def test_whole_trees_need_no_common_terms() -> None:
    terms, _ = as_terms([{i: 1} for i in range(6)])
    prior = Prior("multinomial", 2.0, 10.0)
    assert len(work_through(terms, prior, Plan(floor=None)).merges) == 5
    assert len(list(itertools.chain(work_through(terms, prior).merges))) == 0
