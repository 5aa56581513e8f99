"""What a Parquet file says of itself: its columns, and where each part of each of them lies.

Only what is needed to take plain columns out of it: the engine reads all the rest. The layout is that of the Parquet
format, and of Thrift's compact protocol, in which it is written: a struct is a list of (field number, type, value).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MAGIC = b"PAR1"
_TAIL_BYTES = 8
_MOST_FOOTER_BYTES = 1 << 28
_LONGEST_NUMBER = 70
_STOP, _TRUE, _FALSE, _BYTE, _NUMBERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = 0, 1, 2, 3, (4, 5, 6), 7, 8, (9, 10), 12

DOUBLE, BYTE_ARRAY = 5, 6
"""Physical types."""

PLAIN_FILE, ZSTD = 0, 6
"""Ways a column is compressed: not at all, and zstd."""

_REQUIRED, _OPTIONAL = 0, 1


class UnplainError(Exception):
    """A file is not plain enough to be read here; the engine reads it, or says what is wrong with it."""


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte; gives it, and where it ends."""
    number = shift = 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > _LONGEST_NUMBER:
            raise ValueError("a number without an end")


def _read_signed(content: bytes, at: int) -> tuple[int, int]:
    number, at = _read_varint(content, at)
    return (number >> 1) ^ -(number & 1), at


def _read_list(content: bytes, at: int) -> tuple[list[Any], int]:
    head = content[at]
    n_items, kind = head >> 4, head & 15
    at += 1
    if n_items == 15:
        n_items, at = _read_varint(content, at)
    items = []
    for _ in range(n_items):
        # A truth value takes a byte here, and none as a field.
        item, at = _read_value(content, at, _BYTE if kind in (_TRUE, _FALSE) else kind)
        items.append(item)
    return items, at


def _read_value(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    """Read a value; gives it, and where it ends."""
    if kind in _NUMBERS:
        return _read_signed(content, at)
    if kind == _BINARY:
        length, at = _read_varint(content, at)
        return content[at : at + length], at + length
    if kind in _LISTS:
        return _read_list(content, at)
    if kind == _STRUCT:
        return read_struct(content, at)
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind == _BYTE:
        return content[at], at + 1
    if kind == _DOUBLE:
        return None, at + 8
    raise ValueError("an unknown type")


def read_struct(content: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Read a struct; gives its values by field number, and where it ends.

    >>> read_struct(bytes([0x15, 0x06, 0x28, 0x01, 0x61, 0x00]), 0)
    ({1: 3, 3: b'a'}, 6)

    Raises ValueError, IndexError or RecursionError for what is none.
    """
    fields: dict[int, Any] = {}
    field = 0
    while True:
        head = content[at]
        at += 1
        if head == _STOP:
            return fields, at
        if head >> 4:
            field += head >> 4
        else:
            field, at = _read_signed(content, at)
        fields[field], at = _read_value(content, at, head & 15)


@dataclass(frozen=True)
class Chunk:
    """Say where one column of one group of rows lies.

    begin, end   bytes of the file
    codec        PLAIN_FILE or ZSTD
    type         DOUBLE or BYTE_ARRAY
    n_bytes      of its pages, no longer compressed
    is_optional  True where nulls are possible, so that pages say where there are any
    """

    begin: int
    end: int
    codec: int
    type: int
    n_bytes: int
    is_optional: bool


@dataclass(frozen=True)
class Group:
    """Say where some columns of one group of rows lie.

    path    of the file
    n_rows  rows
    chunks  for each column
    """

    path: str
    n_rows: int
    chunks: tuple[Chunk, ...]


def _read_footer(path: str) -> tuple[dict[int, Any], int]:
    """Read the footer of a file; gives where it begins too."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or not 0 < length <= min(size - 2 * _TAIL_BYTES + 4, _MOST_FOOTER_BYTES):
            raise UnplainError
        begin = size - _TAIL_BYTES - length
        file.seek(begin)
        return read_struct(file.read(length), 0)[0], begin


def _count_leaves(schema: Sequence[dict[int, Any]], at: int) -> tuple[int, int]:
    """Count the columns under an element of the schema; gives the next element too."""
    n_children = schema[at].get(5, 0)
    if not n_children:
        return 1, at + 1
    n_leaves, at = 0, at + 1
    for _ in range(n_children):
        found, at = _count_leaves(schema, at)
        n_leaves += found
    return n_leaves, at


def _find_columns(schema: Sequence[dict[int, Any]], names: Sequence[str]) -> list[tuple[int, bool]]:
    """Find columns that hold one value a row: the place of each among all columns, and whether it may be null."""
    places: dict[bytes, tuple[int, bool]] = {}
    leaf, at = 0, 1
    for _ in range(schema[0][5]):
        element = schema[at]
        n_leaves, at = _count_leaves(schema, at)
        if not element.get(5, 0) and element.get(3) in (_REQUIRED, _OPTIONAL):
            if element[4] in places:
                raise UnplainError
            places[element[4]] = (leaf, element[3] == _OPTIONAL)
        leaf += n_leaves
    return [places[name.encode()] for name in names]


def _make_chunk(column: dict[int, Any], n_rows: int, kind: int, is_optional: bool, end_of_data: int) -> Chunk:
    about = column[3]
    starts = [start for start in (about.get(11), about[9]) if start]
    begin = min(starts)
    end = begin + about[7]
    is_plain = about[1] == kind and about[4] in (PLAIN_FILE, ZSTD) and about[5] == n_rows
    if not is_plain or 1 in column or 8 in column or not 4 <= begin < end <= end_of_data:
        raise UnplainError
    return Chunk(begin, end, about[4], kind, about[6], is_optional)


def list_groups(path: str, names: Sequence[str], types: Sequence[int]) -> list[Group]:
    """List the groups of rows of a file, and where some of its columns lie.

    names, types  of the columns, and the physical type each must be of

    Raises UnplainError where a column is anything but plain values of that type, compressed by zstd or not at all.
    """
    try:
        footer, end_of_data = _read_footer(path)
        if 8 in footer:
            raise UnplainError
        found = _find_columns(footer[2], names)
        groups = []
        for group in footer[4]:
            chunks = tuple(
                _make_chunk(group[1][place], group[3], kind, is_optional, end_of_data)
                for (place, is_optional), kind in zip(found, types, strict=True)
            )
            groups.append(Group(path, group[3], chunks))
        return groups
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnplainError from error
