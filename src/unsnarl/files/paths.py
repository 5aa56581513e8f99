"""From what the user typed to a list of files that exist: paths, globs, folders of parts."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from unsnarl.errors import InputError
from unsnarl.files.databases import HDF5_ENDINGS, split_table

PARQUET_ENDINGS = (".parquet", ".pq", ".parq")
DELIMITED_ENDINGS = (".csv", ".tsv", ".txt", ".psv", ".tab")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
ARROW_ENDINGS = (".arrow", ".ipc", ".feather", ".arrows")
DATABASE_ENDINGS = (".duckdb", ".ddb", ".sqlite", ".sqlite3", ".db", *HDF5_ENDINGS)
COMPRESSED = (".gz", ".zst")


def find_format(path: str) -> str | None:
    """Tell the format from a file's name: parquet, delimited, json, arrow or database; None if the name does not say.

    >>> find_format("pairs.CSV.gz"), find_format("part-0.snappy.parquet"), find_format("README")
    ('delimited', 'parquet', None)
    """
    name = path.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    formats = {
        "parquet": PARQUET_ENDINGS,
        "delimited": DELIMITED_ENDINGS,
        "json": JSON_ENDINGS,
        "arrow": ARROW_ENDINGS,
        "database": DATABASE_ENDINGS,
    }
    return next((form for form, endings in formats.items() if name.endswith(endings)), None)


def _list_folder(folder: str, role: str) -> list[str]:
    """List the data files of a folder and its subfolders; names in . or _ are other tools' bookkeeping."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        found += [os.path.join(where, name) for name in names if not name.startswith((".", "_")) and find_format(name)]
    if not found:
        raise InputError(
            f"{role}: the folder {folder} has no data file in it.",
            hint="Data files end in .parquet, .csv, .tsv, .txt, .jsonl or .arrow (the texts also with .gz or .zst).",
        )
    formats = {find_format(path): path for path in sorted(found)}
    if len(formats) > 1:
        raise InputError(
            f"{role}: the folder {folder} has files of {len(formats)} formats.",
            examples=list(formats.values()),
            hint="Name the files you mean, or use a pattern such as 'folder/*.parquet'.",
        )
    return sorted(found)


def _is_utf8(path: str) -> bool:
    """Say whether a name can be told to the engine, which knows UTF-8 only."""
    try:
        os.path.abspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _expand(path: str, role: str) -> list[str]:
    """Expand one path, glob or folder to files, sorted by name."""
    if os.path.isdir(path):
        return _list_folder(path, role)
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(
            f"{role}: {path} is a pipe or a device, not a file.",
            hint="Files are read more than once: write the rows to a file, and give that.",
        )
    if os.path.exists(path):
        return [path]
    file, table = split_table(path)
    if table is not None and os.path.isfile(file):
        return [path]
    if glob.has_magic(path):
        found = sorted(name for name in glob.glob(path, recursive=True) if os.path.isfile(name))
        if not found:
            raise InputError(f"{role}: no file matches {path!r}.", hint="Check the pattern and the folder you are in.")
        return found
    raise InputError(f"{role}: there is no file {path!r}.", hint="Check the name and the folder you are in.")


def _refuse_repeats(files: list[str], role: str) -> None:
    """Refuse a file that is named twice, under the same or another name: its pairs would count twice."""
    seen: dict[tuple[int, int, str | None], str] = {}
    repeats = []
    for path in files:
        file, table = split_table(path)
        status = os.stat(file)
        identity = (status.st_dev, status.st_ino, table)
        if identity in seen:
            repeats.append(path if path == seen[identity] else f"{path} is {seen[identity]}")
        seen.setdefault(identity, path)
    if repeats:
        raise InputError(
            f"{role}: {len(repeats)} {'file is' if len(repeats) == 1 else 'files are'} named more than once.",
            examples=repeats,
            hint="Name each file once; a pattern or a folder may already contain it.",
        )


def find_files(given: Sequence[str | os.PathLike[str]], role: str) -> list[str]:
    """Expand paths, globs and folders to the files to read.

    Each item: a file, a folder of parts (read with its subfolders) or a pattern with * ? [ ].
    Raises InputError: no such file, no match, nothing in the folder, a file named twice.
    """
    files = [path for item in given for path in _expand(os.fspath(item), role)]
    if not files:
        raise InputError(f"{role}: no file is named.")
    unspeakable = [path for path in files if not _is_utf8(path)]
    if unspeakable:
        raise InputError(
            f"{role}: a file or folder has a name that is not UTF-8.",
            examples=[repr(path) for path in unspeakable],
            hint="Rename it; where the name looks right, set the locale to one of UTF-8, as LC_ALL=C.UTF-8.",
        )
    _refuse_repeats(files, role)
    return files
