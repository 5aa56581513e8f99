"""Agglomerate the components side by side on the threads of this machine."""

from __future__ import annotations

import os
import queue
import threading

from unsnarl import solve
from unsnarl.errors import ResourceError
from unsnarl.model import Components, Forest, Pairs, Progress

POLL_SECONDS = 0.1


def count_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Crew:
    """Threads that take parts off one list, those with most pairs first.

    The threads are daemons: when the caller is interrupted it leaves at once, and they stop at the end of their slice.
    """

    def __init__(self, parts: list[solve.Part], linkage: str) -> None:
        self._todo: queue.SimpleQueue[solve.Part] = queue.SimpleQueue()
        for part in parts:
            self._todo.put(part)
        self._linkage = linkage
        self._stop = threading.Event()
        self.news: queue.SimpleQueue[Forest | BaseException] = queue.SimpleQueue()
        self.under_way: dict[int, solve.Agglomeration] = {}
        self.n_pairs_done = 0
        self._lock = threading.Lock()

    def work(self) -> None:
        """Solve parts until none is left; every part ends as a forest or an error among the news."""
        while not self._stop.is_set():
            try:
                part = self._todo.get_nowait()
            except queue.Empty:
                return
            try:
                forest = self._solve(part)
            except BaseException as error:  # whatever it is, the caller must hear of it
                self.news.put(_explain(error, part))
                return
            if forest is not None:
                self.news.put(forest)

    def _solve(self, part: solve.Part) -> Forest | None:
        agglomeration = solve.Agglomeration(part, self._linkage)
        me = threading.get_ident()
        self.under_way[me] = agglomeration
        while agglomeration.advance():
            if self._stop.is_set():
                return None
        forest = agglomeration.forest()
        with self._lock:
            del self.under_way[me]
            self.n_pairs_done += part.n_pairs
        return forest

    def count_pairs_done(self) -> int:
        """Return the pairs done, those of parts under way too."""
        with self._lock:
            return self.n_pairs_done + sum(work.n_pairs_done for work in list(self.under_way.values()))

    def stop(self) -> None:
        """Tell the threads to end after the slice they are in."""
        self._stop.set()


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
    Cost: near m log m time on the graphs met in practice (docs/benchmarks.md); 24 bytes a pair and 400 a record of the parts under way.
    """
    parts = solve.split_components(pairs, components)
    crew = _Crew(parts, linkage)
    if progress is not None:
        progress.start("linking", sum(part.n_pairs for part in parts), "pairs")
    forests: list[Forest] = []
    try:
        for _ in range(min(threads, len(parts))):
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
                progress.update(crew.count_pairs_done())
    finally:
        crew.stop()
    if progress is not None:
        progress.finish()
    return solve.join_forest(forests, pairs.n_records)
