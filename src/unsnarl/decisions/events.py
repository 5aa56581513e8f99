"""One decision as it stands in the log: who said what about which records, and when.

An event is a JSON object. What it may hold is in docs/decision-log.md; keys that are not known are kept as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from unsnarl.errors import InputError

SAME, DIFFERENT, GROUP, UNSURE, UNDO = KINDS = ("same", "different", "group", "unsure", "undo")
_KNOWN = ("event", "kind", "ids", "groups", "of", "by", "at", "comment", "supersedes", "content")
_PLAIN_KEYS = frozenset(("event", "kind", "ids", "by", "at", "comment"))
_OF_TWO = frozenset((SAME, DIFFERENT, UNSURE))
_ID_LENGTH = 16
_CANONICAL = json.JSONEncoder(sort_keys=True)
_PLAIN = json.JSONEncoder(ensure_ascii=False)
_LENIENT = json.JSONEncoder(ensure_ascii=False, default=str)
_HINT = 'As in {"kind": "same", "ids": ["a", "b"], "by": "ana", "at": "2026-11-23T10:00:00Z"}.'

_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000000)[0-9]{6})?Z")
"""A time as `write_time` writes it, but for days that no month has."""

_NOTHING: Mapping[str, Any] = {}

Parts = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Event:
    """Hold one event.

    event       its id, by which others name it
    kind        one of KINDS
    parts       of `same` one part with all ids; of `group` its groups; of `different` and `unsure` each id by itself;
                of `undo` none
    by          who said it, "" where nobody wrote that down
    at          when, as 2026-11-23T10:00:00Z (UTC), "" where it is not known
    of          event that an `undo` takes back
    supersedes  events that this one takes the place of
    comment     what else was said
    hashes      of each record its content when it was decided, where that was known
    columns     the columns those hashes are of
    extra       keys of the JSON object that are not known here
    where       file and line, or position, for messages
    """

    event: str
    kind: str
    parts: Parts
    by: str = ""
    at: str = ""
    of: str = ""
    supersedes: tuple[str, ...] = ()
    comment: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    where: str = field(default="", compare=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """The records it is about."""
        return self.parts[0] if len(self.parts) == 1 else tuple(chain.from_iterable(self.parts))

    @property
    def cancels(self) -> tuple[str, ...]:
        """The events that do not hold while this one does."""
        return (self.of, *self.supersedes) if self.kind == UNDO else self.supersedes

    @property
    def ties(self) -> Parts:
        """The parts that it says are one each: two records or more."""
        if self.kind == SAME:
            return self.parts if self.parts and len(self.parts[0]) > 1 else ()
        return tuple(part for part in self.parts if len(part) > 1) if self.kind == GROUP else ()

    @property
    def separates(self) -> bool:
        """Whether it says that its parts are different."""
        return self.kind in (DIFFERENT, GROUP) and len(self.parts) > 1

    def signed(self) -> str:
        """Say who said it when, as far as that is known, and which event it is."""
        return ", ".join(filter(None, (self.by, self.at, f"event {self.event}")))

    def as_dict(self) -> dict[str, Any]:
        """Give the JSON object of the log; what is empty is left out."""
        given: dict[str, Any] = {"event": self.event, "kind": self.kind}
        if self.kind == GROUP:
            given["groups"] = [list(part) for part in self.parts]
        elif self.kind == UNDO:
            given["of"] = self.of
        else:
            given["ids"] = list(self.ids)
        for name in ("by", "at", "comment"):
            if getattr(self, name):
                given[name] = getattr(self, name)
        if self.supersedes:
            given["supersedes"] = list(self.supersedes)
        if self.hashes:
            given["content"] = {"columns": list(self.columns), "hashes": dict(self.hashes)}
        return {**given, **self.extra}

    def as_line(self) -> str:
        """Give the line of the log, without its end."""
        return _PLAIN.encode(self.as_dict())


def _fail(where: str, problem: str, hint: str = _HINT) -> InputError:
    return InputError(f"DECISIONS: {where}: {problem}.", hint=hint)


def _is_utf8(text: str) -> bool:
    """Say whether a text can be written: JSON knows halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_text(given: Mapping[str, Any], name: str, where: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _fail(where, f"{name!r} is not a text")
    if not _is_utf8(value):
        raise _fail(where, f"{name!r} is {value!r}, which is not UTF-8")
    return value


def _read_time(given: Mapping[str, Any], where: str) -> str:
    """Read the time and write it in UTC, without a fraction of a second where that is zero."""
    text = _read_text(given, "at", where)
    if not text or _is_utc(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _fail(where, f"'at' is {text!r}, which is no time", "Write UTC, as 2026-11-23T10:00:00Z.") from None
    if moment.tzinfo is None:
        raise _fail(where, f"'at' is {text!r}, which does not say in what zone", "Write UTC, as 2026-11-23T10:00:00Z.")
    try:
        return write_time(moment)
    except OverflowError:
        raise _fail(where, f"'at' is {text!r}, which no calendar has in UTC") from None


def write_time(moment: datetime) -> str:
    """Write a moment in UTC.

    >>> write_time(datetime(2026, 11, 23, 10, tzinfo=UTC))
    '2026-11-23T10:00:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_id(value: Any, where: str) -> str:
    """Read a record id: text, or a whole number, which is its digits."""
    if type(value) is str and value and value.isascii():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise _fail(where, "a record id must be a text that is not empty")
    if not _is_utf8(value):
        raise _fail(where, f"the record id {value!r} is not UTF-8")
    return value


def _read_list(value: Any, name: str, where: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise _fail(where, f"{name!r} must be a list")
    return list(value)


def _read_parts(given: Mapping[str, Any], kind: str, where: str) -> Parts:
    """Read the records of an event, each at most once."""
    if kind == GROUP:
        groups = [_read_list(part, "groups", where) for part in _read_list(given.get("groups"), "groups", where)]
    else:
        ids = _read_list(given.get("ids"), "ids", where)
        groups = [ids] if kind == SAME else [[record] for record in ids]
    parts = tuple(tuple(_read_id(record, where) for record in part) for part in groups)
    flat = [record for part in parts for record in part]
    if len(set(flat)) != len(flat):
        repeated = next(record for position, record in enumerate(flat) if record in flat[:position])
        raise _fail(where, f"{repeated!r} is named twice")
    least = 1 if kind == GROUP else 2
    if len(flat) < least or not all(parts):
        raise _fail(where, "a group has no records" if kind == GROUP else f"{kind!r} needs two records or more")
    return parts


def _read_content(given: Mapping[str, Any], where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read the hashes of the records and the columns they are of."""
    content = given.get("content")
    if content is None:
        return {}, ()
    hashes = content.get("hashes") if isinstance(content, Mapping) else None
    columns = content.get("columns") if isinstance(content, Mapping) else None
    if not isinstance(hashes, Mapping) or not isinstance(columns, (list, tuple)):
        raise _fail(where, "'content' must hold 'columns' and 'hashes'")
    if not all(isinstance(text, str) for pair in hashes.items() for text in pair) or not all(
        isinstance(name, str) for name in columns
    ):
        raise _fail(where, "'content' must hold texts")
    if not all(map(_is_utf8, (*hashes, *hashes.values(), *columns))):
        raise _fail(where, "'content' is not UTF-8")
    return dict(hashes), tuple(columns)


def _find_id(given: Mapping[str, Any]) -> str:
    """Make the id of an event that has none, from what it says: the same line, the same id, wherever it stands."""
    given = {name: value for name, value in given.items() if name != "event"}
    return _hash_text(_CANONICAL.encode(given))


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]


def _is_utc(text: str) -> bool:
    """Say whether a time is written as `write_time` writes it."""
    return _is_date(text[:10]) and _UTC.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _is_date(text: str) -> bool:
    """Say whether there is such a day."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _read_plain(given: dict[str, Any], where: str) -> Event | None:
    """Make the Event of two records, who and when; None for what is not so plain.

    It is what `read_event` makes of it, in a fifth of the time: long logs are made of these.
    """
    kind, ids, by, at = given.get("kind"), given.get("ids"), given.get("by"), given.get("at")
    event, comment = given.get("event", ""), given.get("comment", "")
    if type(kind) is not str or kind not in _OF_TWO or type(ids) is not list or len(ids) != 2:
        return None
    a, b = ids
    if not (type(a) is type(b) is type(by) is type(at) is type(event) is type(comment) is str and a and b and by):
        return None
    if a == b or not _is_utc(at) or (comment and not event) or not _is_utf8(event + comment):
        return None
    if not all(text.isascii() and len(quote(text)) == len(text) + 2 for text in (a, b, by)):
        return None
    made = object.__new__(Event)
    held = {
        "event": event or _hash_text(f'{{"at": "{at}", "by": "{by}", "ids": ["{a}", "{b}"], "kind": "{kind}"}}'),
        "kind": kind,
        "parts": ((a, b),) if kind == SAME else ((a,), (b,)),
        "by": by,
        "at": at,
        "comment": comment,
        "hashes": _NOTHING,
        "extra": _NOTHING,
        "where": where,
    }
    object.__setattr__(made, "__dict__", held)
    return made


def read_event(given: Any, where: str) -> Event:
    """Check one JSON object and make an Event of it.

    where  file and line, for messages

    Raises InputError.
    """
    if type(given) is dict and given.keys() <= _PLAIN_KEYS and (plain := _read_plain(given, where)) is not None:
        return plain
    if not isinstance(given, Mapping):
        raise _fail(where, f"is {type(given).__name__}, not an object")
    kind = given.get("kind")
    if kind not in KINDS:
        raise _fail(where, f"'kind' is {kind!r}", f"It must be one of {', '.join(KINDS)}.")
    supersedes = given.get("supersedes") or []
    supersedes = [supersedes] if isinstance(supersedes, str) else _read_list(supersedes, "supersedes", where)
    if not all(isinstance(name, str) and name and _is_utf8(name) for name in supersedes):
        raise _fail(where, "'supersedes' must name events")
    of = _read_text(given, "of", where)
    if (kind == UNDO) != bool(of):
        raise _fail(where, "'undo' needs 'of'" if kind == UNDO else "'of' is for 'undo' alone")
    hashes, columns = _read_content(given, where)
    extra = {name: value for name, value in given.items() if name not in _KNOWN and value is not None}
    if extra and not _is_utf8(_LENIENT.encode(extra)):
        raise _fail(where, "a key that is not known holds what is not UTF-8")
    made = Event(
        event=_read_text(given, "event", where),
        kind=kind,
        parts=() if kind == UNDO else _read_parts(given, kind, where),
        by=_read_text(given, "by", where),
        at=_read_time(given, where),
        of=of,
        supersedes=tuple(supersedes),
        comment=_read_text(given, "comment", where),
        hashes=hashes,
        columns=columns,
        extra=extra,
        where=where,
    )
    return made if made.event else _with_id(made)


def _with_id(made: Event) -> Event:
    """Give an event the id that follows from what it says."""
    object.__setattr__(made, "event", _find_id(made.as_dict()))
    return made
