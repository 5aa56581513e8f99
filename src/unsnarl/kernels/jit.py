"""The one door to the compiler: cache, GIL and floating point are decided here.

Kernels are compiled on first use and kept in a folder of the user's; where no such folder can be written (a read-only
install without a home), they are compiled anew in each process, and nothing fails.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., object])

# Neither the option that turns reference counting off nor the configuration is in the compiler's type hints.
_compile: Any = numba.njit
_intrinsic: Any = intrinsic
_declare: Any = cgutils.get_or_insert_function
_compiler_config: Any = config


def _is_writable(folder: Path) -> bool:
    """Say whether a file can be made in `folder`, making the folder if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _digest_sources() -> str:
    """Return a short digest of all kernel sources.

    The compiler checks only the file of the function it is asked for: an edit of a callee, or another version of the
    package,
    would be met by stale code. A folder for each state of the sources cannot be stale.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _find_cache_folder() -> Path | None:
    """Name the folder for compiled kernels, or None where there is none to write in."""
    named = os.environ.get("UNSNARL_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(named):
        return None
    folder = Path(named) / "unsnarl" / f"kernels-{_digest_sources()}"
    return folder if _is_writable(folder) else None


_cache_folder = _find_cache_folder()


def needs_compiling(name: str) -> bool:
    """Say whether a kernel, as module.function, is yet to be compiled into the folder, where there is one."""
    return _cache_folder is not None and not any(_cache_folder.rglob(f"{name}-*.nbi"))


def _compile_kernel(function: Function, is_entry: bool) -> Function:
    # The compiler reads its folder when it decorates; a host program's own setting is put back at once.
    before = _compiler_config.CACHE_DIR
    try:
        if _cache_folder is not None:
            _compiler_config.CACHE_DIR = str(_cache_folder)
        compiled: Function = _compile(
            nogil=True,
            fastmath=False,
            error_model="numpy",
            _nrt=False,
            no_cfunc_wrapper=True,
            no_cpython_wrapper=not is_entry,
            cache=_cache_folder is not None,
        )(function)
    finally:
        _compiler_config.CACHE_DIR = before
    return compiled


def kernel(function: Function) -> Function:
    """Compile a function of arrays: no GIL, no fast-math, kept on disk where that can be had.

    Kernels allocate nothing, so their arrays are not reference-counted either: on a call that passes twenty arrays
    and merges two
    clusters, the counting alone took four times as long as the merge.
    """
    return _compile_kernel(function, is_entry=True)


def inner(function: Function) -> Function:
    """Compile a kernel that only kernels call.

    There is no way in from Python, and a call from there ends the process: what it would need to unpack its arguments
    takes as long to compile as a third of all kernels.
    """
    return _compile_kernel(function, is_entry=False)


def _name_byte(context: Any, builder: Any, array_type: Any, arguments: Any, item_bytes: int) -> Any:
    """Give the address that stands so many items of some bytes after the first byte of an array."""
    array = context.make_array(array_type)(context, builder, arguments[0])
    first = builder.bitcast(array.data, ir.IntType(8).as_pointer())
    return builder.gep(first, [builder.mul(arguments[1], arguments[1].type(item_bytes))])


def _compile_word_at(_: Any, words: Any, at: Any) -> Any:
    """Return the word of the eight bytes from byte `at` of an array of words, wherever they begin."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = _name_byte(context, builder, signature.args[0], arguments, 1)
        return builder.load(builder.bitcast(byte, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(words, at), generate


def _compile_prefetch(_: Any, words: Any, place: Any) -> Any:
    """Ask for a word of an array to be brought near; nothing waits for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = _name_byte(context, builder, signature.args[0], arguments, 8)
        number = ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [byte.type, number, number, number])
        ask = _declare(builder.module, form, "llvm.prefetch.p0")
        builder.call(ask, [byte, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(words, place), generate


def _read_word_at(words: Any, at: Any) -> Any:
    """Do what `word_at` does, without the compiler."""
    return words.view(np.uint8)[int(at) : int(at) + 8].view(np.uint64)[0]


def _ignore(words: Any, place: Any) -> None:
    """Do what `prefetch` does, without the compiler."""


word_at: Any = _read_word_at if _compiler_config.DISABLE_JIT else _intrinsic(_compile_word_at)
prefetch: Any = _ignore if _compiler_config.DISABLE_JIT else _intrinsic(_compile_prefetch)
