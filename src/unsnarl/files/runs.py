"""A RUN: three Parquet files and run.json, which is written last; a RUN without it is not finished."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from unsnarl.background import Later
from unsnarl.errors import InputError, ResourceError
from unsnarl.files.atomic import new_folder, recover, sync_file
from unsnarl.files.checksums import Described, find_checksum
from unsnarl.files.parts import first_line
from unsnarl.files.session import Columns, EngineError, Session, quote_name, quote_text
from unsnarl.files.tables import SCHEMAS, TableColumns, show_table, write_value

MANIFEST = "run.json"
FORMAT = 1
ROW_GROUP_ROWS = 122_880
DICTIONARY_VALUES = 1000
_MADE_LATER = (
    "report.html",
    "lineage.parquet",
    "retired_ids.parquet",
    "decisions.jsonl",
    "decisions.parquet",
    "violations.parquet",
)
_FIRST = ("clusters", "merges")
_REST = tuple(name for name in SCHEMAS if name not in _FIRST)


@dataclass(frozen=True)
class RunData:
    """Hold what goes into a RUN.

    clusters, merges, components  tables as `unsnarl.files.tables` makes them, in the order they are written
    settings                      the settings of the run, by name
    inputs                        as `describe_inputs` gives them, or still being found out
    counts                        figures of the run, by name
    phases                        for each phase its seconds and peak memory in bytes
    schemas                       columns of each table and their SQL types
    method                        how the clusters were found
    more                          further tables by name, with their columns' SQL types; '' is written as null
    rest                          gives the same whole, where all but clusters and merges is still being found out
    """

    clusters: TableColumns
    merges: TableColumns
    components: TableColumns
    settings: dict[str, Any]
    inputs: list[dict[str, Any]] | Described = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    schemas: dict[str, dict[str, str]] = field(default_factory=lambda: SCHEMAS)
    method: str = "linkage"
    more: dict[str, tuple[dict[str, str], TableColumns]] = field(default_factory=dict)
    rest: Callable[[], RunData] | None = None

    def whole(self) -> RunData:
        """Give it whole, waiting for what is still being found out."""
        return self if self.rest is None else self.rest()


def find_versions() -> dict[str, str]:
    """Give the versions of everything that has a say in the result; nothing is imported for it."""
    versions = {"python": platform.python_version()}
    for name in ("unsnarl", "numpy", "numba", "duckdb"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def _find_strangers(folder: str) -> list[str]:
    """List what is in a folder that no run of ours put there."""
    ours = {f"{name}.parquet" for name in SCHEMAS} | {MANIFEST, *_MADE_LATER}
    return sorted(set(os.listdir(folder)) - ours)


def _refuse_undecodable(target: str) -> None:
    """Refuse a name that cannot be told to the engine, which knows UTF-8 only."""
    try:
        target.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{target!r} is not a UTF-8 name.", hint="Choose another name.") from None


def _refuse_inputs(folder: str | os.PathLike[str], inputs: Sequence[str]) -> None:
    """Refuse an output folder that holds one of the inputs: to replace it would be to delete that."""
    inside = os.path.join(os.path.realpath(folder), "")
    lost = [path for path in inputs if os.path.realpath(path).startswith(inside)]
    if lost:
        raise InputError(
            f"{folder} holds what is to be read, and would be replaced.", examples=lost, hint="Choose another name."
        )


def refuse_existing(folder: str | os.PathLike[str], force: bool, inputs: Sequence[str] = ()) -> None:
    """Refuse, before the work starts, an output that exists or that could not be written.

    With `force` a folder is let pass if it holds nothing but files of a RUN, and none of the inputs (paths or
    globs): nothing else is ever deleted. Raises InputError.
    """
    if not os.fspath(folder):
        raise InputError("The output has no name.", hint="Give the folder that the run is to be written to.")
    target = os.path.abspath(folder)
    _refuse_undecodable(target)
    recover(target)
    if os.path.lexists(target):
        if not force:
            raise InputError(f"{folder} exists already.", hint="Choose another name, or replace it with --force.")
        if os.path.islink(target) or not os.path.isdir(target):
            raise InputError(f"{folder} is not a folder.", hint="Choose another name; --force only replaces a RUN.")
        _refuse_inputs(folder, inputs)
        strangers = _find_strangers(target)
        if strangers:
            raise InputError(
                f"{folder} holds files that are not of a RUN.",
                examples=strangers,
                hint="Move them; --force deletes only a RUN.",
            )
    parent = os.path.dirname(target)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(
            f"{folder} cannot be made: {parent} is not a folder you can write to.", hint="Choose another place."
        )


def _write_table(session: Session, path: str, schema: dict[str, str], columns: TableColumns) -> int:
    """Write one table, in the order of its rows; gives the number of rows after reading it back."""
    n_rows = len(columns[next(iter(schema))])
    view = session.register("table", show_table(schema, columns))
    items = ", ".join(
        f"{write_value(f'c{i}', column, type_)} AS {quote_name(column)}"
        for i, (column, type_) in enumerate(schema.items())
    )
    try:
        # Groups of rows are made side by side and written in order: the bytes do not depend on the threads.
        session.run(
            f"COPY (SELECT {items} FROM {view}) TO {quote_text(path)} "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP_ROWS}, "
            # Lengths of texts apart from their bytes: smaller, and half the work. Most ids come once or twice: the
            # engine is to give up counting them soon.
            f"PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT {DICTIONARY_VALUES})"
        )
        found = int(session.value(f"SELECT count(*) FROM read_parquet({quote_text(path)}, hive_partitioning=false)"))
    except EngineError as error:
        raise ResourceError(f"{os.path.basename(path)} could not be written: {first_line(error)}") from None
    finally:
        session.unregister(view)
    if found != n_rows:
        raise ResourceError(
            f"{os.path.basename(path)} reads back with {found:,} rows, not {n_rows:,}.", hint="Check the disk."
        )
    return n_rows


def _finish_file(path: str) -> str:
    """Wait until a file's content is on the disk; gives its SHA-256."""
    sync_file(path)
    return find_checksum(path)


