"""Records that are sets of terms, made by a seed, and the real ones in examples/."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unsnarl.model import Terms

EXAMPLES = Path(__file__).parent.parent / "examples"


class TermSet(NamedTuple):
    """Records by their terms, and the entity of each."""

    terms: Terms
    entity: np.ndarray


def synthetic(n_records: int, n_terms: int = 5000, seed: int = 1) -> TermSet:
    """Make groups of records: 5 to 8 terms each group, drawn by Zipf's law, of which a record has most, and a few more.

    Sizes of groups follow Pareto's law with exponent 1.5, up to 3,000.
    """
    random = np.random.default_rng(seed)
    chances = 1 / np.arange(1, n_terms + 1)
    edges = np.cumsum(chances / chances.sum())

    def draw(n: int) -> np.ndarray:
        return np.minimum(np.searchsorted(edges, random.random(n)), n_terms - 1)

    records: list[np.ndarray] = []
    entity: list[int] = []
    while len(records) < n_records:
        size = min(int(random.pareto(1.5) + 1), n_records - len(records), 3000)
        shared = np.unique(draw(int(random.integers(5, 9))))
        group = len(records)
        for _ in range(size):
            kept = shared[random.random(len(shared)) < 0.85]
            found = np.unique(np.concatenate([kept, draw(int(random.poisson(0.7)))]))
            records.append(found if len(found) else shared[:1])
            entity.append(group)
    order = random.permutation(n_records)
    records = [records[i] for i in order]
    first = np.concatenate([[0], np.cumsum([len(record) for record in records])]).astype(np.int64)
    used, term = np.unique(np.concatenate(records), return_inverse=True)
    terms = Terms(first, term.astype(np.int32), np.ones(len(term), dtype=np.int32), len(used))
    return TermSet(terms, np.array(entity)[order])


FIELDS = {
    "historical50k": "first_name,surname,dob,birth_place,postcode_fake,gender,occupation",
    "febrl3": "given_name,surname,street_number,address_1,address_2,suburb,postcode,state,date_of_birth,soc_sec_id",
}


def read_truth(name: str) -> dict[str, str]:
    """Read the entity of each record of an example."""
    with (EXAMPLES / name / "truth.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["entity"] for row in csv.DictReader(file)}


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """Compare two labellings by the adjusted Rand index (Hubert and Arabie 1985)."""

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) // 2).sum())

    _, one = np.unique(one, return_inverse=True)
    _, other = np.unique(other, return_inverse=True)
    together = pairs(np.unique(one.astype(np.int64) * (other.max() + 1) + other, return_counts=True)[1])
    a, b = pairs(np.bincount(one)), pairs(np.bincount(other))
    expected = a * b / pairs(np.array([len(one)]))
    return (together - expected) / ((a + b) / 2 - expected)
