"""Tables batch by batch through the Arrow C stream, with nothing but ctypes: what goes past is never held as a whole.

The layout is that of the Arrow C data interface. Read are texts with 64-bit offsets and numbers; written are texts
with 64-bit offsets, numbers and doubles, without nulls.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


def _function(result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)


_SchemaPointer, _ArrayPointer, _StreamPointer = (ctypes.POINTER(kind) for kind in (_Schema, _Array, _Stream))
_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(_SchemaPointer)),
    ("dictionary", _SchemaPointer),
    ("release", _function(None, _SchemaPointer)),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(_ArrayPointer)),
    ("dictionary", _ArrayPointer),
    ("release", _function(None, _ArrayPointer)),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _function(ctypes.c_int, _StreamPointer, _SchemaPointer)),
    ("get_next", _function(ctypes.c_int, _StreamPointer, _ArrayPointer)),
    ("get_last_error", _function(ctypes.c_void_p, _StreamPointer)),
    ("release", _function(None, _StreamPointer)),
    ("private_data", ctypes.c_void_p),
]
_NAME = b"arrow_array_stream"
_open_capsule: Any = ctypes.pythonapi.PyCapsule_GetPointer
_open_capsule.restype, _open_capsule.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_make_capsule: Any = ctypes.pythonapi.PyCapsule_New
_make_capsule.restype, _make_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def keep_freed_memory() -> None:
    """Ask the C library to use the memory of one step again for the next, instead of giving it back in between.

    Getting it anew costs as much as all the work on a batch, above all on a virtual machine, which must ask its host
    for it. Where the library has no such setting nothing changes.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, 32 << 20)
        tune(_TRIM_THRESHOLD, 256 << 20)


@dataclass(frozen=True)
class Texts:
    """Hold texts as Arrow does: text i is bytes offsets[i] .. offsets[i + 1] - 1.

    words    uint64[...]  the bytes, eight in a word; what is past the last text in its word means nothing
    offsets  int64[k + 1]
    """

    words: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_bytes(self) -> NDArray[np.uint8]:
        """Give the bytes one by one."""
        return self.words.view(np.uint8)[: self.offsets[-1]]


def pack_objects(texts: NDArray[Any]) -> Texts:
    """Pack an object array of str."""
    given = texts.tolist()
    whole = "".join(given)
    joined = whole.encode()
    content = given if whole.isascii() else [text.encode() for text in given]
    offsets = np.zeros(len(content) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, content), dtype=np.int64, count=len(content)), out=offsets[1:])
    return Texts(np.frombuffer(joined + b"\0" * (-len(joined) % 8), dtype=np.uint64), offsets)


@dataclass(frozen=True)
class Numbers:
    """Hold 64-bit whole numbers, some of which may be null.

    values     int64[k]; what stands where a null is means nothing
    valid      address of a bit for each, set where there is no null; None: there is none
    first_bit  the first bit that counts
    """

    values: NDArray[np.int64]
    valid: int | None = None
    first_bit: int = 0

    def __len__(self) -> int:
        return len(self.values)


Column = Texts | Numbers | NDArray[Any]


def as_texts(column: Column) -> Texts:
    """Take a column that is known to hold texts."""
    assert isinstance(column, Texts)
    return column


def _view(address: int | None, n_items: int, kind: Any) -> NDArray[Any]:
    """Show memory as an array, without a copy."""
    if not address or n_items == 0:
        return np.zeros(n_items, dtype=kind)
    n_bytes = n_items * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * n_bytes).from_address(address), dtype=kind)


