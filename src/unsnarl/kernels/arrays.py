"""Names for the array types kernels speak of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Slots = NDArray[np.uint32]
Records = NDArray[np.void]
"""An array of records: `array[i].field` reads and writes one field of one record in a kernel."""
