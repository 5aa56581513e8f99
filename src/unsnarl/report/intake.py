"""What came in, ready for clustering, and in words what was left out of it or put into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from unsnarl.files.pairs import BAD_SCORE, PairSource
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.rows import find_rows
from unsnarl.model import Pairs
from unsnarl.report.summary import count_of
from unsnarl.settings import Settings


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


def _show_rows(source: PairSource, condition: str) -> str:
    """Show the first rows of PAIRS that meet a condition, one line each."""
    rows = find_rows(source.session, source.views, condition, ["score_text", "left_id", "right_id"])
    lines = [
        f"  {name}, row {row}: {show(left)}, {show(right)}, {show(score)}" for name, row, score, left, right in rows
    ]
    return "\n".join(["", *lines])


def describe_losses(source: PairSource, counts: Mapping[str, int], settings: Settings) -> tuple[str, ...]:
    """Say what was left out of PAIRS or put in, with a reason each and the first rows of what is gone.

    Cost: a pass over PAIRS for each kind of row left out.
    """
    notes = []
    if counts["n_bad_scores"]:
        rows = count_of(counts["n_bad_scores"], "row")
        notes.append(f"{rows} left out: the score is none (--on-bad-score drop){_show_rows(source, BAD_SCORE)}")
    if counts["n_self_pairs"]:
        rows = count_of(counts["n_self_pairs"], "row")
        examples = _show_rows(source, "left_id = right_id AND units IS NOT NULL")
        notes.append(f"{rows} left out: a record paired with itself{examples}")
    if counts["n_repeated_pairs"]:
        rows = count_of(counts["n_repeated_pairs"], "row")
        notes.append(f"{rows} repeat a pair with the same score: it counts once")
    if counts["n_conflicts"]:
        pairs = count_of(counts["n_conflicts"], "pair")
        notes.append(f"{pairs} given with different scores: the {settings.on_conflict} counts (--on-conflict)")
    if counts["n_unknown_ids"]:
        ids = count_of(counts["n_unknown_ids"], "id")
        notes.append(f"{ids} in PAIRS only: added to the records (--allow-unknown-ids)")
    return tuple(notes)
