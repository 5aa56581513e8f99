"""The kernel of SHA-1 against the standard library's, by the slow twin."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference.lineage import content_id
from strategies import SMALL
from unsnarl.files.arrow import Texts, pack_objects
from unsnarl.interning import hash_texts
from unsnarl.lineage import naming

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


def lay_out(clusters: list[list[str]]) -> tuple[Texts, np.ndarray]:
    members = [member for cluster in clusters for member in cluster]
    spans = np.cumsum([0, *(len(cluster) for cluster in clusters)])
    return pack_objects(np.array([*members, None], dtype=object)[:-1]), spans


@settings(max_examples=20 if SMALL else 200, deadline=None)
@given(st.lists(st.sets(texts, min_size=1, max_size=5), max_size=6))
@example([{"a", "bc"}, {"ab", "c"}])
def test_members_hash_as_the_definition_has_it(clusters: list[set[str]]) -> None:
    expected = [content_id(frozenset(cluster)) for cluster in clusters]
    packed, spans = lay_out([sorted(cluster, key=str.encode) for cluster in clusters])
    assert hash_texts(packed, spans) == expected
    assert naming.hash_texts(packed, spans) == expected


def test_lengths_around_the_ends_of_blocks() -> None:
    lengths = [1, 9, 10, *range(50, 68), *range(115, 131), 999, 1000]
    clusters = [["x" * length] for length in lengths]
    packed, spans = lay_out(clusters)
    assert hash_texts(packed, spans) == [content_id(frozenset(cluster)) for cluster in clusters]
    assert hash_texts(*lay_out([])) == []
