"""Plain columns of Parquet files, page by page, without the engine, but for its zstd where the system has none.

The engine makes sixteen bytes of every text before anybody can look at it, checks each for UTF-8, and gives 2,048 rows
at a time. Ids need nothing of that: one that is known byte by byte has been checked before. So a thread of ours reads
one column of one group of rows, lets zstd undo a page, and hands it on while it is near the processor. Whatever is not
as simple as that, and whatever is damaged, is left to the engine: UnplainError says so, and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.direct import find_library
from unsnarl.files.footers import ZSTD, Chunk, Group, UnplainError, list_groups, read_struct

_SYSTEM = "libzstd.so.1"
"""Where it is there it is the quicker one, by a sixth: it has the loops in assembly that the engine's lacks."""
_NAMES = ("ZSTD_createDCtx", "ZSTD_freeDCtx", "ZSTD_decompressDCtx")
_MANGLED = (
    "_ZN11duckdb_zstd15ZSTD_createDCtxEv",
    "_ZN11duckdb_zstd13ZSTD_freeDCtxEPNS_11ZSTD_DCtx_sE",
    "_ZN11duckdb_zstd19ZSTD_decompressDCtxEPNS_11ZSTD_DCtx_sEPvmPKvm",
)
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_PLAIN, _OLD_INDEXES, _INDEXES = 0, 2, 8
_LINE_WORDS = 8
_MOST_HEAD_BYTES = 4096
_MOST_GROUP_ROWS = 1 << 20
_MOST_CHUNK_BYTES = 1 << 26

VALUES, DICTIONARY, INDEXES = 0, 1, 2
"""What a page holds: plain values, plain values that are referred to, or references to them."""


class Page(NamedTuple):
    """Hold one page of a column.

    words     uint64[...]  its bytes, and a few words more; gone when the next page is read, but for a DICTIONARY, which
              is there until the next column is read
    kind      VALUES, DICTIONARY or INDEXES
    n_values  how many
    levels    the byte where it says which values are null: 4 bytes say how many more; -1: it need not say
    begin     the byte where its values begin
    end       the byte where they end
    """

    words: NDArray[np.uint64]
    kind: int
    n_values: int
    levels: int
    begin: int
    end: int


