"""What is taken for a bound is one; and the greedy rule holds where all pairs are scored by other code."""

from __future__ import annotations

import os

import numpy as np
import pytest
from benchmarks.bhc_proof import hold_against_all_pairs
from benchmarks.term_sets import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from unsnarl.bayes.prior import Prior
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.kernels.arrays import make_records
from unsnarl.kernels.bhc.fixed_point import UNITS, write_log_sums
from unsnarl.kernels.bhc.odds import absent_part
from unsnarl.kernels.bhc.postings import find_fall, pack_fall
from unsnarl.kernels.bhc.state import ENTRY, SLOT

SMALL = bool(os.environ.get("UNSNARL_SMALL"))


@settings(max_examples=50 if SMALL else 500, deadline=None)
@given(
    bars=st.dictionaries(st.integers(1, 120), st.integers(1, 4), min_size=1, max_size=12),
    n_low=st.integers(0, 6000),
    more=st.integers(0, 20),
    other=st.integers(1, 2000),
    strength=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_the_fall_of_the_absent_part_is_no_less_than_said(
    bars: dict[int, int], n_low: int, more: int, other: int, strength: float
) -> None:
    if n_low:
        bars = {**bars, 1: n_low}
    n_records = max(bars) + more
    absent = np.zeros(n_records + other + 2, dtype=np.int64)
    write_log_sums(strength, absent)
    entries = make_records(len(bars), ENTRY)
    entries["term"], entries["count"] = np.array(sorted(bars.items())).T
    what = make_records(1, SLOT)
    what["n_bars"] = len(bars)
    before, after = n_records + 1, n_records + other
    fall = absent_part(entries, absent, what[0], before) - absent_part(entries, absent, what[0], after)
    found = find_fall(absent, pack_fall(entries, what[0]), before, after)
    assert 0 <= found <= max(fall, 0)
    if list(bars) == [1] and bars[1] < 4096:
        # Terms in one record each are counted exactly, but for the rounding.
        assert found >= fall - 2 * bars[1]
    if other > 100 and len(bars) == 1 and bars.get(1, 0) < 4096:
        assert found > 0.99 * fall - UNITS / 1000


@pytest.mark.skipif(SMALL, reason="the check has a compiled loop of its own")
def test_merges_are_the_best_of_all_pairs_where_others_score_them() -> None:
    terms = synthetic(1500).terms
    prior = Prior("multinomial", 75.0, 10.0)
    work = TermAgglomeration(terms, prior, Plan())
    while work.advance():
        pass
    found = hold_against_all_pairs(terms, work.merges, prior.gamma, prior.strength)
    assert found["is_greedy"] and found["n_pairs"] > 1500 * 1499 / 2
    # A run that ends too soon, or takes a worse pair first, is found out.
    assert not hold_against_all_pairs(terms, work.merges[:-1], prior.gamma, prior.strength)["is_greedy"]
    columns = work.merges["left"], work.merges["right"]
    later = next(
        k for k in range(100, 1000) if not np.isin([side[k] for side in columns], [s[k + 1 :] for s in columns]).any()
    )
    left_out = np.delete(work.merges, later)
    assert not hold_against_all_pairs(terms, left_out, prior.gamma, prior.strength)["is_greedy"]
