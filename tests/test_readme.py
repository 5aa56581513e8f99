"""What README.md shows works: its commands are run, its Python is run and its answers compared.

A block ```sh is run line by line where the line starts with the program's name; ```sh not-run is left alone.
Blocks ```python and ```pycon are one session from top to bottom: those with prompts are doctests, others are run.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```\s*$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(unsnarl\b.*)$")

pytestmark = pytest.mark.slow


def blocks(*languages: str) -> list[str]:
    """List the text of the fenced blocks whose info string is exactly one of `languages`, in order."""
    if not README.exists():
        return []
    return [text for _, info, text in BLOCK.findall(README.read_text(encoding="utf-8")) if info.strip() in languages]


def commands() -> list[str]:
    """List the calls of the program in ```sh blocks, lines that end in a backslash joined, in order."""
    joined = "\n".join(blocks("sh")).replace("\\\n", " ")
    return [match.group(1) for match in map(PROGRAM.match, map(str.strip, joined.splitlines())) if match]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder with a copy of the examples the current one."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_exists_and_names_its_commands() -> None:
    text = README.read_text(encoding="utf-8")
    assert "make demo" in text and "make test" in text
    assert commands(), "no command of the program in a ```sh block"


def test_every_command_of_the_readme_runs(workplace: Path) -> None:
    # The commands build on each other (a run made by one is read by the next), so they are one test.
    programs = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": programs + os.pathsep + os.environ.get("PATH", ""), "COLUMNS": "100"}
    for command in commands():
        done = subprocess.run(
            command, shell=True, cwd=workplace, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def test_every_answer_in_the_readme_is_given(workplace: Path) -> None:
    names: dict[str, object] = {}
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for number, text in enumerate(blocks("python", "pycon")):
        if ">>>" in text:
            example = doctest.DocTestParser().get_doctest(text, names, f"block {number}", str(README), 0)
            runner.run(example, out=output.append, clear_globs=False)
            names.update(example.globs)
        else:
            exec(compile(text, f"README.md, block {number}", "exec"), names)
    assert runner.failures == 0, "".join(output)
