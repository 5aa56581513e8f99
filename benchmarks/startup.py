"""Time the command line as a user meets it: the help, the first run ever, the second run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parent.parent / "examples" / "historical50k"


def _seconds(arguments: list[str], cache: str) -> float:
    """Run the command line once, compiled kernels kept in `cache`, and return the wall time."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "unsnarl", *arguments],
        check=True,
        env={**os.environ, "UNSNARL_CACHE_DIR": cache},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def _loads_compiler() -> bool:
    """Say whether asking for help loads numba."""
    command = [sys.executable, "-X", "importtime", "-m", "unsnarl", "--help"]
    return "numba" in subprocess.run(command, capture_output=True, text=True, check=True).stderr


def run(repeats: int) -> dict[str, Any]:
    """Return wall times in seconds, medians of `repeats`: help, second run; and of the first run, which compiles."""
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as out:
        help_seconds = statistics.median(_seconds(["--help"], cache) for _ in range(repeats))
        records, pairs = (next(EXAMPLE.glob(f"{name}.*")) for name in ("records", "pairs"))
        command = ["cluster", str(pairs), "--records", str(records), "--force", "--out", str(Path(out) / "run")]
        first = _seconds(command, cache)
        second = statistics.median(_seconds(command, cache) for _ in range(repeats))
    return {"help": help_seconds, "first": first, "second": second, "help_loads_numba": _loads_compiler()}
