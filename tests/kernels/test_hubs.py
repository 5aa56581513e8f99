"""Records with hundreds of pairs: hubs that grow, meet and dissolve, past every threshold the engine has inside."""

from __future__ import annotations

import os
import random
import sys
from itertools import combinations, product

import pytest

from engine import assert_equals_twin
from reference.agglomerate import LINKAGES
from strategies import SCORES, SMALL, Graph, decide, make_graph, seeded_graph, seeds
from unsnarl import stages

N_LEAVES = 120 if SMALL else 600
KINDS = ["distinct", "one-value", "two-values", "four-values", "extremes"]


@pytest.fixture(autouse=True)
def by_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep small graphs out of squares, which know no hubs."""
    monkeypatch.setattr(stages, "SMALL_NODES", {})


def star(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    return [(0, leaf) for leaf in range(1, n_leaves + 1)]


def two_stars(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    """Two hubs with leaves of their own, leaves in common, and a pair between the hubs."""
    shared = range(2, n_leaves // 3)
    own = range(n_leaves // 3, n_leaves)
    return [(0, 1), *((hub, leaf) for leaf in shared for hub in (0, 1)), *((leaf % 2, leaf) for leaf in own)]


def chain_of_hubs(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    hubs = 4
    return [(i - 1, i) for i in range(1, hubs)] + [(leaf % hubs, leaf) for leaf in range(hubs, n_leaves)]


def clique_of_hubs(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    hubs = 6
    leaves = [(rng.randrange(hubs), leaf) for leaf in range(hubs, n_leaves) for _ in range(2)]
    return [*combinations(range(hubs), 2), *leaves]


def grown_hub(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    """No record is a hub at first: twenty records of a complete group share out the leaves."""
    core = 20
    return [*combinations(range(core), 2), *((leaf % core, leaf) for leaf in range(core, n_leaves))]


def dissolving_hub(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    """The leaves pair among themselves too, so that the hub's pairs fall together into few."""
    return [(0, leaf) for leaf in range(1, n_leaves)] + [
        (leaf, other) for leaf in range(1, n_leaves) for other in range(leaf + 1, leaf + 4) if other // 10 == leaf // 10
    ]


def dense_core(rng: random.Random, n_leaves: int) -> list[tuple[int, int]]:
    """Everybody knows a random third of the core, and the core is as large as it has leaves."""
    core = 60
    return [(rng.randrange(core), leaf) for leaf in range(n_leaves // 2) for _ in range(20)]


HUBS = [star, two_stars, chain_of_hubs, clique_of_hubs, grown_hub, dissolving_hub, dense_core]


def make(shape, scores: str, seed: int, n_leaves: int = N_LEAVES) -> Graph:
    rng = random.Random(f"{shape.__name__} {scores} {seed}")
    return make_graph(shape(rng, n_leaves), n_leaves + 1, SCORES[scores], rng)


@pytest.mark.parametrize("scores", KINDS)
@pytest.mark.parametrize("shape", HUBS)
def test_average(shape, scores: str) -> None:
    for seed in seeds(5):
        assert_equals_twin(make(shape, scores, seed), "average")


@pytest.mark.parametrize("scores", ["two-values"] if SMALL else ["distinct", "two-values"])
@pytest.mark.parametrize("linkage", LINKAGES[1:3])
@pytest.mark.parametrize("shape", HUBS)
def test_single_and_complete(shape, linkage: str, scores: str) -> None:
    assert_equals_twin(make(shape, scores, 1, N_LEAVES // 2), linkage)


@pytest.mark.parametrize("linkage", LINKAGES[:3])
@pytest.mark.parametrize("shape", HUBS)
def test_decisions(shape, linkage: str) -> None:
    """Partners of hubs that come to be forbidden, and hubs made of groups."""
    for scores, seed in [("two-values", 1)] if SMALL else product(("distinct", "two-values", "four-values"), range(3)):
        graph, must_of = decide(make(shape, scores, seed, N_LEAVES // 2), random.Random(seed), share=0.04 * seed)
        assert_equals_twin(graph, linkage, must_of=must_of)


def hub_first(rng: random.Random, score: int) -> Graph:
    """A star whose hub is the smallest record, all scores the same: only the names decide."""
    return [(0, leaf, score) for leaf in range(1, N_LEAVES)], N_LEAVES


def hub_last(rng: random.Random, score: int) -> Graph:
    """The same with the hub the largest record: it takes the name of the first leaf."""
    return [(leaf, N_LEAVES - 1, score) for leaf in range(N_LEAVES - 1)], N_LEAVES


@pytest.mark.parametrize("score", [1, 2, 499_999_999, 500_000_000, 1_000_000_000])
@pytest.mark.parametrize("order", [hub_first, hub_last])
def test_tied_stars(order, score: int) -> None:
    assert_equals_twin(order(random.Random(0), score), "average")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scores", ["distinct", "two-values", "tenths"])
def test_large_power_law(scores: str, seed: int) -> None:
    n_records = 150 if SMALL else 2500
    rng = random.Random(f"{scores} {seed}")
    ends = [(i, int(i * rng.random() ** 4)) for i in range(1, n_records) for _ in range(4)]
    assert_equals_twin(make_graph(ends, n_records, SCORES[scores], rng), "average")


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") != "1", reason="compiled kernels have the limits built in")
def test_hubs_of_a_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limits lowered almost every cluster becomes a hub, and small graphs reach every line."""
    limits = {"HUB_DEGREE": 2, "HUB_PATIENCE": 0, "LOPSIDED": 1}
    changed = set()
    for module, (name, value) in product(list(sys.modules.values()), limits.items()):
        if getattr(module, "__name__", "").startswith("unsnarl.kernels") and hasattr(module, name):
            monkeypatch.setattr(module, name, value)
            changed.add(name)
    assert changed == set(limits)
    for seed, linkage, scores in product(range(4), ("average", "single"), KINDS):
        for shape in ("hubs", "power-law", "sparse", "cliques", "random"):
            graph = seeded_graph(seed, shape, scores, 8 + 3 * seed)
            assert_equals_twin(graph, linkage)
            decided, must_of = decide(graph, random.Random(seed))
            assert_equals_twin(decided, linkage, must_of=must_of)
