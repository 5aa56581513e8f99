"""The log: what holds after undo and supersede, what is read back, and what a killed process leaves."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reference.decision_lines import read_plain
from strategies import SMALL, count
from unsnarl import api
from unsnarl.decisions.chains import Sameness, find_contradictions
from unsnarl.decisions.entries import AT, BY, N_FIELDS, Entries
from unsnarl.decisions.events import KINDS, Event, read_event
from unsnarl.decisions.log import replay
from unsnarl.decisions.resolving import latest_first, resolve
from unsnarl.errors import InputError
from unsnarl.files.decision_lines import ReadEntries, read_entries, read_line
from unsnarl.files.decision_tables import read_table, write_long
from unsnarl.files.decisions import append, read_lines, read_log
from unsnarl.interning import read_long
from unsnarl.interning.decision_lines import take_down
from unsnarl.kernels.decision_lines import NOT_PLAIN
from unsnarl.report.staleness import Hashed
from unsnarl.report.statements import name_all
from unsnarl.slices import Slices

RECORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=4)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)


@st.composite
def drawn_events(draw: st.DrawFn, others: tuple[str, ...] = ()) -> dict[str, Any]:
    """Draw one event, of hostile texts; it may take back or take the place of others."""
    kind = draw(st.sampled_from(["same", "different", "group", "unsure", *(["undo"] if others else [])]))
    given: dict[str, Any] = {"kind": kind, "by": draw(TEXT), "comment": draw(TEXT)}
    ids = draw(st.lists(RECORD, min_size=2, max_size=5, unique=True))
    if kind == "undo":
        given["of"] = draw(st.sampled_from(others))
    elif kind == "group":
        at = draw(st.integers(1, len(ids)))
        given["groups"] = [part for part in (ids[:at], ids[at:]) if part]
    else:
        given["ids"] = ids
    if draw(st.booleans()):
        given["at"] = f"2026-01-{draw(st.integers(1, 28)):02d}T10:00:00+01:00"
    if others and draw(st.booleans()):
        given["supersedes"] = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
    if kind != "undo" and draw(st.booleans()):
        given["content"] = {"columns": draw(st.lists(TEXT, max_size=2)), "hashes": {ids[0]: draw(TEXT) or "x"}}
    if draw(st.booleans()):
        given["shown"] = draw(st.sampled_from([1, 2.5, True, "page 3", ["a"], {"score": 0.4}]))
    return given


class LogMachine(RuleBasedStateMachine):
    """A log on disk beside a plain list of what was said; the state of the list is worked out the slow way."""

    @initialize(folder=st.uuids())
    def begin(self, folder: Any) -> None:
        self.path = Path(os.environ["LOG_FOLDER"]) / f"{folder}.jsonl"
        self.path.unlink(missing_ok=True)
        self.said: list[Event] = []

    def add(self, given: dict[str, Any]) -> None:
        event = read_event(given, "drawn")
        if any(event.event == other.event for other in self.said):
            return
        added, _ = append(self.path, lambda log: [event])
        assert added == [event]
        self.said.append(event)

    @rule(given=drawn_events())
    def say_something(self, given: dict[str, Any]) -> None:
        self.add(given)

    @rule(data=st.data())
    def say_something_of_others(self, data: st.DataObject) -> None:
        if self.said:
            self.add(data.draw(drawn_events(tuple(event.event for event in self.said))))

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        if self.said:
            of = data.draw(st.sampled_from([event.event for event in self.said]))
            self.add({"kind": "undo", "of": of, "comment": f"turn {len(self.said)}"})

    @rule(torn=st.sampled_from([b'{"kind": "sa', b'{"kind":"same","ids":["\xc3', b"x"]))
    def be_killed(self, torn: bytes) -> None:
        """Leave half a line, as a process that died while it added would."""
        with open(self.path, "ab") as file:
            file.write(torn)
        log = read_log(self.path)
        assert "torn" in log.notes[0] and list(log.events) == self.said
        self.add({"kind": "unsure", "ids": ["p", "q"], "comment": f"after {len(self.said)}"})

    def holds(self, event: Event) -> bool:
        return not any(event.event in other.cancels and self.holds(other) for other in self.said)

    @invariant()
    def replay_equals_state(self) -> None:
        if not self.said:
            return
        log = read_log(self.path)
        assert list(log.events) == self.said and not log.notes
        assert {name for name, status in log.status.items() if status == "holds"} == {
            event.event for event in self.said if self.holds(event)
        }
        shuffled = random.Random(len(self.said)).sample(self.said, len(self.said))
        assert replay(shuffled).status == log.status and replay(shuffled).digest == log.digest

    @invariant()
    def export_then_import_is_the_identity(self) -> None:
        if self.said:
            assert read_table(write_long(self.said), "table", {}) == self.said
            again = self.path.with_suffix(".again.jsonl")
            again.unlink(missing_ok=True)
            append(again, lambda log: read_log(self.path).events)
            assert again.read_bytes() == b"".join(event.as_line().encode() + b"\n" for event in self.said)


def test_a_log_is_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FOLDER", str(tmp_path))
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    LogMachine.TestCase.settings = settings(max_examples=count(40), stateful_step_count=15, deadline=None)
    LogMachine.TestCase("runTest").runTest()


def test_an_undo_of_an_undo_brings_back_and_supersede_takes_the_place() -> None:
    said = [
        {"event": "1", "kind": "same", "ids": ["a", "b"]},
        {"event": "2", "kind": "undo", "of": "1"},
        {"event": "3", "kind": "undo", "of": "2"},
        {"event": "4", "kind": "different", "ids": ["a", "b"], "supersedes": "1"},
        {"event": "5", "kind": "undo", "of": "4"},
    ]
    statuses = [replay([read_event(one, "x") for one in said[:n]]).status for n in range(1, 6)]
    assert [status["1"] for status in statuses] == ["holds", "undone", "holds", "superseded", "holds"]
    for wrong, words in (
        ([{"kind": "undo", "of": "nothing"}], "no event 'nothing'"),
        ([{**said[0], "ids": ["a", "c"]}, said[0]], "two different events have the id '1'"),
        ([{**said[0], "supersedes": ["2"]}, said[1]], "in a circle"),
    ):
        with pytest.raises(InputError, match=words):
            replay([read_event(one, "x") for one in wrong])


@given(st.data())
@settings(max_examples=count(200))
def test_contradictions_are_found_where_there_are_any_by_the_shortest_chain(data: st.DataObject) -> None:
    events = []
    for number in range(data.draw(st.integers(1, 7))):
        ids = data.draw(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=3, unique=True))
        kind = data.draw(st.sampled_from(["same", "different", "group"]))
        given: dict[str, Any] = {"kind": kind, "event": str(number)}
        given |= {"groups": [ids[:-1], ids[-1:]]} if kind == "group" else {"ids": ids}
        events.append(read_event(given, "x"))
    near = {(a, b): 1 for event in events for part in event.ties for a in part for b in part if a != b}
    names = {record for event in events for record in event.ids}
    for via in names:
        for a in names:
            for b in names - {a}:
                way = near.get((a, via), 99) + near.get((via, b), 99)
                near[a, b] = min(near.get((a, b), 99), way)
    expected = {}
    for event in (one for one in events if one.separates):
        across = [(a, b) for i, one in enumerate(event.parts) for other in event.parts[:i] for a in one for b in other]
        shortest = min(near.get(pair, 99) for pair in across)
        if shortest < 99:
            expected[event.event] = shortest
    found = find_contradictions(events, Sameness(events))
    assert {one.denial.event: len(one.chain) for one in found if one.denial} == expected
    for one in found:
        assert one.chain[0].left == one.left and one.chain[-1].right == one.right
        assert all(any({link.left, link.right} <= set(part) for part in link.event.ties) for link in one.chain)
        assert all(a.right == b.left for a, b in zip(one.chain, one.chain[1:], strict=False))
    left = resolve(events, latest_first)
    assert not find_contradictions(left.kept, Sameness(left.kept))
    for event, why in left.overruled:
        assert why is not None and event in why.events
        assert find_contradictions([*left.kept, event], Sameness([*left.kept, event]))
    if not expected:
        assert left.kept == events


def test_lines_that_are_none_are_refused_and_a_torn_last_one_is_not() -> None:
    good = b'{"kind":"same","ids":["a","b"]}\n'
    assert len(read_lines(good[:-1], "log").events) == 1
    torn = read_lines(good + b'{"kind":"sam', "log")
    assert len(torn.events) == 1 and "log, line 2 is torn" in torn.notes[0] and torn.n_kept == len(good)
    with pytest.raises(InputError, match="log, line 1"):
        read_lines(b'{"kind":"sam\n' + good, "log")
    with pytest.raises(InputError, match="line 2: 'kind'"):
        read_lines(good + b'{"kind":"maybe"}', "log")
    with pytest.raises(InputError, match="no file of decisions"):
        read_log("nowhere.jsonl")


ADDER = """
import sys
from unsnarl import api
for number in range(10_000):
    added = api.add_decision(sys.argv[1], {"kind": "same", "ids": [sys.argv[2], str(number)], "comment": "é" * 2000})
    print(added.events[0].event, flush=True)
