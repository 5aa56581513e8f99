"""Rows of a query handed over in the engine's own threads, where they lie: nothing is copied, nobody waits in a queue.

Python's DuckDB gives rows to one taker, in another format. The same library also has DuckDB's C interface (that is what
its ADBC driver is), and through it a function of ours can be called from SQL with each batch of 2,048 rows. It is
used with nothing but ctypes, in a database of its own, so the query may name files only. Where the library does not
show that interface, `is_possible` is False, and rows come as a stream.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from unsnarl.files.apart import run_apart

Addresses = list[tuple[int, int | None]]
"""For each column where its values begin and where its bits for 'not null' do (None: nothing is null)."""

Take = Callable[[int, Addresses], None]

_POINTER, _NUMBER, _NAME = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "create_config": (ctypes.c_int, (_POINTER,)),
    "set_config": (ctypes.c_int, (_POINTER, _NAME, _NAME)),
    "destroy_config": (None, (_POINTER,)),
    "open_ext": (ctypes.c_int, (_NAME, _POINTER, _POINTER, _POINTER)),
    "close": (None, (_POINTER,)),
    "free": (None, (_POINTER,)),
    "connect": (ctypes.c_int, (_POINTER, _POINTER)),
    "disconnect": (None, (_POINTER,)),
    "interrupt": (None, (_POINTER,)),
    "query": (ctypes.c_int, (_POINTER, _NAME, _POINTER)),
    "result_error": (_NAME, (_POINTER,)),
    "destroy_result": (None, (_POINTER,)),
    "create_logical_type": (_POINTER, (ctypes.c_int,)),
    "destroy_logical_type": (None, (_POINTER,)),
    "create_scalar_function": (_POINTER, ()),
    "destroy_scalar_function": (None, (_POINTER,)),
    "scalar_function_set_name": (None, (_POINTER, _NAME)),
    "scalar_function_add_parameter": (None, (_POINTER, _POINTER)),
    "scalar_function_set_return_type": (None, (_POINTER, _POINTER)),
    "scalar_function_set_special_handling": (None, (_POINTER,)),
    "scalar_function_set_volatile": (None, (_POINTER,)),
    "scalar_function_set_function": (None, (_POINTER, _POINTER)),
    "scalar_function_set_error": (None, (_POINTER, _NAME)),
    "register_scalar_function": (ctypes.c_int, (_POINTER, _POINTER)),
    "data_chunk_get_size": (_NUMBER, (_POINTER,)),
    "data_chunk_get_vector": (_POINTER, (_POINTER, _NUMBER)),
    "vector_get_data": (_POINTER, (_POINTER,)),
    "vector_get_validity": (_POINTER, (_POINTER,)),
}
"""What is used of DuckDB's C interface: what each gives and takes."""

_TYPES = {"VARCHAR": 17, "BIGINT": 5, "INTEGER": 4}
_BOOLEAN = 1
_CALLBACK = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _POINTER)


class _Result(ctypes.Structure):
    _fields_ = [(name, _POINTER) for name in ("a", "b", "c", "d", "e", "f")]


