"""All memory as one array, and columns in it as kernels want them described: nothing is copied to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.arrow import Column, Numbers, Texts
from unsnarl.kernels import columns

Description = NDArray[np.int64]
"""int64[5]: KIND, DATA, VALID, OTHER, FIRST of kernels/columns.py."""


class _Everything:
    """Show all memory but its first eight bytes, which are nobody's; only what a column names is ever looked at."""

    __array_interface__ = {  # noqa: RUF012
        "data": (columns.FIRST_ADDRESS, False),
        "shape": (2**56,),
        "typestr": "<u8",
        "version": 3,
    }


MEMORY: NDArray[np.uint64] = np.asarray(_Everything())


def _place(address: int | None) -> int:
    """Give the byte of MEMORY at an address; -1 for none."""
    return address - columns.FIRST_ADDRESS if address else -1


def _describe(kind: int, data: int, valid: int | None, other: int = 0) -> Description:
    return np.array([kind, _place(data), _place(valid), other, 0], dtype=np.int64)


def describe(column: Column) -> Description:
    """Describe a column of a batch: texts, 64-bit numbers that are ids, or an int32 array of scores.

    It must live as long as the description is used.
    """
    if isinstance(column, Texts):
        return _describe(columns.OFFSETS, column.words.ctypes.data, None, _place(column.offsets.ctypes.data))
    if isinstance(column, Numbers):
        return _describe(columns.NUMBERS, column.values.ctypes.data, column.valid, column.first_bit)
    return _describe(columns.NUMBERS, column.ctypes.data, None)


def describe_batch(addresses: Sequence[tuple[int, int | None]], has_numbers: bool = False) -> Description:
    """Describe some columns of the engine's, by the addresses of their values and of their bits; a row for each.

    has_numbers  True for ids that are 64-bit numbers
    """
    kind = columns.NUMBERS if has_numbers else columns.STRINGS
    return np.array(
        [(kind, data - columns.FIRST_ADDRESS, _place(valid), 0, 0) for data, valid in addresses], dtype=np.int64
    )
