"""Names for the array types kernels speak of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Slots = NDArray[np.uint32]
Word = Any
"""An unsigned 64-bit word."""

Words = Any
"""An array of unsigned bytes or 64-bit words, which wrap around."""
Records = Any
"""An array of records (made by make_records): `array[i].field` reads and writes one field of one record."""


def take_records(n: int | tuple[int, ...], fields: np.dtype[np.void]) -> Records:
    """Make an array of n records with anything in them. Memory that is not written costs nothing."""
    return np.empty(n, dtype=fields).view(np.recarray)


def make_records(n: int | tuple[int, ...], fields: np.dtype[np.void]) -> Records:
    """Make an array of n records, all 0. No field may be called `size`, a name NumPy's records have taken."""
    return np.zeros(n, dtype=fields).view(np.recarray)
