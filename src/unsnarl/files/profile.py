"""What can be told of the sources as they stand, before a row of them is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable

from unsnarl.files.checksums import Given
from unsnarl.files.pairs import PairSource


def measure_files(sources: Iterable[Given]) -> dict[str, int]:
    """Count the files of some sources, and their bytes."""
    paths = [path for source in sources for path in source.paths]
    return {"n_files": len(paths), "n_bytes": sum(os.path.getsize(path) for path in paths)}


def describe_columns(pairs: PairSource) -> dict[str, str]:
    """Name the columns that are used."""
    columns = pairs.columns
    named = {"id_left": columns.left, "id_right": columns.right, "score": columns.score}
    if columns.source_left is not None and columns.source_right is not None:
        named |= {"source_left": columns.source_left, "source_right": columns.source_right}
    return named
