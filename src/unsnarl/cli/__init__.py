"""The command line: parse, one request to the api, write, and a few lines of report."""

import os
import sys

from unsnarl.cli.early import answer_signals_early

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    answer_signals_early()
    # Kernels run no slower so (docs/benchmarks.md), and the first run on a machine compiles a fifth faster.
    os.environ.setdefault("NUMBA_OPT", "1")
    # NumPy is used for no algebra: its threads for it would only wait, and take turns at that.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The compiler looks for SciPy's algebra where SciPy is installed, which takes a while, and has no use for it here.
    sys.modules.setdefault("scipy.linalg", None)  # type: ignore[arg-type]
    from unsnarl.cli.commands import main as run_commands

    run_commands()
