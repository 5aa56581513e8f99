"""Scored pairs in, trustworthy clusters out.

    >>> import unsnarl
    >>> pairs = [{"id_l": "a", "id_r": "b", "match_probability": 0.9},
    ...          {"id_l": "b", "id_r": "c", "match_probability": 0.2}]
    >>> [row["cluster_id"] for row in unsnarl.cluster(pairs).clusters]
    ['a', 'a', 'c']

The public names are loaded when they are first used, so that importing the
package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unsnarl.api import bhc, check, cluster, cut, demo, diff, evaluate, open_run
    from unsnarl.errors import GateError, InputError, ResourceError, UnsnarlError, UsageError
    from unsnarl.report.difference import Difference
    from unsnarl.report.result import Result
    from unsnarl.report.term_result import TermResult
    from unsnarl.settings import Settings
    from unsnarl.term_settings import TermSettings

__version__ = "0.1.0"

__all__ = [
    "Difference",
    "GateError",
    "InputError",
    "ResourceError",
    "Result",
    "Settings",
    "TermResult",
    "TermSettings",
    "UnsnarlError",
    "UsageError",
    "__version__",
    "bhc",
    "check",
    "cluster",
    "cut",
    "demo",
    "diff",
    "evaluate",
    "open_run",
]

_HOME_OF = {
    **dict.fromkeys(("bhc", "check", "cluster", "cut", "demo", "diff", "evaluate", "open_run"), "unsnarl.api"),
    **dict.fromkeys(("GateError", "InputError", "ResourceError", "UnsnarlError", "UsageError"), "unsnarl.errors"),
    "Difference": "unsnarl.report.difference",
    "Result": "unsnarl.report.result",
    "Settings": "unsnarl.settings",
    "TermResult": "unsnarl.report.term_result",
    "TermSettings": "unsnarl.term_settings",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
