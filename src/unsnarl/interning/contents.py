"""What components consist of, as one number each: equal numbers, equal dendrograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsnarl.interning.ids import Ids
from unsnarl.kernels.contents import add_contents, hash_ids
from unsnarl.model import Components, Pairs


def hash_contents(ids: Ids, pairs: Pairs, components: Components) -> NDArray[np.int64]:
    """Give for each record that names a component of two or more a hash of its ids, pairs and scores; 0 elsewhere.

    A component of the same name and hash in another run has the same records and pairs, but for a chance of one in
    2**64; records and pairs outside have no say. Cost: O(n + m).
    """
    n_records = len(ids)
    hashes, sums = np.zeros(n_records, dtype=np.uint64), np.zeros(n_records, dtype=np.uint64)
    # Words wrap around; without the compiler NumPy would warn of it.
    with np.errstate(over="ignore"):
        hash_ids(ids.arena, ids.places, hashes)
        add_contents(pairs.left, pairs.right, pairs.score, components.component_of, hashes, sums)
    # 0 is kept for "not known".
    sums[sums == 0] = 1
    sums[np.bincount(components.component_of, minlength=n_records) < 2] = 0
    return sums.view(np.int64)
