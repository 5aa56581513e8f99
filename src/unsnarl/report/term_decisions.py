"""What people decide, for Bayesian clustering: the same log, as what must and must not be together."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import numpy as np

from unsnarl.files.checksums import describe_inputs
from unsnarl.files.decision_sources import read_decisions
from unsnarl.model import Components, Constraints, Index
from unsnarl.report.ruling import Register, apply_ruling, make_ruling
from unsnarl.report.term_intake import TermInput
from unsnarl.settings import Settings

Links = dict[str, Any]
"""must_of and cannot, as `cluster_terms` takes them."""


def _list_apart(under: Constraints) -> tuple[Index, Index]:
    """List the cannot-links, those of families too, two groups at a time."""
    starts = np.flatnonzero(np.diff(under.family)) + 1
    families = np.split(under.member, starts)
    pairs = {(int(low), int(high)) for members in families for low, high in combinations(members, 2)}
    pairs |= set(zip(under.left.tolist(), under.right.tolist(), strict=True))
    table = np.array(sorted(pairs), dtype=np.int32).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def add_decisions(given: TermInput, decisions: Any) -> tuple[TermInput, Links]:
    """Add what people decided to what came in.

    decisions  as `unsnarl.cluster` takes them; None where there are none

    Raises InputError for ids that no record has, and for contradictions. Cost: O(n + decisions), and quadratic in the
    groups of one decision.
    """
    if decisions is None:
        return given, {}
    source = read_decisions(decisions)
    index_of = {text: index for index, text in enumerate(given.ids.tolist())}

    def find(texts: list[str]) -> Index:
        return np.array([index_of.get(text, -1) for text in texts], dtype=np.int32)

    n_records = len(given.ids)
    ruling = make_ruling(source.log, None, False, Register(n_records, find), Settings())
    assert ruling is not None
    # No component is known yet: all records are one.
    whole = Components(np.zeros(n_records, dtype=np.int32))
    under = apply_ruling(ruling, np.arange(n_records, dtype=np.int32), whole).constraints
    inputs = [*given.inputs, *describe_inputs([("decisions", source)])]
    counts = {**given.counts, **ruling.counts()}
    given = dataclasses.replace(given, inputs=inputs, counts=counts, notes=given.notes + ruling.notes)
    return given, {"must_of": under.must_of, "cannot": _list_apart(under)}
