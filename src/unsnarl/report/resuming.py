"""What an interrupted run had done, taken up again: the pairs inside components and the ids; then the merges."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from unsnarl.files.checkpoints import Checkpoints, describe_files
from unsnarl.files.runs import find_versions
from unsnarl.interning import Dictionary, Ids
from unsnarl.model import Components, Forest, Pairs
from unsnarl.report.intake import Input, add_ruling
from unsnarl.report.opening import Opened
from unsnarl.report.ruling import Register
from unsnarl.settings import Settings

_PHASE = "settled"
_COLUMNS = ("component", "left", "right", "distance", "size")
_WITHOUT_A_SAY = ("cut", "linkage", "content_ids", "threads", "memory_limit", "temp_dir", "checksums")
"""Settings that the pairs and components do not depend on."""


def _open(target: str, opened: Opened, settings: Settings) -> Checkpoints:
    """Name what the results depend on: the files, the settings that have a say, and the versions."""
    chosen = {name: value for name, value in dataclasses.asdict(settings).items() if name not in _WITHOUT_A_SAY}
    n_pairs = len(opened.pairs.paths)
    decided = None if opened.decisions is None else opened.decisions.log.digest
    return Checkpoints(target, [describe_files(opened.paths), n_pairs, chosen, decided, find_versions()])


def load_input(target: str | None, opened: Opened, settings: Settings) -> Input | None:
    """Take up what an earlier run kept beside `target`, or None where there is nothing that fits."""
    if target is None or not opened.paths:
        return None
    found = _open(target, opened, settings).load(_PHASE)
    if found is None:
        return None
    arrays, facts = found
    component_of = arrays["component_of"]
    given = Input(
        pairs=Pairs(arrays["left"], arrays["right"], arrays["score"], len(component_of)),
        components=Components(component_of),
        ids=Ids(arrays["arena"], arrays["places"]),
        counts=facts["counts"],
        notes=tuple(facts["notes"]),
        inputs=opened.described or opened.start_checksums(settings.checksums),
        kind=opened.pairs.kind,
        threads=opened.pairs.session.threads,
    )
    ruling = opened.rule(Register(len(given.ids), Dictionary.of(given.ids).find), settings)
    Dictionary.let_go(given.ids)
    return add_ruling(given, ruling, np.arange(len(given.ids), dtype=np.int32))


def save_input(target: str, opened: Opened, settings: Settings, given: Input) -> None:
    """Keep what was read beside `target`; frames are not kept, since nobody can tell whether they have changed.

    Raises ResourceError where it cannot be written.
    """
    if not opened.paths:
        return
    arrays: dict[str, Any] = {
        "left": given.pairs.left,
        "right": given.pairs.right,
        "score": given.pairs.score,
        "component_of": given.components.component_of,
        "arena": np.ascontiguousarray(given.ids.arena),
        "places": given.ids.places,
    }
    facts = {"counts": dict(given.counts), "notes": list(given.notes)}
    _open(target, opened, settings).save(_PHASE, arrays, facts)


def load_forest(target: str | None, opened: Opened, settings: Settings) -> Forest | None:
    """Take up the merges that an earlier run kept beside `target`, or None where there are none of this input."""
    if target is None or not opened.paths:
        return None
    found = _open(target, opened, settings).load(f"linked-{settings.linkage}")
    if found is None:
        return None
    arrays, facts = found
    return Forest(
        component=arrays["component"],
        left=arrays["left"],
        right=arrays["right"],
        distance=arrays["distance"],
        size=arrays["size"],
        n_records=facts["n_records"],
    )


def save_forest(target: str | None, opened: Opened, settings: Settings, forest: Forest) -> None:
    """Keep the merges beside `target`. Raises ResourceError where they cannot be written."""
    if target is None or not opened.paths:
        return
    arrays: dict[str, Any] = {name: getattr(forest, name) for name in _COLUMNS}
    _open(target, opened, settings).save(f"linked-{settings.linkage}", arrays, {"n_records": forest.n_records})
