"""Random records of a few terms, and the engine run over them beside its twin."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from reference import bhc
from unsnarl.bayes.prior import Prior, find_masses, take_census
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.kernels.bhc.fixed_point import UNITS
from unsnarl.model import Terms

Records = list[bhc.Record]


def as_terms(records: Records) -> tuple[Terms, Records]:
    """Put records into arrays; terms that no record has are left out of both."""
    used = sorted({term for record in records for term in record})
    number = {term: i for i, term in enumerate(used)}
    records = [{number[term]: count for term, count in record.items()} for record in records]
    first = np.concatenate([[0], np.cumsum([len(record) for record in records])]).astype(np.int64)
    rows = [item for record in records for item in sorted(record.items())]
    columns = np.array(rows, dtype=np.int32).reshape(-1, 2)
    terms = Terms(first, columns[:, 0].copy(), columns[:, 1].copy(), len(used))
    terms.check()
    return terms, records


def make_records(chance: random.Random) -> Records:
    """Make a few records with few terms: copies, empty ones, and terms of one record only among them."""
    n_terms = chance.choice([3, 6, 12])
    records: Records = []
    for _ in range(chance.randint(1, 11)):
        if records and chance.random() < 0.35:
            records.append(dict(chance.choice(records)))
            continue
        drawn = [min(int(chance.paretovariate(0.7)) - 1, n_terms - 1) for _ in range(chance.randint(0, 6))]
        most = chance.choice([1, 1, 3])
        records.append({term: chance.randint(1, most) for term in drawn})
    return records


def make_prior(chance: random.Random, model: str) -> Prior:
    """Draw hyper-parameters that make no ties by accident."""
    gamma = chance.choice([0.2, 1.0, 4.0, 30.0]) * (1 + chance.random())
    strength = chance.choice([0.1, 1.0, 10.0]) * (1 + chance.random())
    return Prior(model, gamma, strength, chance.choice(["frequency", "uniform"]), chance.choice([None, 0.05, 0.4]))


def make_evidence(prior: Prior, terms: Terms) -> bhc.Evidence:
    masses = find_masses(prior, take_census(terms, prior.model)).tolist()
    if prior.model == "multinomial":
        return bhc.multinomial(masses)
    return bhc.bernoulli(masses, [prior.strength] * len(masses))


def run(terms: Terms, prior: Prior, plan: Plan) -> list[bhc.Merge]:
    work = TermAgglomeration(terms, prior, plan)
    while work.advance():
        pass
    return as_merges(work.merges)


def as_merges(found: Any) -> list[bhc.Merge]:
    columns = (found["left"].tolist(), found["right"].tolist(), found["score"].tolist(), found["n_records"].tolist())
    return [bhc.Merge(*row[:2], row[2] / UNITS, row[3]) for row in zip(*columns, strict=True)]


def assert_same(found: list[bhc.Merge], wanted: list[bhc.Merge]) -> None:
    assert [(merge.left, merge.right, merge.size) for merge in found] == [
        (merge.left, merge.right, merge.size) for merge in wanted
    ]
    assert [merge.log_odds for merge in found] == pytest.approx([merge.log_odds for merge in wanted], abs=1e-6)