class _Files:
    """Write tables as files, and wait until each is on the disk while the next one is being made."""

    def __init__(self, staging: str) -> None:
        self._staging = staging
        self._n_rows: dict[str, int] = {}
        self._sums: dict[str, Later[str]] = {}

    def write(self, session: Session, name: str, schema: dict[str, str], columns: TableColumns) -> None:
        """Write one; several threads may, each with a session of its own. Raises ResourceError."""
        path = os.path.join(self._staging, f"{name}.parquet")
        self._n_rows[name] = _write_table(session, path, schema, columns)
        self._sums[name] = Later(partial(_finish_file, path))

    def join(self) -> None:
        """Return when nothing is written any more."""
        for one in list(self._sums.values()):
            one.join()

    def describe(self, name: str) -> dict[str, Any]:
        """Say what a file is, once it is on the disk."""
        n_bytes = os.path.getsize(os.path.join(self._staging, f"{name}.parquet"))
        return {"rows": self._n_rows[name], "bytes": n_bytes, "sha256": self._sums[name].wait()}


def _write_tables(session: Session, staging: str, run: RunData) -> tuple[RunData, dict[str, dict[str, Any]]]:
    """Write all tables; gives the run whole, and what run.json says of each file."""
    files = _Files(staging)
    others: Later[None] | None = None

    def write(session: Session, name: str) -> None:
        files.write(session, name, run.schemas[name], getattr(run, name))

    def write_more() -> None:
        with session.beside() as own:
            for name, (schema, columns) in run.more.items():
                files.write(own, name, schema, columns)

    try:
        for name in _FIRST:
            write(session, name)
        run = run.whole()
        # Small tables are each written by one thread.
        others = Later(write_more) if run.more else None
        for name in _REST:
            write(session, name)
    finally:
        if others is not None:
            others.join()
        files.join()
    if others is not None:
        others.wait()
    return run, {f"{name}.parquet": files.describe(name) for name in (*_FIRST, *_REST, *run.more)}


def _to_plain(value: Any) -> Any:
    """Turn a NumPy number or array into what JSON knows."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in {MANIFEST}")


def _write_manifest(path: str, manifest: dict[str, Any]) -> None:
    """Write run.json and read it back."""
    text = json.dumps(manifest, indent=2, default=_to_plain, allow_nan=False) + "\n"
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with open(path, encoding="utf-8", newline="") as file:
        if file.read() != text:
            raise ResourceError(f"{MANIFEST} does not read back as it was written.", hint="Check the disk.")


def write_run(
    session: Session,
    folder: str | os.PathLike[str],
    run: RunData,
    force: bool,
    spent: Callable[[], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write a RUN so that under its name there is only ever a whole one; gives the content of run.json.

    session  its threads do not show in the files
    folder   the RUN; made with its parents
    run      tables and figures; the data files hold nothing that depends on time or place
    force    True to replace a RUN that is there
    spent    tells what writing has taken so far, for the last of the phases

    Raises InputError where the folder exists and `force` is not given, ResourceError where it cannot be written; a
    RUN that was there before is then untouched.
    """
    refuse_existing(folder, force)
    with new_folder(os.fspath(folder), force) as staging:
        run, outputs = _write_tables(session, staging, run)
        # Waits for the sums of the inputs; that is part of writing.
        inputs = run.inputs.wait() if isinstance(run.inputs, Described) else run.inputs
        manifest = {
            "format": FORMAT,
            "method": run.method,
            "settings": run.settings,
            "versions": find_versions(),
            "inputs": inputs,
            "outputs": outputs,
            "counts": run.counts,
            "phases": run.phases if spent is None else {**run.phases, "writing": spent()},
        }
        _write_manifest(os.path.join(staging, MANIFEST), manifest)
    return manifest


