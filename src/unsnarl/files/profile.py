"""Facts about PAIRS and RECORDS, and every problem in them, without clustering: what `unsnarl check` tells."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from unsnarl.errors import InputError
from unsnarl.files.checksums import Given
from unsnarl.files.pairs import BAD_SCORE, PairSource, explain_conflicts, read_pairs
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.rows import count_rows
from unsnarl.files.session import Session
from unsnarl.model import SCORE_UNITS, to_score_units
from unsnarl.settings import Settings

N_BINS = 10
Opened = TypeVar("Opened")


@dataclass
class InputProfile:
    """Hold what was found.

    facts     n_pair_rows, n_pairs (distinct), n_ids, n_record_rows, n_bytes (files only), n_files, n_bad_scores,
              n_self_pairs, n_repeated_pairs, n_conflicts, score_histogram (rows in ten bins of probability),
              n_over_threshold, share_over_threshold, columns; those not reached because of a problem are missing
    problems  every breach of the contract
    """

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[InputError] = field(default_factory=list)


def _attempt(profile: InputProfile, step: Callable[[], Opened]) -> Opened | None:
    """Take a step; a problem is noted and not raised."""
    try:
        return step()
    except InputError as problem:
        profile.problems.append(problem)
        return None


def _measure_files(sources: list[Given]) -> dict[str, int]:
    paths = [path for source in sources for path in source.paths]
    return {"n_files": len(paths), "n_bytes": sum(os.path.getsize(path) for path in paths)}


def _describe_columns(pairs: PairSource) -> dict[str, str]:
    """Name the columns that are used."""
    columns = pairs.columns
    named = {"id_left": columns.left, "id_right": columns.right, "score": columns.score}
    if columns.source_left is not None and columns.source_right is not None:
        named |= {"source_left": columns.source_left, "source_right": columns.source_right}
    return named


def _make_ids(session: Session, pairs: PairSource, records: RecordSource | None) -> tuple[str, str]:
    """Make two tables of ids: those that are records, and a number for every id anywhere."""
    known, ids = session.make_name("known"), session.make_name("ids")
    query = pairs.query()
    in_pairs = f"SELECT left_id AS id FROM ({query}) UNION ALL SELECT right_id AS id FROM ({query})"
    source = in_pairs if records is None else records.query(pairs.joint)
    pairs.fetch(f"CREATE TEMP TABLE {known} AS SELECT DISTINCT id FROM ({source}) WHERE id <> ''")
    pairs.fetch(
        f"CREATE TEMP TABLE {ids} AS SELECT id, row_number() OVER () AS number FROM "
        f"(SELECT DISTINCT id FROM (SELECT id FROM {known} UNION ALL {in_pairs}) WHERE id <> '')"
    )
    return known, ids


def _count_pairs(session: Session, pairs: PairSource, ids: str, profile: InputProfile) -> None:
    """Count self pairs, repeated pairs and conflicts among the rows with two ids and a score."""
    distinct = session.make_name("distinct")
    pairs.fetch(
        f"CREATE TEMP TABLE {distinct} AS SELECT least(l.number, r.number) AS a, greatest(l.number, r.number) AS b, "
        f"count(*) AS n, min(units) AS low, max(units) AS high FROM ({pairs.query()}) AS p "
        f"JOIN {ids} AS l ON p.left_id = l.id JOIN {ids} AS r ON p.right_id = r.id "
        "WHERE units IS NOT NULL GROUP BY a, b"
    )
    n_pairs, n_self, n_repeated, n_conflicts = session.rows(
        "SELECT count(*) FILTER (a <> b), coalesce(sum(n) FILTER (a = b), 0), "
        "coalesce(sum(n - 1) FILTER (a <> b), 0), count(*) FILTER (a <> b AND low <> high) "
        f"FROM {distinct}"
    )[0]
    profile.facts |= {
        "n_pairs": n_pairs,
        "n_self_pairs": int(n_self),
        "n_repeated_pairs": int(n_repeated),
        "n_conflicts": n_conflicts,
    }
    if n_conflicts and pairs.settings.on_conflict == "error":
        first = session.rows(
            f"SELECT l.id, r.id FROM {distinct} JOIN {ids} AS l ON a = l.number JOIN {ids} AS r ON b = r.number "
            "WHERE a <> b AND low <> high ORDER BY least(l.id, r.id), greatest(l.id, r.id) LIMIT 5"
        )
        ordered = [(min(pair), max(pair)) for pair in first]
        profile.problems.append(explain_conflicts(pairs, n_conflicts, ordered))
    session.run(f"DROP TABLE {distinct}")


def _count_scores(pairs: PairSource, profile: InputProfile) -> None:
    """Make the histogram of scores, as probabilities, and count those over the threshold."""
    histogram = [0] * N_BINS
    bins = f"least(units * {N_BINS}::BIGINT // {SCORE_UNITS}, {N_BINS - 1})"
    for position, n_rows in pairs.fetch(
        f"SELECT {bins} AS bin, count(*) FROM ({pairs.query()}) WHERE units IS NOT NULL GROUP BY bin"
    ):
        histogram[int(position)] = n_rows
    threshold = to_score_units(pairs.settings.threshold)
    n_over = count_rows(pairs.session, pairs.views, f"units >= {threshold}")
    n_scores = sum(histogram)
    profile.facts |= {
        "score_histogram": histogram,
        "n_bad_scores": count_rows(pairs.session, pairs.views, BAD_SCORE),
        "n_over_threshold": n_over,
        "share_over_threshold": n_over / n_scores if n_scores else 0.0,
    }


def _profile_records(records: RecordSource, joint: bool, profile: InputProfile) -> None:
    profile.facts["n_record_rows"] = count_rows(records.session, records.pick_views(joint))
    profile.problems += records.find_problems(joint)


def _profile_pairs(session: Session, pairs: PairSource, records: RecordSource | None, profile: InputProfile) -> None:
    profile.facts["columns"] = _describe_columns(pairs)
    profile.facts["n_pair_rows"] = count_rows(session, pairs.views)
    _count_scores(pairs, profile)
    profile.problems += pairs.find_type_problems(records)
    known, ids = _make_ids(session, pairs, records)
    profile.facts["n_ids"] = session.value(f"SELECT count(*) FROM {ids}")
    allow_unknown = records is None or pairs.settings.allow_unknown_ids
    profile.problems += pairs.find_row_problems(known, allow_unknown)
    _count_pairs(session, pairs, ids, profile)


def profile_input(session: Session, pairs_given: Any, records_given: Any, settings: Settings) -> InputProfile:
    """Look at all of PAIRS and RECORDS (None where there are none) and list every problem, not only the first.

    Cost: several passes over the files, and one grouping of the pairs, which may spill to disk.
    """
    profile = InputProfile()
    pairs = _attempt(profile, lambda: read_pairs(session, pairs_given, settings))
    records = None
    if records_given is not None:
        records = _attempt(profile, lambda: read_records(session, records_given, settings))
    opened: list[Given] = [source for source in (pairs, records) if source is not None]
    profile.facts |= _measure_files(opened)
    joint = pairs is not None and pairs.joint
    checked = records
    if records is not None:
        n_before = len(profile.problems)
        _attempt(profile, lambda: _profile_records(records, joint, profile))
        if len(profile.problems) > n_before and "n_record_rows" not in profile.facts:
            checked = None
    if pairs is not None:
        _attempt(profile, lambda: _profile_pairs(session, pairs, checked, profile))
    return profile
