"""What people decided holds: forbidden pairs and groups give the merges of the twin that forbids and contracts."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import as_pairs, assert_equals_twin, solve_graph
from reference.agglomerate import FORBIDDEN, LINKAGES, agglomerate, agglomerate_by_definition
from strategies import SCORES, SHAPES, UNITS, Graph, count, decide, graphs, seeded_graph, seeds
from unsnarl.engines import constrained
from unsnarl.model import Forest, no_constraints


def test_decisions_by_hand() -> None:
    """The worked example: C joins A and B at .5, but not once B and C are known to be different."""
    names = "ABCDEF"
    scores = {"AB": 0.9, "AC": 0.4, "AD": 0.6, "AE": 0.3, "BC": 0.6, "CF": 0.1, "EF": 0.97, "DE": 0.95, "DF": 0.65}
    rows = [(names.index(a), names.index(b), round(s * UNITS)) for (a, b), s in scores.items()]
    free, _ = solve_graph((sorted(rows), 6))
    joined = list(zip(free.left.tolist(), free.right.tolist(), free.distance.tolist(), strict=True))
    assert (0, 2, 0.5) in joined
    rows = [(a, b, FORBIDDEN if (a, b) == (1, 2) else s) for a, b, s in rows]
    kept, _ = solve_graph((sorted(rows), 6), must_of=[0, 1, 2, 3, 2, 5])
    merges = list(zip(kept.left.tolist(), kept.right.tolist(), kept.distance.round(9).tolist(), strict=True))
    # C and E are one; D and F join, and then the two: (.1 + .97 + .95 + 0) / 4. A and B stay for themselves.
    assert merges == [(2, 4, 0.0), (0, 1, 0.1), (3, 5, 0.35), (2, 3, 0.495)]


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(largest=8), rng=st.randoms(use_true_random=False))
@settings(max_examples=count(300))
def test_quick_twin_equals_definition(linkage: str, graph: Graph, rng: random.Random) -> None:
    (pairs, n_records), must_of = decide(graph, rng, share=0.3)
    found = agglomerate(pairs, n_records, linkage, must_of)
    assert found == agglomerate_by_definition(pairs, n_records, linkage, must_of)


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(), rng=st.randoms(use_true_random=False), threshold=st.sampled_from([1 / UNITS, 0.5, 1.0]))
@settings(max_examples=count(400))
def test_drawn_graphs(linkage: str, graph: Graph, rng: random.Random, threshold: float) -> None:
    decided, must_of = decide(graph, rng, share=0.2)
    assert_equals_twin(decided, linkage, threshold, must_of=must_of)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_seeded_graphs(shape: str, linkage: str) -> None:
    for seed in seeds(20):
        for scores in SCORES:
            graph = seeded_graph(seed, shape, scores, 2 + seed % 29)
            decided, must_of = decide(graph, random.Random(seed))
            assert_equals_twin(decided, linkage, must_of=must_of)


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("shape", ["sparse", "power-law", "cliques", "path", "hubs"])
def test_in_stages(many_stages: None, shape: str, linkage: str) -> None:
    for seed in seeds(4):
        for scores in SCORES:
            graph = seeded_graph(seed, shape, scores, 30)
            decided, must_of = decide(graph, random.Random(seed))
            assert_equals_twin(decided, linkage, threads=1 + seed % 2, must_of=must_of)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_groups_are_one_cluster_and_forbidden_pairs_apart_at_every_height(linkage: str) -> None:
    for seed in range(count(40)):
        (pairs, n_records), must_of = decide(seeded_graph(seed, "random", "tenths", 20), random.Random(seed), share=0.2)
        forest, _ = solve_graph((pairs, n_records), linkage, must_of=must_of)
        cluster_of = list(range(n_records))
        for i, (left, right) in enumerate(zip(forest.left.tolist(), forest.right.tolist(), strict=True)):
            cluster_of = [left if name == right else name for name in cluster_of]
            if i + 1 < len(forest) and forest.distance[i + 1] == 0:
                continue
            assert all(cluster_of[a] != cluster_of[b] for a, b, score in pairs if score == FORBIDDEN)
        assert all(cluster_of[record] == cluster_of[low] for record, low in enumerate(must_of))


def find_broken_slowly(forest: Forest, member: list[int], family: list[int]) -> tuple[set[int], list[int]]:
    """Walk through the merges: give the components of those that break a family, and the clusters just before."""
    families: dict[int, set[int]] = {}
    for one, number in zip(member, family, strict=True):
        families.setdefault(one, set()).add(number)
    cluster_of = list(range(forest.n_records))
    stuck, broken = set(), set()
    for component, left, right in zip(
        *(c.tolist() for c in (forest.component, forest.left, forest.right)), strict=True
    ):
        held, more = families.get(left, set()), families.get(right, set())
        if {left, right} & stuck or held & more:
            stuck.add(left)
            broken.add(component)
            continue
        families[left] = held | more
        cluster_of = [left if name == right else name for name in cluster_of]
    return broken, cluster_of


@pytest.mark.parametrize("shape", ["random", "hubs", "path"])
def test_broken_families_are_those_of_a_walk(shape: str) -> None:
    for seed in range(count(30)):
        chance = random.Random(seed)
        pairs, n_records = seeded_graph(seed, shape, "tenths", 2 + seed % 29)
        forest, components = solve_graph((pairs, n_records), threshold=0.3)
        rows = sorted({(chance.randrange(1 + seed % 4), chance.randrange(n_records)) for _ in range(seed % 13)})
        family, member = (np.array([row[side] for row in rows], dtype=np.int32) for side in (0, 1))
        under = replace(no_constraints(n_records), member=member, family=family)
        families = constrained.Families(as_pairs((pairs, n_records)), components, under)
        is_broken, cluster_of = families.find_broken(forest)
        broken, expected = find_broken_slowly(forest, member.tolist(), family.tolist())
        component_of = components.component_of.tolist()
        assert is_broken.tolist() == [component in broken for component in component_of]
        assert cluster_of.tolist() == expected
