"""What came in, ready for clustering, and in words what was left out of it or put into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.pairs import BAD_SCORE, PairSource
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.rows import N_EXAMPLES, find_rows
from unsnarl.files.session import quote_text
from unsnarl.interning import Ids, Interned
from unsnarl.model import Pairs
from unsnarl.report.summary import count_of

_RECORDS_AT_ONCE = 1000


@dataclass(frozen=True)
class Input:
    """Hold what came in.

    ids      object[n] of str, sorted by UTF-8 bytes: position is the record index
    counts   n_pairs, and what was left out or put in, by name
    notes    the same in sentences, with examples
    inputs   what run.json says of the files
    kind     the caller's kind of frame
    threads  threads to work on
    """

    pairs: Pairs
    ids: NDArray[Any]
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    inputs: list[dict[str, Any]]
    kind: FrameKind
    threads: int


def find_repeated(rows: Interned, pairs: Pairs) -> list[tuple[int, int]]:
    """Find the first pairs that are given again with the same score, at most five, in (left, right) order.

    rows   PAIRS as read
    pairs  the same in canonical form

    Cost: O(n + m): only rows of records with more rows than pairs are compared.
    """
    low, high = np.minimum(rows.left, rows.right), np.maximum(rows.left, rows.right)
    n_rows = np.bincount(low[low != high], minlength=rows.n_records)
    n_pairs = np.bincount(pairs.left, minlength=rows.n_records)
    doubled = np.flatnonzero(n_rows > n_pairs)
    found: list[tuple[int, int]] = []
    for first in range(0, len(doubled), _RECORDS_AT_ONCE):
        is_asked = np.zeros(rows.n_records, dtype=bool)
        is_asked[doubled[first : first + _RECORDS_AT_ONCE]] = True
        asked = np.flatnonzero(is_asked[low] & (low != high))
        counted = Counter(zip(low[asked].tolist(), high[asked].tolist(), rows.score[asked].tolist(), strict=True))
        found += sorted({(left, right) for (left, right, _), n_times in counted.items() if n_times > 1})
        if len(found) >= N_EXAMPLES:
            break
    return found[:N_EXAMPLES]


def _match_pairs(ids: Ids, pairs: Iterable[Iterable[int]]) -> str:
    """Give the SQL condition that a row with a score is of one of these pairs, in either orientation."""
    texts = ", ".join("(" + ", ".join(quote_text(ids[index]) for index in pair) + ")" for pair in pairs)
    return f"units IS NOT NULL AND ((left_id, right_id) IN ({texts}) OR (right_id, left_id) IN ({texts}))"


def _show_rows(source: PairSource, condition: str) -> str:
    """Show the first rows of PAIRS that meet a condition, one line each."""
    rows = find_rows(source.session, source.views, condition, ["score_text", "left_id", "right_id"])
    lines = [
        f"  {name}, row {row}: {show(left)}, {show(right)}, {show(score)}" for name, row, score, left, right in rows
    ]
    return "\n".join(["", *lines])


def describe_losses(
    source: PairSource, counts: Mapping[str, int], rows: Interned, pairs: Pairs, conflicts: Sequence[Sequence[int]]
) -> tuple[str, ...]:
    """Say what was left out of PAIRS or put in, with a reason each and the first rows of it.

    rows       PAIRS as read
    pairs      the same in canonical form
    conflicts  the first pairs given with different scores

    Cost: a pass over PAIRS for each kind of row left out.
    """
    rows_of = partial(_show_rows, source)
    notes = []
    if counts["n_bad_scores"]:
        said = count_of(counts["n_bad_scores"], "row")
        notes.append(f"{said} left out: the score is none (--on-bad-score drop){rows_of(BAD_SCORE)}")
    if counts["n_self_pairs"]:
        said = count_of(counts["n_self_pairs"], "row")
        examples = rows_of("left_id = right_id AND units IS NOT NULL")
        notes.append(f"{said} left out: a record paired with itself{examples}")
    if counts["n_repeated_pairs"]:
        said = count_of(counts["n_repeated_pairs"], "row")
        examples = rows_of(_match_pairs(rows.ids, find_repeated(rows, pairs)))
        notes.append(f"{said} with a pair given before, with the same score: it counts once{examples}")
    if counts["n_conflicts"]:
        said = count_of(counts["n_conflicts"], "pair")
        kept = f"the {source.settings.on_conflict} counts (--on-conflict)"
        notes.append(f"{said} given with different scores: {kept}{rows_of(_match_pairs(rows.ids, conflicts))}")
    if counts["n_unknown_ids"]:
        said = count_of(counts["n_unknown_ids"], "id")
        first = ", ".join(quote_text(text) for text in rows.added)
        examples = rows_of(f"left_id IN ({first}) OR right_id IN ({first})")
        notes.append(f"{said} in PAIRS only: added to the records (--allow-unknown-ids){examples}")
    return tuple(notes)
