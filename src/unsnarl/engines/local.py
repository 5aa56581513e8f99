"""Agglomerate the components side by side on the threads of this machine."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from typing import Any

import numpy as np

from unsnarl import solve
from unsnarl.errors import ResourceError
from unsnarl.model import Components, Forest, Pairs, Progress

POLL_SECONDS = 0.1

Task = tuple[solve.Part, float]
"""A part and the similarity down to which it is to be solved."""


def count_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Job:
    """Solve one part: as it is, or, where it is large, first its pieces and then what they leave.

    tasks(), then take() with the merges of each task, which gives the tasks that have become possible, until forest
    is set.
    """

    def __init__(self, part: solve.Part, linkage: str) -> None:
        self.part = part
        self.forest: Forest | None = None
        self._linkage = linkage
        self._n_pieces = 0
        self._merges: list[solve.Merges] = []

    def tasks(self) -> list[Task]:
        """Return what can be solved at once, and how far down (a similarity)."""
        if self.part.is_large:
            pieces, floor = solve.shatter(self.part, self._linkage)
            self._n_pieces = len(pieces)
            if pieces:
                return [(piece, floor) for piece in pieces]
        return [(self.part, 0.0)]

    def take(self, merges: solve.Merges) -> list[Task]:
        """Keep the merges of a task; return the tasks it makes possible."""
        self._merges.append(merges.copy())
        if len(self._merges) < self._n_pieces:
            return []
        if len(self._merges) == self._n_pieces:
            self._merges = [solve.interleave_merges(self._merges)]
            self._n_pieces = 0
            return [(solve.contract(self.part, self._merges[0]), 0.0)]
        self.forest = solve.make_forest(self.part, np.concatenate(self._merges), self._linkage)
        return []


class _Crew:
    """Threads that take work off one list, that of the part with most pairs first.

    The threads are daemons: when the caller is interrupted it leaves at once, and they stop at the end of their slice.
    """

    def __init__(self, parts: list[solve.Part], linkage: str) -> None:
        self.news: queue.SimpleQueue[Forest | BaseException] = queue.SimpleQueue()
        self._linkage = linkage
        self._todo: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._ticket = itertools.count()
        self._lock = threading.Lock()
        self._stopped = False
        self._under_way: dict[int, solve.Agglomeration] = {}
        self._n_pairs_done = 0
        for part in parts:
            self._add(_Job(part, linkage), None)

    def _add(self, job: _Job, task: Task | None) -> None:
        """List a task of a job, or the job itself to be planned."""
        self._todo.put((-job.part.n_pairs, next(self._ticket), job, task))

    def work(self) -> None:
        """Do what is listed until told to stop; every job ends as a forest or an error among the news."""
        while not self._stopped:
            _, _, job, task = self._todo.get()
            if job is None:
                return
            try:
                tasks = job.tasks() if task is None else self._solve(job, *task)
            except BaseException as error:  # noqa: BLE001  (whatever it is, the caller must hear of it)
                self.news.put(_explain(error, job.part))
                return
            for new in tasks:
                self._add(job, new)
            if job.forest is not None:
                self.news.put(job.forest)

    def _solve(self, job: _Job, part: solve.Part, floor: float) -> list[Task]:
        """Agglomerate one part of a job; return the tasks that makes possible."""
        agglomeration = solve.Agglomeration(part, self._linkage, floor)
        me = threading.get_ident()
        self._under_way[me] = agglomeration
        while agglomeration.advance():
            if self._stopped:
                return []
        with self._lock:
            del self._under_way[me]
            self._n_pairs_done += agglomeration.n_pairs_done
            return job.take(agglomeration.merges)

    def count_pairs_done(self) -> int:
        """Return the pairs done, those of parts under way too."""
        with self._lock:
            return self._n_pairs_done + sum(work.n_pairs_done for work in list(self._under_way.values()))

    def stop(self, n_threads: int) -> None:
        """Tell the threads to end, at the latest after the slice they are in."""
        self._stopped = True
        for _ in range(n_threads):
            self._todo.put((1, next(self._ticket), None, None))


def _explain(error: BaseException, part: solve.Part) -> BaseException:
    """Say which component memory ran out on."""
    if not isinstance(error, MemoryError):
        return error
    found = ResourceError(
        f"Memory ran out on a component of {len(part.view.members):,} records and {part.n_pairs:,} pairs.",
        hint="Give the run more memory, or raise --threshold so that the component falls apart.",
    )
    found.component = part.component
    return found


def link(pairs: Pairs, components: Components, linkage: str, threads: int, progress: Progress | None) -> Forest:
    """Agglomerate all pairs inside components, down to distance 1.

    pairs       canonical scored pairs; those across components are left out
    components  components of the pairs at or over the threshold
    linkage     average, single, complete or weighted
    threads     how many threads to use, 1 or more; the answer does not depend on it
    progress    told of pairs done while it runs, or None

    Raises ResourceError, with the component, where memory runs out; KeyboardInterrupt at once.
    Cost: near m log m time on the graphs met in practice (docs/benchmarks.md); 24 bytes a pair and 400 a record of
    the parts under way.
    """
    parts = solve.split_components(pairs, components)
    n_pairs = sum(part.n_pairs for part in parts)
    crew = _Crew(parts, linkage)
    if progress is not None:
        progress.start("linking", n_pairs, "pairs")
    forests: list[Forest] = []
    try:
        for _ in range(threads):
            threading.Thread(target=crew.work, daemon=True).start()
        while len(forests) < len(parts):
            try:
                news = crew.news.get(timeout=POLL_SECONDS)
            except queue.Empty:
                pass
            else:
                if isinstance(news, BaseException):
                    raise news
                forests.append(news)
            if progress is not None:
                progress.update(min(n_pairs, crew.count_pairs_done()))
    finally:
        crew.stop(threads)
    if progress is not None:
        progress.update(n_pairs)
        progress.finish()
    return solve.join_forests(forests, pairs.n_records)
