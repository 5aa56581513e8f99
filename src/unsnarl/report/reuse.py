"""What an earlier RUN knows already: the dendrograms of components that have not changed since."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.files.arrow import Column, as_texts
from unsnarl.files.parts import first_line
from unsnarl.files.runs import RunFiles
from unsnarl.files.session import EngineError, Session
from unsnarl.files.tables import Names, TableColumns
from unsnarl.interning import Dictionary, Ids, add_constraints, find_indexes, hash_contents
from unsnarl.model import Constraints, Forest
from unsnarl.report.intake import Input

_CONTENT = "content_hash"


@dataclass(frozen=True)
class Known:
    """Hold what need not be solved again.

    forest      merges of the components that have not changed
    is_known    bool[n]  True for the records of those
    """

    forest: Forest
    is_known: NDArray[np.bool_]


class Contents:
    """Hold the hash of what each component consists of, those of two records or more in the order of their names."""

    def __init__(self, given: Input) -> None:
        self._names = np.flatnonzero(given.components.sizes >= 2)
        self._given = given

    @cached_property
    def _free(self) -> NDArray[Any]:
        return hash_contents(self._given.ids, self._given.pairs, self._given.components)

    def _add(self, constraints: Constraints) -> NDArray[Any]:
        return add_constraints(self._free, self._given.ids, self._given.components, constraints)

    @cached_property
    def keys(self) -> NDArray[Any]:
        """Give the hashes to look for in another run: decisions have a say in them."""
        return self._free if self._given.ruled is None else self._add(self._given.ruled.constraints)

    def settle(self, is_unchanged: NDArray[np.bool_] | None) -> NDArray[Any]:
        """Give the hashes to keep: where decisions changed no merge, those of a run without.

        is_unchanged  bool[n]  marks the records of such components; None: there are no decisions
        """
        if is_unchanged is None or self._given.ruled is None:
            return self.keys
        return np.where(is_unchanged[self._names], self._add(self._given.ruled.rules), self.keys)


def _refuse_other(run: RunFiles, linkage: str) -> None:
    """Refuse a RUN whose merges another method or version made."""
    made_by = run.manifest["versions"].get("unsnarl")
    here = importlib.metadata.version("unsnarl")
    if made_by != here:
        raise InputError(
            f"{run.folder} was made by unsnarl {made_by}, this is {here}.", hint="Run once without --previous."
        )
    if run.manifest["settings"].get("linkage") != linkage:
        raise InputError(
            f"{run.folder} has another linkage than {linkage}.", hint="Name a run of the same linkage with --previous."
        )


def find_known(
    session: Session, run: RunFiles, given: Input, now: tuple[TableColumns, NDArray[Any]], linkage: str
) -> Known:
    """Find the components of a RUN that have not changed.

    given  what this run is of
    now    its components, and the hash of what each consists of

    Raises InputError where the RUN is of another linkage or version, or cannot be read. Cost: O(n + merges).
    """
    _refuse_other(run, linkage)
    ids, component_of = given.ids, given.components.component_of
    before = run.read(session, "components")
    table, hashes = now
    names = table["component_id"]
    assert isinstance(names, Names)
    hash_of = np.full(len(ids), "", dtype=object)
    hash_of[names.index] = hashes
    named = find_indexes(ids, before["component_id"])
    hashes = before.get(_CONTENT, np.full(len(named), "", dtype=object))
    is_same = (named >= 0) & (hashes != "")
    is_same[is_same] = hash_of[named[is_same]] == hashes[is_same]
    is_kept = np.zeros(len(ids), dtype=np.bool_)
    is_kept[named[is_same]] = True
    # Couples are never looked up: making their merges anew is quicker.
    is_kept &= given.components.sizes > 2
    return Known(_take_merges(session, run, ids, is_kept), is_kept[component_of])


def _take_merges(session: Session, run: RunFiles, ids: Ids, is_kept: NDArray[np.bool_]) -> Forest:
    """Take the merges of the components kept, in the order they have."""
    records, none = Dictionary.of(ids), np.zeros(0, dtype=np.int32)
    parts: list[list[NDArray[np.int32]]] = [[none] * 3]
    table = run.scan("merges")

    def take(columns: list[Column]) -> None:
        parts.append([records.number(as_texts(column), adds=False) for column in columns])

    try:
        session.stream(f"SELECT component_id, left_id, right_id FROM {table}", take)
        more = session.arrays(f"SELECT distance, size FROM {table}")
    except EngineError as error:
        raise InputError(f"{run.path('merges')} cannot be read: {first_line(error)}") from None
    component, left, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = np.flatnonzero((component >= 0) & is_kept[np.maximum(component, 0)])
    distance, size = (np.ma.getdata(more[name])[kept] for name in ("distance", "size"))
    return Forest(component[kept], left[kept], right[kept], distance, size.astype(np.int32), len(ids))