def _read_column(array: _Array, form: bytes) -> Column:
    """Show one column of a batch."""
    buffers, n_rows, offset = array.buffers, array.length, array.offset
    if form == b"U":
        offsets = _view(buffers[1], n_rows + offset + 1, np.int64)[offset:]
        n_bytes = int(offsets[-1]) if n_rows else 0
        # A word that holds a byte of the buffer lies on the same page as it, so it can be read whole.
        words = _view(buffers[2], (n_bytes + 7) // 8, np.uint64)
        if buffers[2] and buffers[2] % 8:
            words = np.frombuffer(ctypes.string_at(buffers[2], n_bytes).ljust((n_bytes + 7) // 8 * 8), dtype=np.uint64)
        return Texts(words, offsets)
    if form == b"l":
        return Numbers(_view(buffers[1], n_rows + offset, np.int64)[offset:], buffers[0], offset)
    return _view(buffers[1], n_rows + offset, np.int32)[offset:]


class StreamError(Exception):
    """What the owner of a stream says went wrong."""


def _read_forms(stream: Any) -> list[bytes]:
    """Read the types of the columns."""
    schema = _Schema()
    if stream.contents.get_schema(stream, ctypes.byref(schema)):
        raise StreamError(_last_error(stream))
    forms = [schema.children[i].contents.format for i in range(schema.n_children)]
    schema.release(ctypes.byref(schema))
    return forms


def _last_error(stream: Any) -> str:
    message = stream.contents.get_last_error(stream)
    return ctypes.string_at(message).decode("utf-8", "replace") if message else "the stream broke off"


def read_batches(capsule: object) -> Iterator[tuple[list[Column], Callable[[], None]]]:
    """Give the columns of each batch, and a function that frees them: they may not be looked at after it is called.

    capsule  what __arrow_c_stream__ gives; columns of text (64-bit offsets), int32 and int64 only

    Raises StreamError.
    """
    stream = ctypes.cast(_open_capsule(capsule, _NAME), _StreamPointer)
    forms = _read_forms(stream)
    while True:
        array = _Array()
        if stream.contents.get_next(stream, ctypes.byref(array)):
            raise StreamError(_last_error(stream))
        if not array.release:
            return
        columns = [_read_column(array.children[i].contents, form) for i, form in enumerate(forms)]
        yield columns, _make_release(array)


def _make_release(array: _Array) -> Callable[[], None]:
    def release() -> None:
        if array.release:
            array.release(ctypes.byref(array))

    return release


_FAILED = 5
"""What a C function of a stream returns where it fails: EIO."""


def _list_arrays(column: Column) -> list[NDArray[Any]]:
    """List the buffers of a column without nulls."""
    if isinstance(column, Texts):
        return [column.offsets, column.words]
    return [column.values if isinstance(column, Numbers) else column]


class _Writer:
    """Be one stream: hand out batches, and keep each alive until its taker lets it go."""

    def __init__(self, columns: Sequence[tuple[str, str]], batches: Iterator[list[Column]]) -> None:
        self._columns = columns
        self._batches = batches
        self._alive: dict[int, Any] = {}
        self._error = ctypes.create_string_buffer(b"")
        self._free_schema = _function(None, _SchemaPointer)(self._release)
        self._free_array = _function(None, _ArrayPointer)(self._release_array)
        kinds = [field[1] for field in _Stream._fields_]
        self._stream = _Stream(
            kinds[0](self._get_schema),
            kinds[1](self._get_next),
            kinds[2](lambda _: ctypes.addressof(self._error)),
            kinds[3](self._release),
            None,
        )

    def open(self) -> object:
        """Give the capsule of the stream; the writer must live as long as it is read."""
        return _make_capsule(ctypes.addressof(self._stream), _NAME, None)

    def _release(self, pointer: Any) -> None:
        """Mark a stream or a schema as released; their memory goes with the writer."""
        pointer.contents.release = type(pointer.contents.release)()

    def _release_array(self, pointer: Any) -> None:
        key = pointer.contents.private_data
        pointer.contents.release = type(pointer.contents.release)()
        if key:
            self._alive.pop(key, None)

    def _get_schema(self, _: Any, pointer: Any) -> int:
        children = (_SchemaPointer * len(self._columns))()
        kept: list[Any] = [children]
        for i, (name, form) in enumerate(self._columns):
            child = _Schema(form.encode(), name.encode(), None, 0, 0, None, None, self._free_schema, None)
            children[i] = ctypes.pointer(child)
            kept.append(child)
        whole = pointer.contents
        whole.format, whole.name, whole.metadata, whole.flags = b"+s", b"", None, 0
        whole.n_children, whole.children, whole.dictionary = len(self._columns), children, None
        whole.release, whole.private_data = self._free_schema, None
        self._alive[-1 - len(self._alive)] = kept
        return 0

    def _get_next(self, _: Any, pointer: Any) -> int:
        try:
            batch = next(self._batches, None)
            if batch is None:
                pointer.contents.release = type(pointer.contents.release)()
            else:
                self._hand_out(batch, pointer.contents)
        except BaseException as error:  # noqa: BLE001  (nothing may pass through a C caller; it is told, and stops)
            self._error = ctypes.create_string_buffer(f"{type(error).__name__}: {error}".encode())
            return _FAILED
        return 0

    def _hand_out(self, batch: list[Column], whole: _Array) -> None:
        """Describe a batch to its taker."""
        children = (_ArrayPointer * len(batch))()
        kept: list[Any] = [batch, children]
        for i, column in enumerate(batch):
            arrays = _list_arrays(column)
            buffers = (ctypes.c_void_p * (1 + len(arrays)))(None, *(array.ctypes.data for array in arrays))
            n_buffers = 1 + len(arrays)
            child = _Array(len(column), 0, 0, n_buffers, 0, buffers, None, None, self._free_array, None)
            children[i] = ctypes.pointer(child)
            kept += [buffers, child]
        none = (ctypes.c_void_p * 1)(None)
        whole.length, whole.null_count, whole.offset = len(batch[0]), 0, 0
        whole.n_buffers, whole.buffers, whole.dictionary = 1, none, None
        whole.n_children, whole.children = len(batch), children
        # A key that no other batch has, though its struct may stand where one stood before.
        key = max(self._alive, default=0) + 1
        whole.release, whole.private_data = self._free_array, key
        self._alive[key] = [*kept, none]


class Table:
    """Show a table that is made batch by batch to whoever reads Arrow streams; each reader gets it from the start.

    columns  (name, type) each: "U" for Texts, "i" for int32, "l" for int64, "g" for float64
    batches  gives the batches of a fresh reading
    """

    def __init__(self, columns: Sequence[tuple[str, str]], batches: Callable[[], Iterator[list[Column]]]) -> None:
        self._columns = columns
        self._batches = batches
        self._writers: list[_Writer] = []

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give a capsule, as the Arrow PyCapsule interface asks for."""
        self._writers.append(_Writer(self._columns, self._batches()))
        return self._writers[-1].open()
