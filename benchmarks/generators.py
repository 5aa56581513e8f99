"""Make the graphs that the benchmarks run on: seeded, with numpy only.

Every function returns a Graph in the canonical form of `model.Pairs`: int32
columns, left < right, strictly increasing by (left, right), scores in whole
units of 1e-9. Records are labelled in a shuffled order, as ids are in life:
the neighbours in a chain or an entity do not have neighbouring indexes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNITS = 1_000_000_000
TIED = 800_000_000
SEED = 20161123


class Graph(NamedTuple):
    """Scored pairs in canonical form, and the number of records they are on."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    score: NDArray[np.int32]
    n_records: int


def scores(rng: np.random.Generator, n_pairs: int, low: float, high: float) -> NDArray[np.int32]:
    """Draw scores evenly from low (included) to high (not included; both probabilities)."""
    return rng.integers(int(low * UNITS), int(high * UNITS), size=n_pairs, dtype=np.int32)


def canonical(blocks: list[tuple], n_records: int, rng: np.random.Generator | None = None) -> Graph:
    """Join blocks of (ends, other ends, scores) into a Graph; of a pair drawn twice the earliest counts.

    With `rng` the records are relabelled in a random order.
    """
    ends, others, score = (np.concatenate(column) for column in zip(*blocks, strict=True))
    if rng is not None:
        label = rng.permutation(n_records)
        ends, others = label[ends], label[others]
    key = np.minimum(ends, others).astype(np.int64) * n_records + np.maximum(ends, others)
    keep = ends != others
    key, score = key[keep], score[keep]
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    key, score = key[first], score[order[first]]
    left, right = (key // n_records).astype(np.int32), (key % n_records).astype(np.int32)
    return Graph(left, right, score.astype(np.int32), n_records)


def power_law_sizes(rng: np.random.Generator, total: int, largest: int, exponent: float) -> NDArray[np.int64]:
    """Draw group sizes from 1 to `largest`, P(size) ~ size^-exponent, until they sum to `total` exactly."""
    values = np.arange(1, largest + 1)
    weight = values**-exponent
    mean = float((values * weight).sum() / weight.sum())
    sizes = rng.choice(values, size=int(1.3 * total / mean) + 100, p=weight / weight.sum())
    n_groups = int(np.searchsorted(np.cumsum(sizes), total)) + 1
    sizes = sizes[:n_groups].astype(np.int64)
    sizes[-1] -= sizes.sum() - total
    return sizes


def _earlier(rng: np.random.Generator, start: NDArray, position: NDArray, skew: float) -> NDArray:
    """Draw for each record one that stands before it in its group; skew > 1 favours the first (hubs)."""
    return start + (position * rng.random(len(position)) ** skew).astype(np.int64)


def linked_entities(rng: np.random.Generator, sizes: NDArray, n_noise: int, degree: float) -> list[tuple]:
    """Lay entities side by side in one component: high scores inside, a weak chain between, noise all over."""
    n_records = int(sizes.sum())
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = np.arange(n_records) - start
    inside = np.flatnonzero(position > 0)
    tree = (inside, _earlier(rng, start[inside], position[inside], 1.0), scores(rng, len(inside), 0.82, 1.0))
    wanted = np.minimum(position, rng.poisson(degree, n_records))
    more = np.repeat(np.arange(n_records), wanted)
    strength = np.sqrt(rng.random(len(more)))
    high = (strength * 0.65 * UNITS + 0.34 * UNITS).astype(np.int32)
    inner = (more, _earlier(rng, start[more], position[more], 1.0), high)
    first = (np.cumsum(sizes) - sizes)[1:]
    somebody = first + (rng.random(len(first)) * sizes[1:]).astype(np.int64)
    before = (first * rng.random(len(first)) ** 2).astype(np.int64)
    chain = (somebody, before, scores(rng, len(first), 0.5, 0.72))
    return [tree, chain, inner, _noise(rng, n_records, n_noise)]


def _noise(rng: np.random.Generator, n_records: int, n_noise: int) -> tuple:
    """Draw pairs of strangers: one end from a few popular records, most scores low, one in forty over 0.5."""
    popular = (n_records * rng.random(n_noise) ** 2).astype(np.int64)
    popular = (popular * 7919) % n_records
    score = (rng.random(n_noise) ** 2 * 0.5 * UNITS).astype(np.int32)
    over = rng.random(n_noise) < 0.025
    score[over] = scores(rng, int(over.sum()), 0.5, 0.8)
    return popular, rng.integers(0, n_records, n_noise), score


def black_hole(seed: int = SEED) -> Graph:
    """One component of 12,477 records and about 350,000 pairs: real entities tied by weak chains and hubs."""
    rng = np.random.default_rng(seed)
    sizes = power_law_sizes(rng, 12_477, 120, 1.3)
    return canonical(linked_entities(rng, sizes, 211_000, 26.0), 12_477, rng)


def many_components(seed: int = SEED) -> Graph:
    """64,000 components of 3 to 1,000 records, and the black hole: about 2 M pairs inside components."""
    rng = np.random.default_rng(seed)
    values = np.arange(3, 1001)
    weight = values**-2.6
    sizes = rng.choice(values, size=64_000, p=weight / weight.sum())
    sizes[0] = 1000
    n_small = int(sizes.sum())
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = np.arange(n_small) - start
    later = np.flatnonzero(position > 0)
    tree = (later, _earlier(rng, start[later], position[later], 1.5), scores(rng, len(later), 0.5, 1.0))
    more = np.repeat(np.arange(n_small), np.minimum(position, rng.poisson(13.0, n_small)))
    extra = (more, _earlier(rng, start[more], position[more], 1.2), scores(rng, len(more), 0.02, 1.0))
    hole = black_hole(seed)
    moved = (hole.left.astype(np.int64) + n_small, hole.right.astype(np.int64) + n_small, hole.score)
    return canonical([tree, extra, moved], n_small + hole.n_records, rng)


def million(seed: int = SEED, n_records: int = 1_000_000) -> Graph:
    """One component of a million records and about 26 M pairs: power-law entities, hubs in the noise."""
    rng = np.random.default_rng(seed)
    sizes = power_law_sizes(rng, n_records, 400, 1.6)
    return canonical(linked_entities(rng, sizes, 17 * n_records, 14.0), n_records, rng)


def complete(n_records: int, seed: int = SEED) -> Graph:
    """Every pair scored, evenly from 0.01 to 1: the worst case for a sparse engine."""
    rng = np.random.default_rng(seed)
    ends, others = np.triu_indices(n_records, 1)
    score = scores(rng, len(ends), 0.01, 1.0)
    return Graph(ends.astype(np.int32), others.astype(np.int32), score, n_records)


def _shape_scores(rng: np.random.Generator, n_pairs: int, tied: bool) -> NDArray[np.int32]:
    """Score the pairs of a shape: all 0.8, or evenly from 0.5 to 1, so that it stays one component at 0.5."""
    return np.full(n_pairs, TIED, dtype=np.int32) if tied else scores(rng, n_pairs, 0.5, 1.0)


def star(n_records: int, tied: bool = False, seed: int = SEED) -> Graph:
    """One hub paired with every other record."""
    rng = np.random.default_rng(seed)
    leaves = np.arange(1, n_records)
    return canonical([(np.zeros_like(leaves), leaves, _shape_scores(rng, len(leaves), tied))], n_records, rng)


def caterpillar(n_records: int, tied: bool = False, seed: int = SEED) -> Graph:
    """A path of about sqrt(n) hubs, each with about sqrt(n) leaves."""
    rng = np.random.default_rng(seed)
    n_spine = int(np.sqrt(n_records))
    spine = np.arange(1, n_spine)
    legs = np.arange(n_spine, n_records)
    ends, others = np.concatenate([spine, legs]), np.concatenate([spine - 1, legs % n_spine])
    return canonical([(ends, others, _shape_scores(rng, len(ends), tied))], n_records, rng)


def path(n_records: int, tied: bool = False, seed: int = SEED) -> Graph:
    """Each record paired with the next: the longest chain there is."""
    rng = np.random.default_rng(seed)
    later = np.arange(1, n_records)
    return canonical([(later, later - 1, _shape_scores(rng, len(later), tied))], n_records, rng)


def power_law(n_records: int, tied: bool = False, seed: int = SEED) -> Graph:
    """Four pairs to earlier records for each, the first the most popular: the largest hub has about n^(2/3) pairs."""
    rng = np.random.default_rng(seed)
    later = np.repeat(np.arange(1, n_records), 4)
    earlier = (later * rng.random(len(later)) ** 3).astype(np.int64)
    return canonical([(later, earlier, _shape_scores(rng, len(later), tied))], n_records, rng)


def many_hubs(n_records: int, tied: bool = False, seed: int = SEED) -> Graph:
    """About sqrt(n)/4 hubs, all paired with each other, and every other record paired with four of them."""
    rng = np.random.default_rng(seed)
    n_hubs = max(8, int(np.sqrt(n_records)) // 4)
    ends, others = np.triu_indices(n_hubs, 1)
    leaves = np.repeat(np.arange(n_hubs, n_records), 4)
    ends = np.concatenate([ends, leaves])
    others = np.concatenate([others, rng.integers(0, n_hubs, len(leaves))])
    return canonical([(ends, others, _shape_scores(rng, len(ends), tied))], n_records, rng)


SHAPES = {"star": star, "caterpillar": caterpillar, "path": path, "power-law": power_law, "many-hubs": many_hubs}
