"""The house rules, as far as a machine can check them; imports between rooms are `lint-imports`' business.

A rule that pinches for a good reason has its exceptions here, each with the reason. Mend the code before the list.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "unsnarl"
KERNELS = PACKAGE / "kernels"
REFERENCE = ROOT / "tests" / "reference"

FORBIDDEN_NAMES = {"utils", "util", "misc", "helpers", "helper", "common", "base", "core", "manager", "handler"}
MODULE_LINES, FUNCTION_LINES, KERNEL_LINES, ARGUMENTS, KERNEL_ARGUMENTS = 400, 40, 60, 5, 8

LONG_FUNCTIONS: dict[str, str] = {}
"""`file::function`: why its body may be longer than the rule."""

MANY_ARGUMENTS: dict[str, str] = {
    "api.py::cluster": "three inputs, two runs to go on from, and who is told; callers name all but two",
    "api.py::bhc": "three inputs, a run to go on from, and who is told; callers name all but one",
}
"""`file::function`: why it may take more arguments than the rule."""

LATE_IMPORTS = {
    "api.py": "the switchboard: naming a request loads nothing",
    "cli/__init__.py": "Ctrl-C is answered before the first long import",
    "cli/progress.py": "rich costs more than the whole of --help, and is needed only where a bar is drawn",
}
"""Files that may import inside functions, and why."""

DOORS = {
    "click": ("cli",),
    "rich": ("cli",),
    "duckdb": ("files",),
    "numba": ("kernels/jit.py",),
}
"""Outside packages with one door each."""

TWINS = {
    "absorb": "agglomerate",
    "adjacency": "agglomerate",
    "arrays": "agglomerate",
    "best_match": "agglomerate",
    "fractions": "agglomerate",
    "graph": "agglomerate",
    "heights": "agglomerate",
    "hub_blocks": "agglomerate",
    "hub_order": "agglomerate",
    "hubs": "agglomerate",
    "interleave": "agglomerate",
    "linkages": "agglomerate",
    "queue": "agglomerate",
    "quotient": "agglomerate",
    "rows": "agglomerate",
    "small": "agglomerate",
    **dict.fromkeys(
        (f"bhc/{name}" for name in "agglomerate bounds fixed_point odds postings rolls room scan state table".split()),
        "bhc",
    ),
    "decision_lines": "decision_lines",
    "digests": "lineage",
    "texts": "interning",
    "columns": "interning",
    "pages": "interning",
    "partitions": "interning",
    "canonical_pairs": "graphs",
    "connected_components": "graphs",
    "split": "graphs",
    "union_find": "graphs",
}
"""Kernel module -> the module of tests/reference that says, slowly, what it must give."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
    )


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def short_name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imported(node: ast.AST) -> list[str]:
    """Name the top packages an import statement brings in; relative imports stay inside."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [str(node.module).split(".")[0]]
    return []


def body_lines(function: Function) -> int:
    """Count the lines of a body after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def n_arguments(function: Function) -> int:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def is_command(function: Function) -> bool:
    """Say whether click calls it: its arguments are options of a command, given by name."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


SOURCES = python_files("src/unsnarl")
every_source = pytest.mark.parametrize("path", SOURCES, ids=short_name)


@every_source
def test_a_module_is_one_thing_with_a_name_and_a_page(path: Path) -> None:
    assert not FORBIDDEN_NAMES & set(short_name(path).removesuffix(".py").split("/"))
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert n_lines <= MODULE_LINES, f"{short_name(path)} has {n_lines} lines"


@every_source
def test_functions_are_short_and_take_few_arguments(path: Path) -> None:
    in_kernels = path.is_relative_to(KERNELS)
    most_lines = KERNEL_LINES if in_kernels else FUNCTION_LINES
    most_arguments = KERNEL_ARGUMENTS if in_kernels else ARGUMENTS
    breaks = []
    for function in functions(parse(path)):
        name = f"{short_name(path)}::{function.name}"
        if body_lines(function) > most_lines and name not in LONG_FUNCTIONS:
            breaks.append(f"{name}: {body_lines(function)} lines")
        if n_arguments(function) > most_arguments and name not in MANY_ARGUMENTS and not is_command(function):
            breaks.append(f"{name}: {n_arguments(function)} arguments")
    assert not breaks


def test_exceptions_are_still_needed() -> None:
    names = {f"{short_name(path)}::{function.name}" for path in SOURCES for function in functions(parse(path))}
    assert set(LONG_FUNCTIONS) | set(MANY_ARGUMENTS) <= names
    assert set(LATE_IMPORTS) <= {short_name(path) for path in SOURCES}


@every_source
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = parse(path)
    missing = [] if ast.get_docstring(tree) or path.name == "__init__.py" else ["the module"]
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body):
        named = isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            missing.append(node.name)
    assert not missing


@every_source
def test_imports_stand_at_the_top(path: Path) -> None:
    if short_name(path) in LATE_IMPORTS:
        return
    late = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for function in functions(parse(path))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not late


@every_source
def test_outside_packages_have_one_door(path: Path) -> None:
    for node in ast.walk(parse(path)):
        for package in imported(node):
            doors = [PACKAGE / door for door in DOORS.get(package, ())]
            assert not doors or any(path.is_relative_to(door) for door in doors), f"{package} in {short_name(path)}"


def test_every_kernel_has_a_twin() -> None:
    paths = [path.relative_to(KERNELS).with_suffix("").as_posix() for path in KERNELS.rglob("*.py")]
    kernels = {path for path in paths if not path.endswith("__init__")} - {"jit"}
    assert kernels == set(TWINS), "a new kernel needs a slow twin under tests/reference, named in TWINS"
    for twin in set(TWINS.values()):
        assert (REFERENCE / f"{twin}.py").is_file()


def decorated(tree: ast.AST, decorator: str) -> set[str]:
    """Give the names of the functions with a decorator."""
    return {
        function.name
        for function in functions(tree)
        if any(isinstance(mark, ast.Name) and mark.id == decorator for mark in function.decorator_list)
    }


def test_inner_kernels_are_called_by_kernels_only() -> None:
    inner = {path: decorated(parse(path), "inner") for path in KERNELS.rglob("*.py")}
    for path in [*SOURCES, *python_files("tests"), *python_files("benchmarks")]:
        tree = parse(path)
        called = set()
        if path in inner:
            plain = [one for one in functions(tree) if one.name not in inner[path] | decorated(tree, "kernel")]
            called = {node.id for one in plain for node in ast.walk(one) if isinstance(node, ast.Name)} & inner[path]
        elif not path.is_relative_to(KERNELS):
            for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
                kernels = inner.get((PACKAGE.parent / (node.module or "").replace(".", "/")).with_suffix(".py"), set())
                called |= {alias.name for alias in node.names} & kernels
        assert not called, f"{path.name}: {called}: an inner kernel has no way in from Python (kernels/jit.py)"


def test_twins_know_nothing_of_the_package() -> None:
    for path in python_files("tests/reference"):
        packages = {package for node in ast.walk(parse(path)) for package in imported(node)}
        assert not packages & {"unsnarl", "numba", "numpy", "scipy"}, path.name


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Give name and text of every file of the project that is text, wherever git can say which files those are."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix not in (".parquet", ".csv", ".png") and path != Path(__file__):
            yield name, path.read_text(encoding="utf-8")


REGISTRY = re.compile(
    r"pypi\.org|pythonhosted|--(extra-)?index-url\s|--find-links\s|registry\.npmjs|conda\.anaconda", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w.<{/])/(home|Users|root|work)/\w")


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if REGISTRY.search(line) or MACHINE_PATH.search(line)
    ]
    assert not found


def test_the_lock_file_pins_and_names_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][\w.!+]*( ; [\w\s.<>='!()]+)?")
    assert lines and not [line for line in lines if not pin.fullmatch(line)]
