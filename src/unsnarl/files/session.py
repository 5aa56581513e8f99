"""One DuckDB connection for one run: its limits, its names, and its errors in our words.

Nothing is fetched from the network: extensions are neither installed nor loaded by themselves, and
Python variables are visible to SQL only where they are registered.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import queue
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
from numpy.typing import NDArray

from unsnarl.errors import ResourceError, UsageError
from unsnarl.files.apart import Answer, run_apart
from unsnarl.files.arrow import Column, StreamError, keep_freed_memory, read_batches
from unsnarl.files.direct import DirectError, Query, Take, scan
from unsnarl.files.scratch import Scratch

EngineError = duckdb.Error
"""What DuckDB raises; every reader turns it into an InputError that names the file."""


Columns = dict[str, NDArray[Any]]
"""A table in memory: column name to array, all of one length."""


_AMOUNT = re.compile(r"(?=.*[1-9])([0-9]+(?:\.[0-9]*)?)\s*([kmgt]i?)b?", re.IGNORECASE)


def _read_amount(memory_limit: str) -> str:
    """Write a memory limit as DuckDB reads it; it would take a negative one, or 'none', for no limit at all."""
    found = _AMOUNT.fullmatch(memory_limit.strip())
    if found is None:
        raise UsageError(f"memory-limit is {memory_limit!r}; it must be an amount of memory, as 4GB or 800MB.")
    return f"{found[1]}{found[2]}B"


def _make_scratch(scratch: Scratch) -> None:
    """Make the folder for what is spilled. Raises ResourceError where it cannot be made."""
    try:
        scratch.make()
    except OSError as error:
        raise ResourceError(
            f"No folder for temporary files can be made in {os.path.dirname(scratch.path)}: {error.strerror or error}",
            hint="Name one that can be written to with --temp-dir, or by the variable TMPDIR.",
        ) from None


def quote_name(name: str) -> str:
    """Quote a column or table name for SQL.

    >>> quote_name('the "best" id')
    '"the ""best"" id"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a text for SQL.

    >>> quote_text("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def count_processors() -> int:
    """Count the processors this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _to_resource_error(error: Exception) -> ResourceError | None:
    """Recognise an engine error that means memory or disk ran out."""
    first_line = str(error).strip().split("\n")[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        return ResourceError(
            f"Out of memory while reading or writing: {first_line}",
            hint="Give more with --memory-limit, or free some disk space for temporary files.",
        )
    if "No space left" in first_line or "Disk quota" in first_line:
        return ResourceError(f"The disk is full: {first_line}", hint="Free some space, or write to another disk.")
    return None


class Session:
    """Hold one in-memory DuckDB, closed on leaving the `with` block.

    threads       processors to use (default: all this process may use)
    memory_limit  what DuckDB may hold in memory, as '4GB' (default: 80 % of the machine); beyond it spills to disk
    temp_dir      folder for the spilled data (default: the system's); only a fresh folder inside it is used

    Raises UsageError where a limit makes no sense.
    """

    def __init__(
        self,
        threads: int | None = None,
        memory_limit: str | None = None,
        temp_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        keep_freed_memory()
        self.threads = threads or count_processors()
        self._numbers = itertools.count(1)
        self._registered: list[Any] = []
        self._limits = {} if memory_limit is None else {"memory_limit": _read_amount(memory_limit)}
        scratch = Scratch(None if temp_dir is None else os.fspath(temp_dir))
        self._temp_folder = scratch.path
        # Whoever is interrupted before `with` has begun, or forgets to close, leaves no folder behind.
        self._remove_temp_folder = weakref.finalize(self, scratch.remove)
        _make_scratch(scratch)
        try:
            self._connection = self._connect()
            self._prepare()
        except BaseException:
            self._remove_temp_folder()
            raise

    def _settings(self) -> dict[str, str]:
        """Say how a database of this session is to be opened."""
        return {
            "threads": str(self.threads),
            "temp_directory": self._temp_folder,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
            **self._limits,
        }

    def _connect(self) -> Any:
        """Open the connection."""
        config: dict[str, Any] = {**self._settings(), "python_enable_replacements": "false"}
        try:
            return duckdb.connect(":memory:", config=config)
        except EngineError as error:
            raise UsageError(
                f"The limits do not work: {str(error).splitlines()[0]}",
                hint="Write the memory limit as 4GB or 800MB, and the number of threads as a whole number.",
            ) from None

    def _prepare(self) -> None:
        """Set what belongs to a connection.

        The rule (DuckDB 2.0) is turned off that makes a TRY_CAST on a CSV column an error instead of a null.
        """
        self._connection.execute("SET enable_progress_bar = false")
        known = {name for (name,) in self.rows("SELECT name FROM duckdb_optimizers()")}
        self._prelude = "SET disabled_optimizers = 'type_pushdown'" if "type_pushdown" in known else ""
        if self._prelude:
            self._connection.execute(self._prelude)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and remove what was spilled; a second call does nothing."""
        self._connection.close()
        self._registered.clear()
        self._remove_temp_folder()

    @contextlib.contextmanager
    def beside(self) -> Iterator[Session]:
        """Give a second session in the same database, with the same limits, for another thread."""
        own = copy.copy(self)
        own._connection, own._registered = self._connection.cursor(), []
        try:
            own._prepare()
            yield own
        finally:
            own._connection.close()

    def sql(self, query: str, parameters: Sequence[object] | None = None) -> Any:
        """Pass a query through to DuckDB, and give its relation."""
        return self._connection.sql(query, params=parameters)

    def _work(self, query: Callable[[], Answer]) -> Answer:
        """Run a query so that Ctrl-C stops it at once; its errors are put in words of ours."""
        with _engine_errors():
            return run_apart(query, self._connection.interrupt)

    def run(self, query: str, parameters: Sequence[object] | None = None) -> None:
        """Run a statement whose answer is of no interest."""
        self._work(lambda: self._connection.execute(query, parameters))

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Run a query and give its rows."""
        return self._work(lambda: self._connection.execute(query, parameters).fetchall())

    def value(self, query: str, parameters: Sequence[object] | None = None) -> Any:
        """Run a query of one row and one column, and give that."""
        return self.rows(query, parameters)[0][0]

    def arrays(self, query: str) -> Columns:
        """Run a query and give its columns as NumPy arrays, masked where they hold nulls."""
        return self._work(lambda: self._connection.execute(query).fetchnumpy())

    def stream(self, query: str, take: Callable[[list[Column]], None]) -> None:
        """Run a query and pass its rows on batch by batch, while the next ones are being made.

        query  gives texts and whole numbers only, none of them null where nulls are to be told apart
        take   gets the columns of each batch, in the order of the rows; it may keep none of them

        Raises what `rows` raises, and what `take` does.
        """
        with self._long_buffers():
            self._work(lambda: _pump(lambda: self._connection.sql(query), take))

    def scan(self, query: str, types: Sequence[str], take: Take) -> None:
        """Run a query over files, and have its rows taken where they lie, by the engine's own threads; see direct.scan.

        types  VARCHAR, BIGINT or INTEGER for each column

        Raises what `rows` raises, and what `take` does.
        """
        with _engine_errors():
            try:
                scan(Query(query, types, self._settings(), self._prelude), take)
            except DirectError as error:
                raise _as_engine_error(error) from None

    @contextlib.contextmanager
    def _long_buffers(self) -> Iterator[None]:
        """Give texts 64-bit offsets inside the block, and let the engine work some batches ahead."""
        self._connection.execute("SET arrow_large_buffer_size = true")
        self._connection.execute("SET streaming_buffer_size = '64MB'")
        try:
            yield
        finally:
            self._connection.execute("RESET arrow_large_buffer_size")

    def describe(self, table: str) -> list[tuple[str, str]]:
        """Give the (name, DuckDB type) of each column of a table expression."""
        return [(row[0], row[1]) for row in self.rows(f"DESCRIBE FROM {table}")]

    def make_name(self, stem: str) -> str:
        """Make a table name that is not in use."""
        return f"unsnarl_{stem}_{next(self._numbers)}"

    def register(self, stem: str, frame: object) -> str:
        """Let SQL see a Python object; gives the name of its view. Raises EngineError if DuckDB cannot read it."""
        name = self.make_name(stem)
        self._connection.register(name, frame)
        self._registered.append(frame)
        return name

    def unregister(self, name: str) -> None:
        """Forget a view made by `register`."""
        self._connection.unregister(name)


_AHEAD = 2
"""Batches that may wait for their taker."""


def _pump(open_relation: Callable[[], Any], take: Callable[[list[Column]], None]) -> None:
    """Read a relation in a thread of its own, and hand each batch over here."""
    waiting: queue.Queue[Any] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        try:
            relation = open_relation()
            for batch in read_batches(relation.__arrow_c_stream__()):
                _put(waiting, batch, stopped)
            _put(waiting, None, stopped)
        except BaseException as error:  # noqa: BLE001  (it is raised again where the batches are taken)
            _put(waiting, error, stopped)

    thread = threading.Thread(target=read, name="unsnarl-stream", daemon=True)
    thread.start()
    try:
        while (batch := waiting.get()) is not None:
            if isinstance(batch, BaseException):
                raise _as_engine_error(batch)
            columns, release = batch
            take(columns)
            del columns, batch
            release()
    finally:
        stopped.set()
        thread.join()


def _put(waiting: queue.Queue[Any], item: object, stopped: threading.Event) -> None:
    """Queue an item, unless nobody waits any more."""
    while not stopped.is_set():
        with contextlib.suppress(queue.Full):
            waiting.put(item, timeout=0.1)
            return


def _as_engine_error(error: BaseException) -> BaseException:
    """Put what a stream says into the class that the engine's own errors have."""
    if not isinstance(error, (StreamError, DirectError)):
        return error
    text = str(error)
    if text.startswith("Out of Memory"):
        return duckdb.OutOfMemoryException(text)
    return RuntimeError("Query interrupted") if "INTERRUPT" in text.upper()[:20] else duckdb.Error(text)


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn 'out of memory' and 'disk full' into ResourceError, and Ctrl-C into what it is; other engine errors pass."""
    try:
        yield
    except (EngineError, RuntimeError) as error:
        # DuckDB stops a query at Ctrl-C, but says so in an error of its own.
        if isinstance(error, duckdb.InterruptException) or str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        known = _to_resource_error(error)
        if known is not None:
            raise known from None
        raise
