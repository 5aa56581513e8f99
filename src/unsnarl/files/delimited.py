"""CSV and its cousins: the separator and the header are read here, every column as text.

DuckDB's own detection looks at a sample and may change its mind with the data; here the header line alone
decides, and the answer is the same for the first part and the last.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable
from typing import IO, Any

from unsnarl.errors import InputError, UsageError
from unsnarl.files.parts import UNTYPED, Column, Part, Scan, first_line, show
from unsnarl.files.session import EngineError, Session, quote_text

SEPARATORS = (",", "\t", ";", "|")
MAX_LINE_BYTES = 16_000_000
_HEAD_BYTES = 1 << 16
_NAMED_SEPARATORS = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


def open_bytes(path: str) -> IO[bytes]:
    """Open a file for reading, unpacking .gz."""
    unpack: Callable[[str, str], Any] = gzip.open if path.lower().endswith(".gz") else open
    opened: IO[bytes] = unpack(path, "rb")
    return opened


def say_compression(path: str) -> str:
    """Give the SQL option for a file's compression; the engine's own guess goes by the name too."""
    compressions = {".gz": "gzip", ".zst": "zstd"}
    kind = compressions.get(os.path.splitext(path.lower())[1])
    return f", compression='{kind}'" if kind else ""


def read_beginning(session: Session, path: str, n_bytes: int) -> bytes:
    """Read the first bytes of a file, unpacked. Python has no reader of .zst yet, so the engine unpacks these."""
    if not path.lower().endswith(".zst"):
        with open_bytes(path) as file:
            return file.read(n_bytes)
    lines = Scan(
        "read_csv",
        (os.path.abspath(path),),
        ", auto_detect=false, header=false, columns={'line': 'VARCHAR'}, delim='\x01', quote='', escape='', "
        f"max_line_size={MAX_LINE_BYTES}, buffer_size={2 * MAX_LINE_BYTES}, compression='zstd', strict_mode=false",
    )
    try:
        rows = session.rows(f"SELECT line FROM {lines.table()} LIMIT 100")
    except EngineError as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from None
    return "\n".join(line or "" for (line,) in rows).encode()[:n_bytes]


def guess_lines(path: str) -> int:
    """Say about how many lines a file has, by those it begins with; 0 for one that is compressed.

    A file that is a pipe, or gone, has none.
    """
    if say_compression(path) or not os.path.isfile(path):
        return 0
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
        return head.count(b"\n") * os.fstat(file.fileno()).st_size // max(1, len(head))


def parse_separator(sep: str | None) -> str | None:
    """Read the setting `sep`: one character, or a word for it.

    >>> parse_separator("tab")
    '\\t'
    """
    if sep is None:
        return None
    sep = _NAMED_SEPARATORS.get(sep.lower(), sep)
    if len(sep) != 1 or sep in '"\r\n':
        raise UsageError(f"sep is {sep!r}; it must be one character, such as , ; | or tab.")
    return sep


def _split_header(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _refuse_what_is_no_text(head: bytes, name: str) -> None:
    """Refuse a file whose first bytes say that it is of another kind."""
    if head.startswith(b"\x1f\x8b"):
        raise InputError(f"{name} is compressed (gzip).", hint="Rename it to end in .gz.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:4] or head[:64].count(b"\0") > 16:
        raise InputError(f"{name} is UTF-16 or UTF-32 text.", hint="Save it as UTF-8.")
    if head.startswith(b"PK\x03\x04"):
        raise InputError(f"{name} is an Excel or ZIP file, not text.", hint="Save the sheet as CSV (UTF-8) or Parquet.")
    if head.startswith(b"PAR1"):
        raise InputError(f"{name} is a Parquet file by its content.", hint="Rename it to end in .parquet.")


def _read_header_text(session: Session, path: str) -> str:
    """Read the first record of the file: a line, or more where a quoted name holds a line break."""
    try:
        head = read_beginning(session, path, 1 << 20)
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    _refuse_what_is_no_text(head, path)
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not head.strip():
        raise InputError(f"{path} is empty.", hint="A file without rows still needs a header line.")
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < (1 << 20) else "ignore")
    except UnicodeDecodeError:
        text = head.decode("utf-8", errors="replace")
    lines = io.StringIO(text, newline="")
    header = ""
    for line in lines:
        header += line
        if header.count('"') % 2 == 0:
            break
    return header.rstrip("\r\n")


def find_separator(header: str) -> str:
    """Find the separator of a header line: the one of , tab ; | that makes the most columns; ties go in that order.

    >>> find_separator('"a,b";c;d')
    ';'
    """
    return max(SEPARATORS, key=lambda separator: len(_split_header(header, separator)))


def _explain(part_name: str, scan: Scan, session: Session, error: Exception) -> InputError:
    """List the rows that do not parse: DuckDB reads the file again and keeps what it rejects."""
    table = session.make_name("rejects")
    options = f"{scan.options}, store_rejects=true, rejects_table={quote_text(table)}"
    options += f", rejects_scan={quote_text(table + '_scan')}"
    hint = "Rows need as many fields as the header; a field with the separator, a quote or a line break needs quotes."
    try:
        session.rows(f"SELECT count(COLUMNS(*)) FROM {Scan(scan.function, scan.paths, options).table()}")
        n_bad = session.value(f"SELECT count(DISTINCT line) FROM {table}")
        rows = session.rows(
            f"SELECT line, min(error_message), min(csv_line) FROM {table} GROUP BY line ORDER BY line LIMIT 5"
        )
    except EngineError:
        n_bad, rows = 0, []
    if not rows:
        if "state machine" in str(error):
            hint = "Line endings may be mixed (some \\r\\n, some \\n), or a quote stands inside an unquoted field."
        return InputError(f"{part_name} cannot be read: {first_line(error)}", hint=hint)
    examples = [
        f"{part_name}, row {line - 1}: {first_line(ValueError(message))} {show((text or '').strip())}"
        for line, message, text in rows
    ]
    if any("utf-8" in message for _, message, _ in rows):
        hint = "Save the file as UTF-8."
    return InputError(
        f"{n_bad} {'row' if n_bad == 1 else 'rows'} of {part_name} cannot be read.", examples=examples, hint=hint
    )


def open_delimited(session: Session, path: str, sep: str | None) -> Part:
    """Describe one CSV file; its rows are not read yet.

    path  file, .gz and .zst unpacked
    sep   separator, or None to find it out from the header

    Raises InputError for a file that is empty, not text or not readable.
    """
    header = _read_header_text(session, path)
    separator = parse_separator(sep) or find_separator(header)
    names = _split_header(header, separator)
    columns: dict[str, Column] = {}
    for position, column_name in enumerate(names):
        # A name that occurs twice must not be read by it: the second becomes `name (column 3)`.
        key = column_name if column_name not in columns else f"{column_name} (column {position + 1})"
        columns[key] = Column(f"c{position}", UNTYPED)
    types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(names)))
    options = (
        f", auto_detect=false, header=true, columns={{{types}}}, delim={quote_text(separator)}, quote='\"', escape='\"'"
        f", max_line_size={MAX_LINE_BYTES}, buffer_size={2 * MAX_LINE_BYTES}, hive_partitioning=false"
    )
    options += say_compression(path)
    scan = Scan("read_csv", (os.path.abspath(path),), options)
    shown = {"\t": "tab", " ": "space"}.get(separator, repr(separator))
    note = f"read with the separator {shown}; the header is {show(header)}"

    def explain(session: Session, error: Exception) -> InputError:
        return _explain(path, scan, session, error)

    return Part(path, columns, scan.table(), scan, note, explain)
