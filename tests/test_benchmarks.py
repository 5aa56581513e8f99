"""The benchmarks run, and their graphs are what their names say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unsnarl.model import Pairs

REPOSITORY = Path(__file__).resolve().parents[1]
GENERATORS = runpy.run_path(str(REPOSITORY / "benchmarks" / "generators.py"))


def n_components(pairs: Pairs) -> int:
    """Count components at 0.5."""
    sparse = pytest.importorskip("scipy.sparse")
    strong = pairs.score >= 500_000_000
    ends = (pairs.left[strong], pairs.right[strong])
    matrix = sparse.coo_matrix((np.ones(len(ends[0]), dtype=bool), ends), shape=(pairs.n_records,) * 2)
    return int(sparse.csgraph.connected_components(matrix, directed=False)[0])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", GENERATORS["SHAPES"])
def test_shapes_are_canonical_and_connected(shape: str, tied: bool) -> None:
    pairs = Pairs(*GENERATORS["SHAPES"][shape](5000, tied))
    pairs.check()
    assert n_components(pairs) == 1
    assert (len(np.unique(pairs.score)) == 1) == tied


def test_black_hole() -> None:
    pairs = Pairs(*GENERATORS["black_hole"]())
    pairs.check()
    assert pairs.n_records == 12_477
    assert 340_000 < len(pairs) < 360_000
    assert n_components(pairs) == 1


def test_the_same_seed_gives_the_same_graph() -> None:
    for name, arguments in (("million", {"n_records": 3000}), ("complete", {"n_records": 50}), ("black_hole", {})):
        first, second = GENERATORS[name](**arguments), GENERATORS[name](**arguments)
        assert first.score.tobytes() == second.score.tobytes()
        assert first.left.tobytes() == second.left.tobytes()


@pytest.mark.slow
def test_quick_run() -> None:
    search = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "complete", "--only", "decided", "--quick"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout
    assert "| unsnarl, 1 thread |" in done.stdout
    # Fed the truth, F1 rises to 1.
    assert "| 1.00000 |" in done.stdout
