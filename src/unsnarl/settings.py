"""Every setting of a run: its name, default, range, unit and meaning.

The command line's options and the keyword arguments of the Python functions
are these fields, with the same names and the same defaults.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypedDict

from unsnarl.errors import UsageError

LINKAGES = ("average", "single", "complete", "weighted")
SCORE_KINDS = ("probability", "match_weight", "log_odds", "distance")


def _setting(
    default: Any, meaning: str, *, choices: tuple[str, ...] = (), span: tuple[float, float] | None = None
) -> Any:
    """Declare one field: `choices` for a closed list of words, `span` for a closed range of numbers."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices, "span": span})


@dataclass(frozen=True)
class Settings:
    """Hold the settings of one run, checked when made."""

    threshold: float = _setting(
        0.5, "Pairs scoring at least this tie records into one component (a probability).", span=(0.0, 1.0)
    )
    cut: float = _setting(
        0.5, "Clusters at this distance (1 - score) or closer are one: `distance <= cut`.", span=(0.0, 1.0)
    )
    linkage: str = _setting("average", "How the distance of two clusters follows from their pairs.", choices=LINKAGES)
    score_kind: str = _setting(
        "probability",
        "What a score is: probability, match_weight (log2 odds), log_odds, distance.",
        choices=SCORE_KINDS,
    )
    id_left: str | None = _setting(None, "Column of PAIRS with the first id (default: found by its name).")
    id_right: str | None = _setting(None, "Column of PAIRS with the second id (default: found by its name).")
    score: str | None = _setting(None, "Column of PAIRS with the score (default: found by its name).")
    record_id: str | None = _setting(None, "Column of RECORDS with the id (default: found by its name).")
    sep: str | None = _setting(None, "Separator of CSV files (default: found out).")
    on_bad_score: str = _setting(
        "error", "What to do with a score that is null, NaN, infinite or out of range.", choices=("error", "drop")
    )
    on_conflict: str = _setting(
        "error", "What to do with a pair given again with another score.", choices=("error", "max", "mean", "min")
    )
    allow_unknown_ids: bool = _setting(False, "Add ids that PAIRS has and RECORDS lacks, instead of stopping.")
    content_ids: bool = _setting(False, "Write content_id, a hash of each cluster's members; with --previous always.")
    threads: int | None = _setting(
        None, "Threads to use (default: all processors allowed to this process).", span=(1, 1024)
    )
    memory_limit: str | None = _setting(
        None, "Memory the run may use, as 4GB or 800MB (default: 80 % of what the machine has)."
    )
    temp_dir: str | None = _setting(None, "Folder for what does not fit into memory (default: the system's).")
    checksums: str | None = _setting(
        None, "File of SHA-256 sums, as sha256sum writes it, that the files read must agree with."
    )

    on_contradiction: str = _setting(
        "stop",
        "What to do with decisions that contradict each other: stop, or let the latest or the first reviewer prevail.",
        choices=("stop", "latest", "reviewer-order"),
    )
    reviewer_order: str | None = _setting(
        None, "Reviewers, the one who prevails first, as ana,ben; for --on-contradiction reviewer-order."
    )
    apply_stale: bool = _setting(False, "Apply decisions on records that have changed since.")
    one_per: str | None = _setting(
        None, "Column of RECORDS with a source: a cluster holds one record of each source at most."
    )
    one_per_penalty: float | None = _setting(
        None,
        "Take --one-per as evidence and not as a rule: pairs of one source lose this much (log2 odds).",
        span=(0.0, 1000.0),
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.one_per_penalty is not None and self.one_per is None:
            raise UsageError("one-per-penalty is given without one-per.", hint="Name the column with --one-per.")
        check_order(self.on_contradiction, self.reviewer_order)


def check_order(on_contradiction: str, reviewer_order: str | None) -> None:
    """Check that an order of reviewers is given where it is asked for, and only there. Raises UsageError."""
    if (on_contradiction == "reviewer-order") != (reviewer_order is not None):
        raise UsageError(
            "on-contradiction reviewer-order and reviewer-order go together.", hint="As --reviewer-order ana,ben."
        )


def check_fields(settings: Any) -> None:
    """Check each field against its choices or its span. Raises UsageError."""
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        name = item.name.replace("_", "-")
        choices, span = item.metadata["choices"], item.metadata["span"]
        if choices and value not in choices:
            raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        kind, what = (int, "a whole number") if item.type == "int | None" else ((int, float), "a number")
        is_left_open = value is None and item.default is None
        if span and not is_left_open and not (isinstance(value, kind) and span[0] <= value <= span[1]):
            raise UsageError(f"{name} is {value!r}; it must be {what} from {span[0]:g} to {span[1]:g}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name} is {value!r}; it must be a finite number.")


class SettingsFields(TypedDict, total=False):
    """Keyword arguments of a request: the fields of Settings, with their types."""

    threshold: float
    cut: float
    linkage: str
    score_kind: str
    id_left: str | None
    id_right: str | None
    score: str | None
    record_id: str | None
    sep: str | None
    on_bad_score: str
    on_conflict: str
    allow_unknown_ids: bool
    content_ids: bool
    threads: int | None
    memory_limit: str | None
    temp_dir: str | None
    checksums: str | None
    on_contradiction: str
    reviewer_order: str | None
    apply_stale: bool
    one_per: str | None
    one_per_penalty: float | None


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse a name that is no setting, in words of ours. Raises UsageError."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UsageError(f"There is no setting {unknown[0]!r}.", hint=f"Settings are: {', '.join(known)}.")


def make_settings(given: SettingsFields) -> Settings:
    """Make Settings. Raises UsageError."""
    refuse_unknown(given, SettingsFields.__annotations__)
    return Settings(**given)
