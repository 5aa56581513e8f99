"""The engine merges what the paper's recursion merges, in its order, whatever is switched off."""

from __future__ import annotations

import os
import random

import pytest

from bayes.random_sets import as_terms, assert_same, make_evidence, make_prior, make_records, run
from reference import bhc
from unsnarl.bayes.recipe import IDEAS, Plan

SMALL = bool(os.environ.get("UNSNARL_SMALL"))
N_SETS = 10 if SMALL else 250
SWITCHES = [frozenset(), *(frozenset([idea]) for idea in IDEAS), frozenset(IDEAS)]


@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
@pytest.mark.parametrize("disjoint", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_merges_are_those_of_the_definition(model: str, disjoint: bool, seed: int) -> None:
    chance = random.Random(f"{model} {disjoint} {seed}")
    for _ in range(N_SETS):
        terms, records = as_terms(make_records(chance))
        if not terms.n_terms:
            continue
        prior = make_prior(chance, model)
        wanted = bhc.cluster(records, prior.gamma, make_evidence(prior, terms), disjoint)
        for without in chance.sample(SWITCHES, 3):
            found = (
                run(terms, prior, Plan(without=without, disjoint=disjoint))
                if disjoint or "index" not in without
                else None
            )
            if found is not None:
                assert_same(found, wanted)


@pytest.mark.parametrize("model", ["multinomial", "bernoulli"])
def test_the_whole_tree_is_that_of_the_definition(model: str) -> None:
    chance = random.Random(model)
    for _ in range(N_SETS):
        terms, records = as_terms(make_records(chance))
        if not terms.n_terms:
            continue
        prior = make_prior(chance, model)
        wanted = bhc.cluster(records, prior.gamma, make_evidence(prior, terms), floor=-float("inf"))
        for without in chance.sample(SWITCHES, 2):
            assert_same(run(terms, prior, Plan(without=without, floor=None)), wanted)