class _Zstd:
    """What undoes zstd, of a library and under the names it has there."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        library = ctypes.CDLL(path)
        pointer, number = ctypes.c_void_p, ctypes.c_size_t
        self.create, self.free, self.undo = (getattr(library, name) for name in names)
        self.create.restype, self.create.argtypes = pointer, ()
        self.free.restype, self.free.argtypes = number, (pointer,)
        self.undo.restype, self.undo.argtypes = number, (pointer, pointer, number, pointer, number)


@cache
def _load_zstd() -> _Zstd | None:
    for path, names in ((_SYSTEM, _NAMES), (find_library(), _MANGLED)):
        with contextlib.suppress(OSError, AttributeError):
            if path is not None:
                return _Zstd(path, names)
    return None


def is_possible() -> bool:
    """Say whether the library shows what is needed here."""
    return _load_zstd() is not None and hasattr(os, "preadv")


@dataclass
class _Buffer:
    """Room that grows."""

    words: NDArray[np.uint64]

    def take(self, n_bytes: int) -> NDArray[np.uint64]:
        """Give room for so many bytes, and a few words more; what was in it is lost."""
        n_words = n_bytes // 8 + 2 * _LINE_WORDS
        if n_words > len(self.words):
            self.words = np.empty(n_words + n_words // 4, dtype=np.uint64)
        return self.words


def _describe(head: dict[int, Any], is_optional: bool, words: NDArray[np.uint64], size: int) -> Page:
    """Say what lies in words, as the head of the page has it."""
    kind, levels, begin = head[1], -1, 0
    about = head[{_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}[kind]]
    encoding = about[4] if kind == _DATA_2 else about[2]
    if kind == _DATA and is_optional:
        levels, begin = 0, 4 + (int(words[0]) & 0xFFFFFFFF)
    if kind == _DICTIONARY and encoding in (_PLAIN, _OLD_INDEXES):
        holds = DICTIONARY
    elif kind != _DICTIONARY and encoding in (_PLAIN, _OLD_INDEXES, _INDEXES):
        holds = VALUES if encoding == _PLAIN else INDEXES
    else:
        raise UnplainError
    if begin > size or not 0 <= about[1] <= _MOST_CHUNK_BYTES:
        raise UnplainError
    return Page(words, holds, about[1], levels, begin, size)


def _skip_levels(head: dict[int, Any], size: int, n_bytes: int) -> tuple[int, bool]:
    """Give how many bytes of a page stand before the compressed ones, and whether the rest is compressed at all."""
    if head[1] != _DATA_2:
        return 0, True
    about = head[8]
    n_apart = about.get(5, 0) + about.get(6, 0)
    if about[2] or about[1] != about[3] or not 0 <= n_apart <= min(size, n_bytes):
        raise UnplainError
    return n_apart, about.get(7, True)


class PageReader:
    """Read columns of groups, one after the other; for one thread."""

    def __init__(self) -> None:
        zstd = _load_zstd()
        assert zstd is not None
        self._zstd = zstd
        self._context = zstd.create()
        if not self._context:
            raise MemoryError
        self._handles: dict[str, int] = {}
        self._raw, self._out, self._known = (_Buffer(np.empty(0, dtype=np.uint64)) for _ in range(3))

    def close(self) -> None:
        """Close what is open."""
        self._zstd.free(self._context)
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def _fetch(self, path: str, chunk: Chunk) -> Any:
        """Read a chunk as it is in the file."""
        if path not in self._handles:
            self._handles[path] = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        n_bytes = chunk.end - chunk.begin
        content = self._raw.take(n_bytes).view(np.uint8).data[:n_bytes]
        done = 0
        while done < n_bytes:
            n_read = os.preadv(self._handles[path], [content[done:]], chunk.begin + done)
            if not n_read:
                raise UnplainError
            done += n_read
        return content

    def read(self, group: Group, number: int) -> Iterator[Page]:
        """Give the pages of one column of a group, one after the other: while one is near, something is made of it.

        Raises UnplainError where it is not as its footer says.
        """
        chunk = group.chunks[number]
        try:
            content, at = self._fetch(group.path, chunk), 0
            while at < len(content):
                # The head of a page says how long the page is, not how long it is itself.
                head, length = read_struct(bytes(content[at : at + _MOST_HEAD_BYTES]), 0)
                at += length
                if not 0 <= head[3] <= len(content) - at or not 0 <= head[2] <= _MOST_CHUNK_BYTES:
                    raise UnplainError
                yield self._undo(chunk, head, at)
                at += head[3]
        except (OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UnplainError from error

    def _undo(self, chunk: Chunk, head: dict[int, Any], begin: int) -> Page:
        """Undo one page, whose bytes begin so far into what was read."""
        n_apart, is_packed = _skip_levels(head, head[2], head[3])
        size, n_bytes = head[2] - n_apart, head[3] - n_apart
        words = (self._known if head[1] == _DICTIONARY else self._out).take(size)
        source = self._raw.words.ctypes.data + begin + n_apart
        if not is_packed or chunk.codec != ZSTD:
            if size != n_bytes:
                raise UnplainError
            ctypes.memmove(words.ctypes.data, source, size)
        elif size and self._zstd.undo(self._context, words.ctypes.data, size, source, n_bytes) != size:
            raise UnplainError
        return _describe(head, chunk.is_optional, words, size)


def find_groups(paths: Sequence[str], names: Sequence[Sequence[str]], types: Sequence[int]) -> list[Group]:
    """List the groups of rows of some files.

    paths, names  of the files, and of the columns in each
    types         the physical type of each column

    Raises UnplainError where one of them must be left to the engine.
    """
    if not is_possible():
        raise UnplainError
    groups = [
        group
        for path, some in zip(paths, names, strict=True)
        for group in list_groups(path, some, types)
        if group.n_rows
    ]
    for group in groups:
        if group.n_rows > _MOST_GROUP_ROWS or any(
            max(chunk.n_bytes, chunk.end - chunk.begin) > _MOST_CHUNK_BYTES for chunk in group.chunks
        ):
            raise UnplainError
    return groups
