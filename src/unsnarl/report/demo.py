"""The demonstration: where the real data is, and what is shown of the run over it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsnarl.errors import InputError
from unsnarl.evaluation.metrics import Evaluation
from unsnarl.report.summary import Summary, count_of, format_figures, format_summary, summary_as_dict

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Example:
    """Name the files of one real set."""

    pairs: str
    records: str
    truth: str


@dataclass(frozen=True)
class Demo:
    """Hold what the demonstration shows.

    lines    for a terminal
    numbers  the same for JSON
    """

    lines: list[str]
    numbers: dict[str, Any]


def find_example(name: str) -> Example:
    """Find the files of a real set: beside an installed package, or in the project's own folder.

    Raises InputError where the program was installed without them.
    """
    for folder in (_PACKAGE / "examples" / name, _PACKAGE.parents[1] / "examples" / name):
        if (folder / "pairs.parquet").is_file():
            files = (folder / file for file in ("pairs.parquet", "records.csv", "truth.csv"))
            return Example(*(str(file) for file in files))
    raise InputError(
        f"The example {name} is not installed.", hint="Install the program anew, or run it in the project's folder."
    )


def is_demo(folder: str | os.PathLike[str]) -> bool:
    """Say whether a folder holds the RUN of an earlier demonstration, which may be replaced."""
    try:
        inputs = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))["inputs"]
        return Path(inputs[0]["file"]).parts[-3:] == ("examples", "historical50k", "pairs.parquet")
    except (OSError, ValueError, LookupError, TypeError):
        return False


def describe_demo(summary: Summary, before: Evaluation, after: Evaluation, folder: str | os.PathLike[str]) -> Demo:
    """Lay out the demonstration.

    before  components alone, compared with the truth
    after   the clusters, compared with the truth
    """
    black_hole = count_of(summary.components.largest, "record")
    next_steps = {
        f"unsnarl cut {folder} --at 0.4": "stricter clusters, without linking anew",
        f"unsnarl evaluate {folder} --truth FILE": "figures against a truth",
        "unsnarl check PAIRS": "look your own pairs over",
        "unsnarl cluster PAIRS --records FILE --out RUN": "cluster them",
    }.items()
    width = max(len(command) for command, _ in next_steps)
    lines = [
        *format_summary(summary),
        "",
        f"Connected components alone tie {black_hole} into one black hole. Compared with the truth:",
        "",
        *format_figures({"components alone": before, "unsnarl": after}),
        "",
        f"The clusters are in {Path(folder) / 'clusters.parquet'}. What next:",
        "",
        *(f"  {command:{width}}  {meaning}" for command, meaning in next_steps),
    ]
    numbers = {**summary_as_dict(summary), "components_alone": before.as_dict(), "unsnarl": after.as_dict()}
    return Demo(lines, numbers)
