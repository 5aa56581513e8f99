"""Command line options made from the fields of Settings: same names, defaults and meanings."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import click

from unsnarl.settings import Settings
from unsnarl.term_settings import TermSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_CLICK_TYPES: dict[Any, click.ParamType[Any]] = {float: click.FLOAT, int: click.INT, str: click.STRING}


def _click_type(hint: Any, choices: tuple[str, ...]) -> click.ParamType[Any]:
    """Choose click's type for a field; ranges are left to Settings, which checks them for everybody."""
    if choices:
        return click.Choice(choices)
    plain = next(kind for kind in (typing.get_args(hint) or (hint,)) if kind is not type(None))
    return _CLICK_TYPES[plain]


def _as_option(item: dataclasses.Field[Any], hint: Any) -> Callable[[Command], Command]:
    """Make the option of one field."""
    flag = f"--{item.name.replace('_', '-')}"
    meaning: str = item.metadata["meaning"]
    if hint is bool:
        return click.option(flag, item.name, is_flag=True, default=item.default, help=meaning)
    kind = _click_type(hint, item.metadata["choices"])
    # A default of None is explained by the meaning itself.
    return click.option(
        flag, item.name, type=kind, default=item.default, show_default=item.default is not None, help=meaning
    )


def _add_options(command: Command, settings: Any) -> Command:
    """Give a command one option for each field of a class of settings, in their order."""
    hints = typing.get_type_hints(settings)
    for item in reversed(dataclasses.fields(settings)):
        command = _as_option(item, hints[item.name])(command)
    return command


def settings_options(command: Command) -> Command:
    """Give a command one option for each setting, in the order of Settings."""
    return _add_options(command, Settings)


def term_options(command: Command) -> Command:
    """Give a command one option for each setting of a run over terms, in the order of TermSettings."""
    return _add_options(command, TermSettings)


def output_options(command: Command) -> Command:
    """Give a command the options that decide what is printed."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object to standard output.")(command)
    return click.option("--quiet", is_flag=True, help="Print no progress and no summary.")(command)


force_option = click.option("--force", is_flag=True, help="Replace what is there already.")
