"""Agglomerate the components side by side on the threads of this machine."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from typing import Any

from unsnarl import solve
from unsnarl.errors import ResourceError
from unsnarl.model import Components, Forest, Pairs, Progress
from unsnarl.tasks import Task

POLL_SECONDS = 0.1


def count_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Job:
    """One part on its way: its solution, and how many tasks of the list under way are not done yet."""

    def __init__(self, part: solve.Part, linkage: str, until: float) -> None:
        self.part = part
        self.solution = solve.Solution(part, linkage, until)
        self.n_open = 0


class _Crew:
    """Threads that take work off one list, that of the part with most pairs first.

    The threads are daemons: when the caller is interrupted it leaves at once, and they stop at the end of their slice.
    """

    def __init__(self, parts: list[solve.Part], linkage: str, until: float) -> None:
        self.news: queue.SimpleQueue[Forest | BaseException] = queue.SimpleQueue()
        self._linkage = linkage
        self._todo: queue.PriorityQueue[Any] = queue.PriorityQueue()
        self._ticket = itertools.count()
        self._lock = threading.Lock()
        self._stopped = False
        self._jobs = [_Job(part, linkage, until) for part in parts]
        for job in self._jobs:
            self._add(job, None)

    def _add(self, job: _Job, task: Task | None) -> None:
        """List a task of a job, or the job itself, whose next tasks are to be found."""
        self._todo.put((-job.part.n_pairs, next(self._ticket), job, task))

    def work(self) -> None:
        """Do what is listed until told to stop; every job ends as a forest or an error among the news."""
        while not self._stopped:
            _, _, job, task = self._todo.get()
            if job is None:
                return
            try:
                if task is None:
                    self._plan(job)
                else:
                    self._advance(job, task)
            except BaseException as error:  # noqa: BLE001  (whatever it is, the caller must hear of it)
                self.news.put(_explain(error, job.part))
                return

    def _plan(self, job: _Job) -> None:
        """Find the next tasks of a job; where there are none its forest is made."""
        tasks = job.solution.next_tasks()
        job.n_open = len(tasks)
        for task in tasks:
            self._add(job, task)
        if not tasks:
            self.news.put(solve.make_forest(job.part, job.solution.merges, self._linkage))

    def _advance(self, job: _Job, task: Task) -> None:
        """Do one task; whoever does the last one of a list finds the next list."""
        while task.advance():
            if self._stopped:
                return
        with self._lock:
            job.n_open -= 1
            is_last = job.n_open == 0
        if is_last:
            self._plan(job)

    def count_pairs_done(self) -> int:
        """Return the pairs done, those of parts under way too."""
        return sum(job.solution.n_pairs_done for job in self._jobs)

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

    pairs       canonical scored pairs; those across components are left out; forbidden ones keep clusters apart
    components  components of the pairs at or over the threshold, and what must be together in them: that is merged
    first, at distance 0
    linkage     average, single, complete or weighted
    threads     how many threads to use, 1 or more; the answer does not depend on it
    progress    told of pairs done while it runs, or None

    Raises ResourceError, with the component, where memory runs out; KeyboardInterrupt at once.
    Cost: near m log m time on the graphs met in practice (docs/benchmarks.md); 24 bytes a pair and 400 a record of
    the parts under way.
    """
    return link_up_to(pairs, components, (linkage, 1.0), threads, progress)


def link_up_to(
    pairs: Pairs, components: Components, rule: tuple[str, float], threads: int, progress: Progress | None
) -> Forest:
    """Do what `link` does, up to a distance at least.

    rule  the linkage, and the distance up to which merges are wanted: some beyond may be among them
    """
    parts = solve.split_components(pairs, components)
    n_pairs = sum(part.n_pairs for part in parts)
    crew = _Crew(parts, *rule)
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
