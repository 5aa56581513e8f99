"""Write the pages that follow from the program: `python docs/make_reference.py`.

commands.md  every command with its arguments and options, exit codes
settings.md  every setting

tests/test_docs.py fails where a page is not what this writes.
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import click

from unsnarl import errors
from unsnarl.cli.commands import commands
from unsnarl.settings import Settings
from unsnarl.term_settings import TermSettings

DOCS = Path(__file__).resolve().parent
WRITTEN_BY = "<!-- Written by docs/make_reference.py: change the program, then `make docs`. -->"

COMMANDS_INTRO = """\
Data goes to standard output, progress and summary to standard error; progress is drawn on a terminal only.
With `--json` one object is printed to standard output: `ok`, `schema`, and what the command found, or `error` with
`code`, `exit_code`, `problem`, `examples` and `hint`.

`UNSNARL_DEBUG=1` shows where an error came from. `UNSNARL_CACHE_DIR` names the folder for compiled kernels (default:
`unsnarl` in the user's cache folder)."""

SETTINGS_INTRO = """\
One list for the command line and for Python: `unsnarl cluster --cut 0.4` is `unsnarl.cluster(pairs, cut=0.4)`.
`check` takes the same. A value out of range is a `UsageError`. The settings of a run are kept in its `run.json`."""


TERM_SETTINGS_INTRO = """\
For `unsnarl bhc` and `unsnarl.bhc`. [methods/bhc.md](methods/bhc.md) says what they mean for the answer."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def error_classes() -> list[type[errors.UnsnarlError]]:
    """List the classes of errors a user can meet, by exit code."""
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.UnsnarlError)]
    return sorted(found, key=lambda kind: kind.exit_code)


def _first_sentence(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def write_exit_codes() -> str:
    """Write the table of exit codes."""
    rows = [["0", "", "", "done"]]
    for kind in error_classes():
        meaning = "an error of ours: please report it" if kind is errors.UnsnarlError else _first_sentence(kind)
        rows.append([str(kind.exit_code), f"`{kind.code}`", f"`{kind.__name__}`", meaning])
    rows.append(["130", "", "", "interrupted with Ctrl-C: at once, and nothing half-written is left"])
    rows.append(["128 + n", "", "", "stopped by signal n, as 143 by SIGTERM: the same"])
    return table(["exit code", "`code` in `--json`", "in Python", "meaning"], rows)


def _describe_kind(option: click.Option) -> str:
    """Say what a value of an option looks like."""
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    return {"float": "number", "integer": "whole number"}.get(option.type.name, option.metavar or "text")


def _describe_default(option: click.Option) -> str:
    if option.required:
        return "must be given"
    # click has a value of its own for "not given"; what the command line shows is what counts.
    shown = isinstance(option.default, (str, int, float)) and not isinstance(option.default, bool)
    return f"`{option.default}`" if shown else ""


def write_command(name: str, command: click.Command) -> str:
    """Write the section of one command."""
    arguments = [item for item in command.params if isinstance(item, click.Argument)]
    options = [item for item in command.params if isinstance(item, click.Option)]
    shown = [f"{item.metavar or str(item.name).upper()}{'...' if item.nargs == -1 else ''}" for item in arguments]
    rows = [[f"`{item.opts[-1]}`", _describe_kind(item), _describe_default(item), item.help or ""] for item in options]
    usage = " ".join(["unsnarl", name, *shown, "[OPTIONS]"])
    text = inspect.cleandoc(command.help or "")
    head = ["option", "value", "default", "meaning"]
    return f"## {name}\n\n    {usage}\n\n{text}\n\n{table(head, rows)}"


def list_commands(group: click.Group, before: str = "") -> list[tuple[str, click.Command]]:
    """List the commands of a group, and of the groups in it, by their whole names."""
    found: list[tuple[str, click.Command]] = []
    for name, command in group.commands.items():
        whole = f"{before}{name}"
        found += list_commands(command, f"{whole} ") if isinstance(command, click.Group) else [(whole, command)]
    return found


def write_commands() -> str:
    """Write commands.md."""
    sections = [write_command(name, command) for name, command in list_commands(commands)]
    exits = f"## Exit codes\n\n{write_exit_codes()}\n\nIn Python every error is an `UnsnarlError`."
    return "\n\n".join([WRITTEN_BY, "# Commands", COMMANDS_INTRO, *sections, exits]) + "\n"


def _describe_range(item: dataclasses.Field[Any]) -> str:
    choices, span = item.metadata["choices"], item.metadata["span"]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if span:
        return f"{span[0]:g} to {span[1]:g}"
    return "yes or no" if isinstance(item.default, bool) else "text"


def _write_fields(settings: type[Any]) -> str:
    """Write the table of one class of settings."""
    rows = [
        [f"`{item.name}`", f"`--{item.name.replace('_', '-')}`", f"`{item.default}`", _describe_range(item)]
        + [item.metadata["meaning"]]
        for item in dataclasses.fields(settings)
    ]
    return table(["in Python", "command line", "default", "values", "meaning"], rows)


def write_settings() -> str:
    """Write settings.md."""
    terms = ["## Bayesian clustering", TERM_SETTINGS_INTRO, _write_fields(TermSettings)]
    return "\n\n".join([WRITTEN_BY, "# Settings", SETTINGS_INTRO, _write_fields(Settings), *terms]) + "\n"


PAGES = {"commands.md": write_commands, "settings.md": write_settings}
"""Each generated page, and what writes it."""


def main() -> None:
    """Write all pages."""
    for name, write in PAGES.items():
        (DOCS / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
