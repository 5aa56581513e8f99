"""The demonstration finds its data, and replaces nothing but an earlier demonstration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unsnarl.errors import InputError
from unsnarl.report import demo


@pytest.mark.parametrize("name", ["historical50k", "cora"])
def test_examples_are_found(name: str) -> None:
    example = demo.find_example(name)
    assert all(Path(path).is_file() for path in (example.pairs, example.records, example.truth))


def test_a_missing_example_is_said() -> None:
    with pytest.raises(InputError, match="not installed"):
        demo.find_example("nothing")


@pytest.mark.parametrize(
    ("content", "is_demo"),
    [
        ({"inputs": [{"file": "/somewhere/examples/historical50k/pairs.parquet"}]}, True),
        ({"inputs": [{"file": "/somewhere/mine/pairs.parquet"}]}, False),
        ({"inputs": [{"frame": "pandas"}]}, False),
        ({"inputs": []}, False),
        ([], False),
    ],
)
def test_only_a_demo_is_a_demo(tmp_path: Path, content: object, is_demo: bool) -> None:
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert demo.is_demo(tmp_path) == is_demo


def test_no_run_is_no_demo(tmp_path: Path) -> None:
    assert not demo.is_demo(tmp_path)
    (tmp_path / "run.json").write_text("{")
    assert not demo.is_demo(tmp_path)
