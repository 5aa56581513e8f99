"""The queue gives keys in their order, whatever has been set and cleared, and however full it is."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from strategies import count
from unsnarl.kernels.queue import clear_key, drop_first, find_first, make_queue, set_key

SIZES = {"small": (1, 40), "large": (10**8, 10**9)}


def order_of(key: tuple[int, int, int, int]) -> tuple[Fraction, int, int]:
    top, bottom, low, high = key
    return -Fraction(top, bottom), low, high


@pytest.mark.parametrize("size", SIZES)
def test_keys_come_in_order(size: str) -> None:
    scale, most = SIZES[size]
    for seed in range(count(60)):
        rng = random.Random(f"{size} {seed}")
        n = rng.randrange(1, 30)
        queue = make_queue(n)
        keys: dict[int, tuple[int, int, int, int]] = {}
        for _ in range(rng.randrange(8 * n)):
            slot = rng.randrange(n)
            if rng.random() < 0.2:
                clear_key(queue, slot)
                keys.pop(slot, None)
                continue
            # Multiples of few quotients: many ties, between tops and bottoms of different size.
            factor = rng.randrange(1, most)
            key = (rng.randrange(1, 4) * factor * scale, rng.randrange(1, 4) * factor, rng.randrange(-1, 3), slot)
            set_key(queue, slot, *key)
            keys[slot] = key
        while keys:
            first = find_first(queue)
            assert order_of(keys[first]) == min(order_of(key) for key in keys.values())
            assert tuple(queue.keys[first][name] for name in ("top", "bottom", "low", "high")) == keys[first]
            drop_first(queue)
            clear_key(queue, first)
            del keys[first]
        assert find_first(queue) == -1
