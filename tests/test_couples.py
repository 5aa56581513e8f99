"""Components of two records are solved without linkage, and as linkage would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsnarl import solve
from unsnarl.engines.couples import find_couples, join_forests, link_couples
from unsnarl.engines.local import link
from unsnarl.model import Forest, Pairs

SCORES = st.sampled_from([0, 1, 333_333_333, 500_000_000, 999_999_999, 10**9])


def same(one: Forest, other: Forest) -> bool:
    names = ("component", "left", "right", "distance", "size")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


@pytest.mark.parametrize("linkage", ["average", "single", "complete", "weighted"])
@given(rows=st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 7)), SCORES, max_size=8))
def test_couples_and_the_rest_make_what_linkage_makes(linkage, rows) -> None:
    oriented = sorted((a, b, score) for (a, b), score in rows.items() if a < b)
    columns = [np.array(column, dtype=np.int32) for column in (zip(*oriented, strict=True) if oriented else [[]] * 3)]
    pairs = Pairs(*columns, 8)
    for threshold in (0.0, 0.3):
        components = solve.find_components(pairs, threshold)
        couples = find_couples(components)
        rest = components.without(couples)
        assert rest.sizes.tolist() == np.bincount(rest.component_of, minlength=8).tolist()
        apart = link(pairs, rest, linkage, 1, None)
        joined = join_forests(link_couples(pairs, components), apart)
        joined.check()
        assert same(joined, link(pairs, components, linkage, 1, None))
