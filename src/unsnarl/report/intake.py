"""What came in, ready for clustering, and in words what was left out of it or put into it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from unsnarl.collector import collector_at_rest
from unsnarl.files.checksums import Described
from unsnarl.files.pairs import BAD_SCORE, PairSource, explain_conflicts
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.session import Session, quote_text
from unsnarl.interning import Ids, Interned, Into, PairStore, Settled, intern, penalise, read_long, settle
from unsnarl.model import Components, Index, Pairs
from unsnarl.report.forecast import find_narrow, find_oversize, share_memory
from unsnarl.report.machine import held_bytes
from unsnarl.report.opening import Opened
from unsnarl.report.ruling import Register, Ruled, Ruling, apply_ruling
from unsnarl.report.summary import count_of
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings


@dataclass(frozen=True)
class Input:
    """Hold what came in.

    pairs       those inside components
    components  of the pairs at or above the threshold
    ids         sorted by UTF-8 bytes: position is the record index
    counts      n_pairs, and what was left out or put in, by name
    notes       the same in sentences, with examples
    inputs      what run.json says of the files
    kind        the caller's kind of frame
    threads     threads to work on
    ruled       what decisions and rules mean; None where there are none
    """

    pairs: Pairs
    components: Components
    ids: Ids
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    inputs: Described
    kind: FrameKind
    threads: int
    ruled: Ruled | None = None


def _refuse_conflicts(source: PairSource, rows: Interned, settled: Settled) -> None:
    """Refuse pairs given with different scores, where nobody said which one counts."""
    if settled.n_conflicts and source.settings.on_conflict == "error":
        first = [(rows.ids[left], rows.ids[right]) for left, right in settled.conflicts]
        raise explain_conflicts(source, settled.n_conflicts, first)


def read_decisions(opened: Opened) -> None:
    """Read the decisions that there are: what is wrong with them is said before PAIRS are read.

    Raises InputError.
    """
    assert opened.decisions is not None
    opened.decisions = dataclasses.replace(opened.decisions, reader=read_long)
    _ = opened.decisions.log


def apply_rules(opened: Opened, rows: Interned, settings: Settings) -> tuple[Ruling | None, int]:
    """Work out which decisions and rules apply; with --one-per-penalty, lower the scores of rows of one source.

    Gives how many rows those were too. Raises InputError.
    """
    known = rows.known
    assert known is not None
    ruling = opened.rule(Register(rows.n_records, known.find), settings)
    if ruling is None or ruling.sources is None or settings.one_per_penalty is None:
        return ruling, 0
    return ruling, penalise(rows.store, ruling.sources.code_of, settings.one_per_penalty)


def add_ruling(given: Input, ruling: Ruling | None, order: Index, n_lowered: int = 0) -> Input:
    """Add to what came in what decisions and rules mean for it.

    order      number in the ruling of the record at each index
    n_lowered  rows of one source whose score was lowered
    """
    if ruling is None:
        return given
    rank_of = np.empty(len(order), dtype=np.int32)
    rank_of[order] = np.arange(len(order), dtype=np.int32)
    notes = given.notes
    if n_lowered:
        notes += (f"{count_of(n_lowered, 'row')} of one source: the score was lowered (--one-per-penalty)",)
    return dataclasses.replace(given, ruled=apply_ruling(ruling, rank_of, given.components), notes=notes)


def make_input(opened: Opened, ids: Ids, settled: Settled, counts: Mapping[str, int], notes: tuple[str, ...]) -> Input:
    """Put together what came in; its checksums must have been started."""
    assert opened.described is not None
    return Input(
        pairs=settled.pairs,
        components=settled.components,
        ids=ids,
        counts=counts,
        notes=notes,
        inputs=opened.described,
        kind=opened.pairs.kind,
        threads=opened.pairs.session.threads,
    )


def _match_pairs(ids: Ids, pairs: Iterable[Iterable[int]]) -> str:
    """Give the SQL condition that a row with a score is of one of these pairs, in either orientation."""
    texts = ", ".join("(" + ", ".join(quote_text(ids[index]) for index in pair) + ")" for pair in pairs)
    return f"units IS NOT NULL AND ((left_id, right_id) IN ({texts}) OR (right_id, left_id) IN ({texts}))"


def _show_rows(source: PairSource, condition: str) -> str:
    """Show the first rows of PAIRS that meet a condition, one line each."""
    rows = source.rows.find(condition, ["score_text", "left_id", "right_id"])
    lines = [
        f"  {name}, row {row}: {show(left)}, {show(right)}, {show(score)}" for name, row, score, left, right in rows
    ]
    return "\n".join(["", *lines])


def count_input(rows: Interned, settled: Settled) -> dict[str, int]:
    """Count what was read, and what was left out or put in."""
    return {
        **rows.tally,
        "n_pairs": settled.n_pairs,
        "n_self_pairs": settled.n_self,
        "n_repeated_pairs": settled.n_repeated,
        "n_conflicts": settled.n_conflicts,
    }


def describe_losses(source: PairSource, counts: Mapping[str, int], rows: Interned, settled: Settled) -> tuple[str, ...]:
    """Say what was left out of PAIRS or put in, with a reason each and the first rows of it.

    rows     PAIRS as read
    settled  what is left of them

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
        examples = rows_of(_match_pairs(rows.ids, settled.repeated))
        notes.append(f"{said} with a pair given before, with the same score: it counts once{examples}")
    if counts["n_conflicts"]:
        said = count_of(counts["n_conflicts"], "pair")
        kept = f"the {source.settings.on_conflict} counts (--on-conflict)"
        notes.append(f"{said} given with different scores: {kept}{rows_of(_match_pairs(rows.ids, settled.conflicts))}")
    if counts["n_unknown_ids"]:
        said = count_of(counts["n_unknown_ids"], "id")
        first = ", ".join(quote_text(text) for text in rows.added)
        examples = rows_of(f"left_id IN ({first}) OR right_id IN ({first})")
        notes.append(f"{said} in PAIRS only: added to the records (--allow-unknown-ids){examples}")
    return tuple(notes)


def read_rows(session: Session, opened: Opened, settings: Settings, clock: Clock) -> Input:
    """Read, check, intern and settle what was opened."""
    if opened.described is None:
        opened.start_checksums(settings.checksums)
    with clock.time("reading"):
        store = PairStore(share_memory(settings.memory_limit).store_bytes, settings.temp_dir, clock.progress)
        rows = intern(session, opened.pairs, opened.records, settings, Into(store))
    narrow = find_narrow(rows.n_records, held_bytes(own=True))
    if narrow is not None:
        raise narrow
    with clock.phase("ruling"), collector_at_rest():
        ruling, n_lowered = apply_rules(opened, rows, settings)
        rows, ties = dataclasses.replace(rows, known=None), None if ruling is None else ruling.ties()
    settled = clock.run(
        "finding components", lambda: settle(rows, settings.threshold, settings.on_conflict, session.threads, ties)
    )
    oversize = find_oversize(rows.n_records, len(settled.pairs), settings.memory_limit)
    if oversize is not None:
        raise oversize
    _refuse_conflicts(opened.pairs, rows, settled)
    counts = count_input(rows, settled)
    given = make_input(opened, rows.ids, settled, counts, describe_losses(opened.pairs, counts, rows, settled))
    return add_ruling(given, ruling, rows.order, n_lowered)
