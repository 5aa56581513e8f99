"""Plain columns of Parquet files, page by page, without the engine: only its zstd is used.

The engine makes sixteen bytes of every text before anybody can look at it, checks each for UTF-8, and gives 2,048 rows
at a time. Ids need nothing of that: one that is known byte by byte has been checked before. So a thread of ours reads
one column of one group of rows, lets zstd undo its pages, and hands on where they lie. Whatever is not as simple as
that, and whatever is damaged, is left to the engine: UnplainError says so, and nothing else.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.direct import find_library
from unsnarl.files.footers import ZSTD, Chunk, Group, UnplainError, list_groups, read_struct

_MANGLED = {
    "create": "_ZN11duckdb_zstd15ZSTD_createDCtxEv",
    "free": "_ZN11duckdb_zstd13ZSTD_freeDCtxEPNS_11ZSTD_DCtx_sE",
    "undo": "_ZN11duckdb_zstd19ZSTD_decompressDCtxEPNS_11ZSTD_DCtx_sEPvmPKvm",
}
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_PLAIN, _OLD_INDEXES, _INDEXES = 0, 2, 8
_LINE_WORDS = 8
_MOST_GROUP_ROWS = 1 << 20
_MOST_CHUNK_BYTES = 1 << 26

VALUES, DICTIONARY, INDEXES = 0, 1, 2
"""What a page holds: plain values, plain values that are referred to, or references to them."""

KIND, N_VALUES, LEVELS, BEGIN, END, N_PAGE = 0, 1, 2, 3, 4, 5


class Column(NamedTuple):
    """Hold one column of a group of rows.

    words  uint64[...]  its pages; a few words more than they take
    pages  int64[k, N_PAGE]  for each page KIND, N_VALUES, the byte of words where it says which values are null
           (LEVELS; -1: it need not; they take 4 bytes, which say how many more), and where its values BEGIN and END
    """

    words: NDArray[np.uint64]
    pages: NDArray[np.int64]


class _Zstd:
    """What undoes zstd, of the engine's library."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        pointer, number = ctypes.c_void_p, ctypes.c_size_t
        self.create: Any = getattr(library, _MANGLED["create"])
        self.create.restype, self.create.argtypes = pointer, ()
        self.free: Any = getattr(library, _MANGLED["free"])
        self.free.restype, self.free.argtypes = number, (pointer,)
        self.undo: Any = getattr(library, _MANGLED["undo"])
        self.undo.restype, self.undo.argtypes = number, (pointer, pointer, number, pointer, number)


@cache
def _load_zstd() -> _Zstd | None:
    path = find_library()
    try:
        return None if path is None else _Zstd(path)
    except (OSError, AttributeError):
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


class _Layout:
    """Pages of one chunk, one after the other, as they are undone."""

    def __init__(self, chunk: Chunk, raw: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
        self._chunk = chunk
        self._raw = raw.ctypes.data
        self._out, self._room = out.ctypes.data, len(out) * 8 - 8 * _LINE_WORDS
        self._at = 0
        self.pages: list[tuple[int, int, int, int, int]] = []

    def add(self, context: int, head: dict[int, Any], begin: int) -> None:
        """Undo one page, whose bytes begin so far into what was read."""
        kind, size, n_bytes = head[1], head[2], head[3]
        if not 0 <= size <= self._room - self._at:
            raise UnplainError
        if kind == _DATA_2:
            about = head[8]
            n_apart, is_packed = about.get(5, 0) + about.get(6, 0), about.get(7, True)
            if about[2] or about[1] != about[3] or not 0 <= n_apart <= min(size, n_bytes):
                raise UnplainError
            begin, size, n_bytes = begin + n_apart, size - n_apart, n_bytes - n_apart
        else:
            about, is_packed = head[7] if kind == _DICTIONARY else head[5], True
        self._undo(context if is_packed and self._chunk.codec == ZSTD else None, (begin, n_bytes), size)
        self._note(kind, about, size)
        # Pages begin at whole words.
        self._at += size + (-size % 8)

    def _undo(self, context: int | None, source: tuple[int, int], size: int) -> None:
        begin, n_bytes = source
        if context is None:
            if n_bytes != size:
                raise UnplainError
            ctypes.memmove(self._out + self._at, self._raw + begin, size)
            return
        zstd = _load_zstd()
        assert zstd is not None
        if size and zstd.undo(context, self._out + self._at, size, self._raw + begin, n_bytes) != size:
            raise UnplainError

    def _note(self, kind: int, about: dict[int, Any], size: int) -> None:
        """Write down what lies there."""
        at, stop, levels = self._at, self._at + size, -1
        encoding = about[2] if kind != _DATA_2 else about[4]
        if kind == _DATA and self._chunk.is_optional:
            levels = at
            at += 4 + ctypes.c_uint32.from_address(self._out + at).value
        if kind == _DICTIONARY and encoding in (_PLAIN, _OLD_INDEXES):
            holds = DICTIONARY
        elif kind in (_DATA, _DATA_2) and encoding in (_PLAIN, _OLD_INDEXES, _INDEXES):
            holds = VALUES if encoding == _PLAIN else INDEXES
        else:
            raise UnplainError
        if at > stop:
            raise UnplainError
        self.pages.append((holds, about[1], levels, at, stop))


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
        self._raw, self._out = (_Buffer(np.empty(0, dtype=np.uint64)) for _ in range(2))

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

    def read(self, group: Group, number: int) -> Column:
        """Give one column of a group; it is gone when the next one is read.

        Raises UnplainError where it is not as its footer says.
        """
        chunk = group.chunks[number]
        try:
            content = self._fetch(group.path, chunk)
            out = self._out.take(chunk.n_bytes + 8 * len(content) // 64)
            layout, at = _Layout(chunk, self._raw.words, out), 0
            while at < len(content):
                # The head of a page says how long the page is, not how long it is itself.
                head, length = read_struct(bytes(content[at : at + 4096]), 0)
                begin = at + length
                at = begin + head[3]
                if head[3] < 0 or at > len(content):
                    raise UnplainError
                layout.add(self._context, head, begin)
        except (OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UnplainError from error
        return Column(out, np.array(layout.pages, dtype=np.int64).reshape(-1, N_PAGE))


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
