"""Make a log of decisions for pairs and records of `benchmarks.large`: `python -m benchmarks.decision_logs FOLDER LOG`.

As people leave them: mostly `same`, then `different`, some groups, doubts, events taken back and replaced, few
comments. Most are of two records with a scored pair, at the threshold or over it for `same`, under it or not much over
it for `different`; some of records that nobody compared. Nothing contradicts anything, so a run applies them all.
With hashes each line has those of its records, as `unsnarl decisions add --records` writes them.

`python -m benchmarks --only decisions-cost` measures what such logs add to a run: whole programs on the same files, by
turns, so that what else the machine does weighs on all alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from benchmarks import published
from benchmarks.generators import SEED
from benchmarks.large import Shape, make
from benchmarks.tables import table
from unsnarl.decisions.chains import Sameness
from unsnarl.decisions.events import read_event, write_time
from unsnarl.files.record_columns import hash_content

REVIEWERS = ("ana", "ben", "chris", "dora")
COMMENTS = ("same address", "father and son", 'called "the elder"', "Müller is not Mueller", "")
BEGUN = datetime(2026, 1, 5, 9, tzinfo=UTC)
GROUP_SHARE, UNSURE_SHARE, UNDO_SHARE, COMMENT_SHARE, NEVER_SCORED = 0.02, 0.02, 0.01, 0.05, 0.05


class Asked(NamedTuple):
    """Say what to make.

    n_events   lines
    different  share of those that say so
    hashed     whether lines have hashes of their records
    """

    n_events: int = 100_000
    different: float = 0.25
    hashed: bool = False
    seed: int = SEED


def _draw_pairs(folder: Path, where: str, n_pairs: int) -> list[tuple[str, str]]:
    """Draw some pairs, the same at every call."""
    given = f"read_parquet('{folder}/pairs-*.parquet')"
    order = f"ORDER BY hash(hash1 || hash2) LIMIT {n_pairs}"
    return duckdb.sql(f"SELECT hash1, hash2 FROM {given} WHERE {where} {order}").fetchall()


def _draw_strangers(folder: Path, rng: np.random.Generator, n_pairs: int) -> list[tuple[str, str]]:
    """Draw records two at a time, which nobody compared but by chance."""
    path = f"{folder}/records.csv"
    ids = duckdb.sql(f"SELECT hashid FROM read_csv('{path}', sep='|') ORDER BY hash(hashid) LIMIT {4 * n_pairs}")
    texts = [row[0] for row in ids.fetchall()]
    places = rng.permutation(len(texts))[: 2 * n_pairs].reshape(-1, 2).tolist()
    return [(texts[i], texts[j]) for i, j in places]


class _Talk:
    """Say things that do not contradict each other."""

    def __init__(self, asked: Asked, rng: np.random.Generator) -> None:
        self.sameness = Sameness()
        self.events: list[Any] = []
        self._asked, self._rng = asked, rng

    def say(self, said: dict[str, Any]) -> None:
        """Add an event, signed."""
        seconds = float(len(self.events)) * 7 + float(self._rng.integers(1000)) / 1000
        given = {**said, "by": REVIEWERS[self._rng.integers(len(REVIEWERS))]}
        given["at"] = write_time(BEGUN + timedelta(seconds=seconds))
        if self._rng.random() < COMMENT_SHARE:
            given["comment"] = COMMENTS[self._rng.integers(len(COMMENTS))]
        ids = said.get("ids") or [record for part in said.get("groups", ()) for record in part]
        if self._asked.hashed and ids:
            hashes = {record: hash_content(["list"], ["l1"]) for record in ids}
            given["content"] = {"columns": ["list"], "hashes": hashes}
        event = read_event(given, "made")
        self.sameness.add(event)
        self.events.append(event)

    def take_back(self, share: float) -> None:
        """Undo a few of the last events, or put the same in their place."""
        for number, event in enumerate(self.events[-max(1, round(share * len(self.events))) :]):
            if number % 3 == 0 and event.kind != "group":
                self.say({"kind": event.kind, "ids": list(event.ids), "supersedes": [event.event]})
            else:
                self.say({"kind": "undo", "of": event.event})


def make_events(folder: Path, asked: Asked) -> list[Any]:
    """Make the events of a log: ties first, so that what is different can be told from them."""
    rng = np.random.default_rng(asked.seed)
    talk = _Talk(asked, rng)
    n_different = round(asked.different * asked.n_events)
    n_undo = round(UNDO_SHARE * asked.n_events)
    n_group, n_unsure = round(GROUP_SHARE * asked.n_events), round(UNSURE_SHARE * asked.n_events)
    n_same = asked.n_events - n_different - n_group - n_unsure - n_undo
    n_far = round(NEVER_SCORED * n_same)
    far = _draw_strangers(folder, rng, 2 * n_far)
    likely = _draw_pairs(folder, "xgb_prob >= 0.5", n_same)
    unlikely = _draw_pairs(folder, "xgb_prob < 0.6 AND xgb_prob > 0.3", 2 * n_different)
    for pair in [*likely[: n_same - n_far], *far[:n_far]]:
        talk.say({"kind": "same", "ids": list(pair)})

    def differs(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        find = talk.sameness.find
        return (pair for pair in pairs if find(pair[0]) != find(pair[1]))

    apart = differs([*unlikely[: n_different - n_far], *far[n_far:], *unlikely[n_different - n_far :]])
    for _ in range(n_different):
        talk.say({"kind": "different", "ids": list(next(apart))})
    # A group that ties nobody anew: two records that are different, and who is the same as the first already.
    mate_of = {pair[0]: pair[1] for pair in likely[: n_same - n_far]}
    for _ in range(n_group):
        a, b = next(apart)
        talk.say({"kind": "group", "groups": [[a, mate_of[a]] if a in mate_of else [a], [b]]})
    for _ in range(n_unsure):
        talk.say({"kind": "unsure", "ids": list(next(apart))})
    talk.take_back(n_undo / max(1, len(talk.events)))
    return talk.events


def write_log(folder: Path, log: Path, asked: Asked) -> None:
    """Write a log, its lines in any order."""
    events = make_events(folder, asked)
    order = np.random.default_rng(asked.seed).permutation(len(events)).tolist()
    log.write_text("".join(f"{events[i].as_line()}\n" for i in order), encoding="utf-8")


LOGS = {
    "no decisions": None,
    "100,000 decisions": Asked(),
    "100,000 decisions with hashes of content": Asked(hashed=True),
}
EXPLAINED = """Whole programs on the files of the published case, by turns; *x* is the time against the run without
decisions. The log is that of `python -m benchmarks.decision_logs`; what decisions did is found out too."""


def run_size(n_pairs: int, wanted: published.Wanted) -> dict[str, Any]:
    """Take the files of one size, or make them, and run with each log and without, by turns."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in LOGS}
    with tempfile.TemporaryDirectory(prefix="unsnarl-bench-") as name:
        made = Path(name)
        folder = (wanted.inputs or made) / str(n_pairs)
        if not (folder / "records.csv").exists():
            make(folder, Shape(n_pairs))
        options = {}
        for number, (log, asked) in enumerate(LOGS.items()):
            path = made / f"{number}.jsonl"
            options[log] = [] if asked is None else ["--decisions", str(path)]
            if asked is not None:
                write_log(folder, path, asked)
        for _ in range(wanted.repeats):
            for log, found in runs.items():
                found.append(published.measure([*published.command("unsnarl", folder, made), *options[log]]))
                print(f"  {n_pairs:,} pairs: {log}: {found[-1]}", file=sys.stderr, flush=True)
    return {"n_pairs": n_pairs, "logs": {log: published.median(found) for log, found in runs.items()}}


def run(wanted: published.Wanted) -> list[dict[str, Any]]:
    """Measure the sizes that are wanted."""
    return [run_size(n_pairs, wanted) for n_pairs in wanted.sizes]


def as_table(cases: list[dict[str, Any]]) -> str:
    """Write a row for each size and log."""
    rows = []
    for case in cases:
        free = next(iter(case["logs"].values()))
        for log, found in case["logs"].items():
            fields = ("seconds", "processor_seconds")
            times = [f"{found[field]:.1f} s, {found[field] / free[field]:.2f}x" for field in fields]
            rows.append([f"{case['n_pairs'] / 1e6:g} M", log, *times, f"{found['peak_bytes'] / 1e9:.1f} GB"])
    return table(["pairs", "log", "time", "processor time", "memory"], rows)


def main() -> None:
    """Parse the command line and write the log."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decision_logs", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--events", dest="n_events", type=int, default=Asked().n_events)
    parser.add_argument("--hashed", action="store_true")
    given = vars(parser.parse_args())
    write_log(given.pop("folder"), given.pop("log"), Asked(**given))


if __name__ == "__main__":
    main()