class _Library:
    """The functions, by their names without `duckdb_`: those that take long let Python go on, the others do not."""

    def __init__(self, path: str) -> None:
        patient, quick = ctypes.CDLL(path), ctypes.PyDLL(path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(patient if name in ("query", "close", "open_ext") else quick, f"duckdb_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def find_library() -> str | None:
    """Find the library that Python's DuckDB is, or None."""
    found = importlib.util.find_spec("_duckdb") or importlib.util.find_spec("duckdb.duckdb")
    return None if found is None else found.origin


@cache
def _load() -> _Library | None:
    """Load the interface, or None where there is none."""
    path = find_library()
    try:
        return None if path is None else _Library(path)
    except (OSError, AttributeError):
        return None


def is_possible() -> bool:
    """Say whether rows can be had in this way here."""
    return _load() is not None


class DirectError(Exception):
    """What the engine says went wrong, in its words."""


@dataclass(frozen=True)
class Query:
    """Say what is to be read.

    sql       gives the columns below, of files only
    types     VARCHAR, BIGINT or INTEGER for each column
    settings  of the database, by name
    prelude   a statement that is run first, or nothing
    """

    sql: str
    types: Sequence[str]
    settings: dict[str, str]
    prelude: str = ""


class _Reading:
    """One database, one function, one query."""

    def __init__(self, library: _Library, query: Query, take: Take) -> None:
        self._library = library
        self._query = query
        self._take = take
        self._database, self._connection = _POINTER(), _POINTER()
        self._callback = _CALLBACK(self._receive)
        self.failures: list[BaseException] = []

    def _receive(self, info: int, chunk: int, _: int) -> None:
        """Pass a batch on; this is called by the engine's threads, several at a time."""
        library = self._library
        try:
            columns: Addresses = []
            for number in range(len(self._query.types)):
                vector = library.data_chunk_get_vector(chunk, number)
                columns.append((library.vector_get_data(vector), library.vector_get_validity(vector)))
            self._take(library.data_chunk_get_size(chunk), columns)
        except BaseException as error:  # noqa: BLE001  (nothing may pass through the engine; it is raised again later)
            self.failures.append(error)
            library.scalar_function_set_error(info, b"stopped by the taker")

    def open(self) -> None:
        """Open the database."""
        library, config, message = self._library, _POINTER(), _POINTER()
        library.create_config(ctypes.byref(config))
        try:
            for name, value in self._query.settings.items():
                library.set_config(config, name.encode(), value.encode())
            if library.open_ext(None, ctypes.byref(self._database), config, ctypes.byref(message)):
                said = ctypes.string_at(message) if message.value else b"no database"
                library.free(message)
                raise DirectError(said.decode("utf-8", "replace"))
        finally:
            library.destroy_config(ctypes.byref(config))
        if library.connect(self._database, ctypes.byref(self._connection)):
            raise DirectError("no connection")

    def close(self) -> None:
        """Close what is open."""
        if self._connection.value:
            self._library.disconnect(ctypes.byref(self._connection))
        if self._database.value:
            self._library.close(ctypes.byref(self._database))

    def register(self) -> None:
        """Show SQL the function `take`; it may not be left out or called less often than there are rows."""
        library = self._library
        function = _POINTER(library.create_scalar_function())
        kinds = [_POINTER(library.create_logical_type(_TYPES[name])) for name in self._query.types]
        given = _POINTER(library.create_logical_type(_BOOLEAN))
        library.scalar_function_set_name(function, b"take")
        for kind in kinds:
            library.scalar_function_add_parameter(function, kind)
        library.scalar_function_set_return_type(function, given)
        library.scalar_function_set_special_handling(function)
        library.scalar_function_set_volatile(function)
        library.scalar_function_set_function(function, ctypes.cast(self._callback, _POINTER))
        failed = library.register_scalar_function(self._connection, function)
        for kind in (*kinds, given):
            library.destroy_logical_type(ctypes.byref(kind))
        library.destroy_scalar_function(ctypes.byref(function))
        if failed:
            raise DirectError("no function")

    def run(self, sql: str) -> None:
        """Run a statement to its end."""
        result = _Result()
        try:
            if self._library.query(self._connection, sql.encode(), ctypes.byref(result)):
                said = self._library.result_error(ctypes.byref(result)) or b"the query failed"
                raise DirectError(said.decode("utf-8", "replace"))
        finally:
            self._library.destroy_result(ctypes.byref(result))

    def interrupt(self) -> None:
        """Stop the query under way."""
        self._library.interrupt(self._connection)


def scan(query: Query, take: Take) -> None:
    """Run a query, and call `take` with each batch of its rows: their number, and where each column lies.

    take  called by several threads at a time, for rows in any order; what it is shown is gone when it returns. Texts
          are in 16 bytes each (kernels/columns.py), numbers in 8 or 4

    Raises DirectError for what the engine says, and what `take` raises; KeyboardInterrupt at once.
    """
    library = _load()
    assert library is not None
    reading = _Reading(library, query, take)
    columns = ", ".join(f"c{number}" for number in range(len(query.types)))
    try:
        reading.open()
        reading.register()
        if query.prelude:
            reading.run(query.prelude)
        counting = f"SELECT count(take({columns})) FROM ({query.sql}) AS given({columns})"
        run_apart(lambda: reading.run(counting), reading.interrupt)
    except DirectError:
        # What `take` raised is the reason, where there is any.
        if not reading.failures:
            raise
    finally:
        reading.close()
    if reading.failures:
        raise reading.failures[0]