@dataclass(frozen=True)
class RunFiles:
    """Hold a finished RUN.

    folder    where it is
    manifest  content of run.json
    """

    folder: str
    manifest: dict[str, Any]

    def path(self, name: str) -> str:
        """Give the path of a table's file: clusters, merges or components."""
        return os.path.join(self.folder, f"{name}.parquet")

    def has(self, name: str) -> bool:
        """Say whether the run wrote this table."""
        return f"{name}.parquet" in self.manifest["outputs"]

    def scan(self, name: str) -> str:
        """Give the SQL that a table is selected from, after a look at whether it is as the run wrote it."""
        self._refuse_changed(f"{name}.parquet")
        return f"read_parquet([{quote_text(os.path.abspath(self.path(name)))}], hive_partitioning=false)"

    def read(self, session: Session, name: str) -> Columns:
        """Read a table: object arrays of str for text, else NumPy numbers, in the order of the file."""
        try:
            columns = session.arrays(f"SELECT * FROM {self.scan(name)}")
        except EngineError as error:
            raise InputError(f"{self.path(name)} cannot be read: {first_line(error)}") from None
        return {column: np.ma.getdata(array) for column, array in columns.items()}

    def find_changed(self) -> list[str]:
        """List the files whose content is not what run.json says. Cost: one read of all files."""
        outputs: dict[str, dict[str, Any]] = self.manifest["outputs"]
        changed = []
        for name, facts in outputs.items():
            path = os.path.join(self.folder, name)
            if not os.path.isfile(path) or find_checksum(path) != facts["sha256"]:
                changed.append(name)
        return changed

    def _refuse_changed(self, name: str) -> None:
        """Refuse a file whose content is not what run.json says. Cost: one read of the file."""
        path = os.path.join(self.folder, name)
        if find_checksum(path) != self.manifest["outputs"][name].get("sha256"):
            raise InputError(
                f"{path} is not as the run wrote it: its SHA-256 is not that of {MANIFEST}.",
                hint="Something changed or damaged it since; run again.",
            )


def _is_whole(manifest: dict[str, Any]) -> bool:
    """Say whether a run.json has all its parts, and each table of a RUN in it."""
    kinds = {"settings": dict, "inputs": list, "outputs": dict, "counts": dict, "phases": dict}
    if not all(isinstance(manifest.get(name), kind) for name, kind in kinds.items()):
        return False
    return all(isinstance(manifest["outputs"].get(f"{name}.parquet"), dict) for name in SCHEMAS)


def open_run(folder: str | os.PathLike[str]) -> RunFiles:
    """Open a RUN by its run.json.

    Raises InputError where there is no such folder, no run.json (the run was not finished) or one not of ours.
    """
    folder = os.fspath(folder)
    recover(folder)
    if not os.path.isdir(folder):
        raise InputError(f"There is no RUN {folder!r}.", hint="Check the name and the folder you are in.")
    path = os.path.join(folder, MANIFEST)
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
    except FileNotFoundError:
        raise InputError(
            f"{folder} has no {MANIFEST}: it is not a RUN, or it was not finished.", hint="Run again."
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="The RUN is damaged; run again.") from None
    if not isinstance(manifest, dict):
        manifest = {}
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"{path} is of another version of unsnarl.", hint="Read it with the version that wrote it, or run again."
        )
    if not _is_whole(manifest):
        raise InputError(f"{path} lacks what a {MANIFEST} says.", hint="The RUN is damaged; run again.")
    missing = [name for name in manifest["outputs"] if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise InputError(f"{folder} lacks files that its {MANIFEST} lists.", examples=missing, hint="Run again.")
    return RunFiles(folder, manifest)