"""


@pytest.mark.slow
def test_kill_9_while_adding_loses_no_acknowledged_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    acknowledged: list[str] = []
    for turn in range(1 if SMALL else 3):
        adders = [
            subprocess.Popen([sys.executable, "-c", ADDER, str(log), f"{turn}-{i}"], stdout=subprocess.PIPE, text=True)
            for i in range(2)
        ]
        for adder in adders:
            assert adder.stdout is not None
            acknowledged.append(adder.stdout.readline().strip())
        time.sleep(0.1 + 0.13 * turn)
        for adder in adders:
            os.kill(adder.pid, signal.SIGKILL)
            rest, _ = adder.communicate()
            acknowledged += [line for line in rest.split("\n")[:-1] if line]
        found = read_log(log)
        assert set(acknowledged) <= set(found.status)
        assert len(found.events) <= len(acknowledged) + 2 * (turn + 1)
    with open(log, "ab") as file:
        file.write(b'{"kind": "same", "ids": ["torn')
    assert "torn" in read_log(log).notes[0]
    added = api.add_decision(log, {"kind": "same", "ids": ["a", "b"]})
    assert "torn" in added.notes[0]
    found = read_log(log)
    assert not found.notes and set(acknowledged) | {added.events[0].event} <= set(found.status)
    assert all(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())


@given(
    ids=st.lists(RECORD | st.just("a"), min_size=2, max_size=2),
    by=TEXT,
    kind=st.sampled_from(KINDS[:2]),
    more=st.sampled_from([{}, {"event": "e1"}, {"event": ""}]),
    separators=st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]),
)
@settings(max_examples=count(50))
@pytest.mark.parametrize(
    "at",
    [
        *("2026-11-23T10:00:00Z", "2026-11-23T10:00:00z", "2026-11-23T25:00:00Z", "2026-02-30T10:00:00Z", "2026-11-23"),
        *("2026-11-23T10:00:00.000000Z", "2026-11-23T10:00:00.120000Z", "2026-11-23T24:00:00Z", "2026-11-23T10:00Z"),
    ],
)
def test_plain_lines_are_read_as_all_others(
    ids: list[str], by: str, kind: str, more: dict[str, str], separators: tuple[str, str], at: str
) -> None:
    plain = {**more, "kind": kind, "ids": ids, "by": by, "at": at}
    line = json.dumps(plain, separators=separators, ensure_ascii=False).encode()

    def tell(read: Callable[[], Event]) -> list[Any]:
        try:
            event = read()
        except InputError as error:
            return [str(error)]
        return [event, event.as_line(), event.ids, event.ties, event.separates, event.cancels]

    # A key that holds nothing changes nothing, but the line is not one of the plain ones any more.
    expected = tell(lambda: read_event({**plain, "comment": None}, "log, line 1"))
    assert tell(lambda: read_event(plain, "log, line 1")) == expected
    assert tell(lambda: read_lines(line + b"\n", "log").events[0]) == expected


@st.composite
def drawn_lines(draw: st.DrawFn) -> bytes:
    """Draw the lines of a log: plain ones and others, blank ones, and some that are no events."""
    ids = draw(st.lists(st.sampled_from(["a", "b", "c d", "é", 'q"', "3"]), min_size=2, max_size=2))
    said: dict[str, Any] = {"kind": draw(st.sampled_from([*KINDS[:2], "unsure"])), "ids": ids, "by": "ana"}
    said["at"] = draw(st.sampled_from(["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.250000Z", "2026-02-30T10:00:00Z"]))
    if draw(st.booleans()):
        said = {"event": draw(st.sampled_from(["e1", "e2", "é"])), **said}
    if draw(st.booleans()):
        said["comment"] = draw(st.sampled_from(["why", "über", "a \\ b", 'the "elder"', "\x01\x7f\u2028", ""]))
    if draw(st.booleans()):
        hashes = dict(zip(draw(st.permutations(ids)), ["1f", "2e"], strict=True))
        columns = draw(st.lists(st.sampled_from(["name", "a, b", "[x]"]), max_size=2))
        said["content"] = {"columns": columns, "hashes": hashes}
    end = draw(
        st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n", "\n\xa0\n"] if draw(st.integers(0, 9)) == 0 else ["\n"])
    )
    return (json.dumps(said, ensure_ascii=draw(st.booleans())) + end).encode()


def tell(read: Callable[[], Iterable[Event]]) -> list[Any]:
    """Give all that can be seen of events, or why there are none."""
    try:
        return [(event, event.where, event.as_line(), list(event.hashes)) for event in read()]
    except InputError as error:
        return [str(error)]


PLAIN = tuple(
    line.encode()
    for line in (
        '{"event": "e1", "kind": "same", "ids": ["a1", "b2"], "by": "ana", "at": "2024-02-29T23:59:59Z"}',
        (
            '{"event":"e2","kind":"different","ids":["b2","c3"],"by":"bo","at":"2026-12-31T00:00:00.000001Z","comment":'
            '"\\u00E9\\n"}\r'
        ),
        (
            '{"event": "e3", "kind": "unsure", "ids": ["a1", "d"], "by": "ana", "at": "2026-04-30T09:10:11Z", '
            '"comment": "ü", "content": {"columns": ["name", "ä b"], "hashes": {"d": "2e", "a1": "1f"}}}'
        ),
    )
)
SIGNS = ["", "é", "\\ud83d\\ude00", "\\uDC00", *'"\\ 0193,:u{}[]\x7f\x1fa\r\n']


def test_plain_lines_are_read_at_a_glance() -> None:
    entries, n_lines = read_long(b"".join(line + b"\n" for line in PLAIN), "log")
    assert n_lines == len(entries) == len(PLAIN) and not entries.others


@given(data=st.data(), number=st.integers(0, len(PLAIN) - 1))
@settings(max_examples=count(1500))
def test_plain_lines_with_a_sign_changed_are_read_as_one_by_one(data: st.DataObject, number: int) -> None:
    text = PLAIN[number].decode()
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from(SIGNS)) + text[at + data.draw(st.integers(0, 1)) :]
    lines = [PLAIN[0], *text.encode().split(b"\n"), PLAIN[2]]
    content = b"".join(line + b"\n" for line in lines)
    assert tell(lambda: read_long(content, "log")[0]) == tell(lambda: read_entries(content, "log")[0])
    columns, _, found = take_down(content)
    for i, line in enumerate(lines):
        plain = read_plain(line)
        assert (found[i] == NOT_PLAIN) == (plain is None), line
        if plain is not None:
            said = [columns.field(field)[i] for field in range(N_FIELDS)]
            assert (KINDS[columns.kinds[i]], said) == plain


HALF = "\ud800"


@pytest.mark.parametrize(
    "more",
    [
        {"event": HALF},
        {"by": HALF},
        {"comment": HALF},
        {"ids": [HALF, "b"]},
        {"supersedes": [HALF]},
        {"seen": {"x": [HALF]}},
        {"content": {"columns": ["c"], "hashes": {"a": HALF}}},
        {"content": {"columns": [HALF], "hashes": {"a": "1f"}}},
        {"content": {"columns": ["c"], "hashes": {HALF: "1f"}}},
    ],
)
@pytest.mark.parametrize("reader", [read_entries, read_long])
def test_half_a_character_is_refused(more: dict[str, Any], reader: ReadEntries) -> None:
    said = {"event": "e", "kind": "same", "ids": ["a", "b"], "by": "ana", "at": "2026-11-23T10:00:00Z", **more}
    with pytest.raises(InputError, match=r"log, line 1.*(UTF-8|must name events)"):
        reader(json.dumps(said).encode() + b"\n", "log")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": ["same"]}, "'kind' is"),
        ({"kind": {}}, "'kind' is"),
        ({"at": "0001-01-01T00:00:00+05:00"}, "no calendar"),
        ({"at": "9999-12-31T23:00:00-05:00"}, "no calendar"),
    ],
)
def test_what_is_no_event_is_refused_with_its_line(more: dict[str, Any], said: str) -> None:
    line = json.dumps({"kind": "same", "ids": ["a", "b"], "by": "ana", "at": "2026-11-23T10:00:00Z", **more}).encode()
    for reader in (read_entries, read_long):
        with pytest.raises(InputError, match=f"log, line 1.*{said}"):
            reader(line + b"\n", "log")


def test_a_mark_before_a_line_without_an_end_takes_nothing_away(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for content, n_events in ((b"", 0), (PLAIN[0], 1), (PLAIN[0] + b"\n", 1), (b'{"torn', 0)):
        log.write_bytes(b"\xef\xbb\xbf" + content)
        assert len(read_log(log).events) == len(read_log(log, read_long).events) == n_events
        _, after = append(log, lambda _: [read_event({"kind": "same", "ids": ["p", "q"]}, "said")])
        assert len(after.events) == len(read_log(log).events) == n_events + 1 and not read_log(log).notes


def test_a_time_is_one_that_the_calendar_has() -> None:
    years, hours = (
        ("0000", "1900", "2000", "2023", "2024"),
        ("24:00:00", "23:60:00", "23:59:60", "1:00:00", "00:00:00.5"),
    )
    times = [f"{year}-{month:02d}-{day:02d}T12:00:00Z" for year in years for month in range(14) for day in range(33)]
    times += [f"2026-01-01T{hour}Z" for hour in (*hours, "23:59:59.000000", "23:59:59.999999", "00:00:00,000001")]
    lines = [PLAIN[0].replace(b"2024-02-29T23:59:59Z", moment.encode()) for moment in times]
    _, _, found = take_down(b"".join(line + b"\n" for line in lines))
    assert (found != NOT_PLAIN).tolist() == [read_plain(line) is not None for line in lines]


@given(
    texts=st.lists(
        st.sampled_from(
            ["", "a", "b", "abcdefgh", "abcdefghi", "abcdefgh-x-abcdefgh", "abcdefgh-y-abcdefgh", "é", "日本"]
        )
    )
)
@settings(max_examples=count(300))
def test_slices_are_the_texts_they_are_of(texts: list[str]) -> None:
    some = Slices.of(texts)
    assert (
        some.tolist()
        == list(some)
        == texts
        == [some[i] for i in range(len(texts))]
        == some[np.arange(len(texts))].tolist()
    )
    assert some.are_distinct() == (len(set(texts)) == len(texts))
    wanted = ["b", "abcdefgh-x-abcdefgh", "missing", "é"]
    assert some.find(wanted) == {
        text: [i for i, one in enumerate(texts) if one == text] for text in wanted if text in texts
    }
    backwards = np.arange(len(texts))[::-1]
    whole = Slices.join(some, some.take(backwards), Slices.of(["end"]))
    assert whole.tolist() == [*texts, *texts[::-1], "end"]
    words, ends = whole.gather(np.arange(len(whole)))
    assert words.view(np.uint8)[: ends[-1]].tobytes().decode() == "".join(whole)
    assert np.diff(ends).tolist() == [len(text.encode()) for text in whole]


@given(lines=st.lists(drawn_lines(), max_size=5), mark=st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
@settings(max_examples=count(200))
def test_lines_read_all_at_once_are_those_read_one_by_one(lines: list[bytes], mark: bytes) -> None:
    content = b"".join(lines)
    numbered = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    expected = tell(lambda: [read_line(line, f"log, line {number}") for number, line in numbered])
    for reader in (read_entries, read_long):
        assert tell(lambda reader=reader: list(read_lines(mark + content, "log", reader).events)) == expected
        if expected and not isinstance(expected[0], str):
            look_into_columns(read_lines(content, "log", reader).events)


def look_into_columns(entries: Entries) -> None:
    """What stands in the columns is what stands in the events."""
    events = list(entries)
    kinds = [KINDS[code] for code in entries.columns.kinds.tolist()]
    said = [entries.names.tolist(), kinds, *(entries.columns.field(number).tolist() for number in (BY, AT))]
    assert list(zip(*said, strict=True)) == [(one.event, one.kind, one.by, one.at) for one in events]
    everything = np.arange(len(events))
    named, again = (name_all(some, everything, {}) for some in (entries, Entries.of(events)))
    assert named.ids.tolist() == again.ids.tolist()
    for name in ("event", "part", "is_same", "is_different"):
        assert np.array_equal(getattr(named, name), getattr(again, name)), name
    hashed = [Hashed.of(some, everything) for some in (entries, Entries.of(events))]
    told = [{key: sorted(zip(*rows, strict=True)) for key, rows in one.rows.items()} for one in hashed]
    assert told[0] == told[1] and len(hashed[0]) == len(hashed[1]) and hashed[0].n_events == hashed[1].n_events
