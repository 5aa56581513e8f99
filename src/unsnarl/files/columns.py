"""Which columns hold the ids and the score: found by name, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unsnarl.errors import InputError, UsageError
from unsnarl.files.parts import Part, show
from unsnarl.settings import Settings

PAIR_LAYOUTS = (
    ("id_l", "id_r"),
    ("unique_id_l", "unique_id_r"),
    ("record_id_l", "record_id_r"),
    ("hash1", "hash2"),
    ("id_left", "id_right"),
    ("id_1", "id_2"),
)
SOURCE_COLUMNS = ("source_dataset_l", "source_dataset_r")
SOURCE_COLUMN = "source_dataset"
RECORD_IDS = ("id", "hashid", "unique_id", "record_id")
ENTITIES = ("entity", "entity_id", "cluster", "cluster_id", "label")
_SCORES = {
    "probability": ("match_probability", "score", "probability", "xgb_prob"),
    "match_weight": ("match_weight", "score"),
    "log_odds": ("log_odds", "score"),
    "distance": ("distance", "score"),
}


@dataclass(frozen=True)
class PairColumns:
    """Name the columns of PAIRS: two ids, a score, and with Splink's several datasets one of each side's dataset."""

    left: str
    right: str
    score: str
    source_left: str | None = None
    source_right: str | None = None


def _list_columns(part: Part) -> str:
    names = ", ".join(show(name) for name in list(part.columns)[:12])
    return names + (", ..." if len(part.columns) > 12 else "")


def _missing(part: Part, role: str, wanted: str, hint: str) -> InputError:
    read = f" ({part.note})" if part.note else ""
    return InputError(f"{role}: {part.name} has no {wanted}; its columns are {_list_columns(part)}{read}.", hint=hint)


def _say_alike(part: Part, names: Iterable[str]) -> str:
    """Point at a column that has a known name but for case and blanks around it."""
    known = set(names)
    alike = [column for column in part.columns if column not in known and column.strip().lower() in known]
    return f" {show(alike[0])} differs from a known name in case or blanks only." if alike else ""


def find_column(part: Part, role: str, name: str, hint: str = "For CSV check the separator.") -> str:
    """Take the column of that name; the hint says what to do where there is none."""
    if name not in part.columns:
        alike = [column for column in part.columns if column.strip().lower() == name.strip().lower()]
        raise _missing(part, role, f"column {show(name)}", f"Did you mean {show(alike[0])}?" if alike else hint)
    _refuse_doubled(part, role, [name])
    return name


def _named(part: Part, role: str, name: str, option: str) -> str:
    """Take the column the caller named."""
    return find_column(part, role, name, f"Check --{option}, and for CSV the separator (--sep).")


def _refuse_doubled(part: Part, role: str, names: Iterable[str]) -> None:
    """Refuse a column whose name the header has twice."""
    for name in names:
        if any(column.startswith(f"{name} (column ") for column in part.columns):
            raise InputError(
                f"{role}: {part.name} has more than one column named {show(name)}.", hint="Rename one of them."
            )


def _pick(part: Part, role: str, names: Sequence[str], what: str, option: str) -> str:
    """Find the one column that has one of the known names."""
    fits = [name for name in names if name in part.columns]
    if not fits:
        known = ", ".join(names)
        hint = f"Known names are {known}; name another with --{option}.{_say_alike(part, names)}"
        raise _missing(part, role, f"column for the {what}", hint)
    if len(fits) > 1:
        found = " and ".join(fits)
        raise InputError(
            f"{role}: {part.name} has several columns that could be the {what}: {found}.",
            hint=f"Name one with --{option}.",
        )
    _refuse_doubled(part, role, fits)
    return fits[0]


def _find_ids(part: Part, settings: Settings) -> tuple[str, str]:
    """Find the two id columns."""
    if settings.id_left is not None or settings.id_right is not None:
        if settings.id_left is None or settings.id_right is None:
            raise UsageError(
                "Only one of the two id columns of PAIRS is named.", hint="Give both --id-left and --id-right."
            )
        left = _named(part, "PAIRS", settings.id_left, "id-left")
        right = _named(part, "PAIRS", settings.id_right, "id-right")
        if left == right:
            raise UsageError(f"Column {show(left)} of PAIRS is named for both ids.", hint="Give two columns.")
        return left, right
    fits = [layout for layout in PAIR_LAYOUTS if layout[0] in part.columns and layout[1] in part.columns]
    hint = "Name them with --id-left and --id-right."
    if not fits:
        known = "; ".join(", ".join(layout) for layout in PAIR_LAYOUTS)
        alike = _say_alike(part, [name for layout in PAIR_LAYOUTS for name in layout])
        advice = f"Known names are {known}. {hint}{alike or ' For CSV check the separator too (--sep).'}"
        raise _missing(part, "PAIRS", "known pair of id columns", advice)
    if len(fits) > 1:
        found = " and ".join(f"({', '.join(layout)})" for layout in fits)
        raise InputError(f"PAIRS: {part.name} has more than one pair of id columns: {found}.", hint=hint)
    _refuse_doubled(part, "PAIRS", fits[0])
    return fits[0]


def find_pair_columns(part: Part, settings: Settings) -> PairColumns:
    """Find the columns of PAIRS by the known layouts, or as `id_left`, `id_right` and `score` name them.

    Splink's source_dataset_l and _r become part of the id, unless the caller named the id columns.
    Raises InputError where none or more than one fits.
    """
    left, right = _find_ids(part, settings)
    if settings.score is not None:
        score = _named(part, "PAIRS", settings.score, "score")
    else:
        score = _pick(part, "PAIRS", _SCORES[settings.score_kind], f"score ({settings.score_kind})", "score")
    if settings.id_left is None and all(name in part.columns for name in SOURCE_COLUMNS):
        return PairColumns(left, right, score, *SOURCE_COLUMNS)
    return PairColumns(left, right, score)


def find_record_column(part: Part, role: str, named: str | None, option: str = "record-id") -> str:
    """Find the column with the record id: as named with the option, or by a known name, or the only column."""
    if named is not None:
        return _named(part, role, named, option)
    if len(part.columns) == 1:
        return next(iter(part.columns))
    return _pick(part, role, RECORD_IDS, "record id", option)


def find_label_column(part: Part, role: str, id_column: str, named: str | None, wanted: tuple[str, str]) -> str:
    """Find the column with the label of each record: as named, or the other of two, or by a known name.

    wanted  what the label is called, and the option that names its column
    """
    what, option = wanted
    if named is not None:
        return _named(part, role, named, option)
    others = [name for name in part.columns if name != id_column]
    if len(others) == 1:
        return others[0]
    return _pick(part, role, ENTITIES, what, option)
