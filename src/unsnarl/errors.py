"""What can go wrong, in words a user can act on.

Every error a user can meet is an `UnsnarlError`: it says what is wrong, where,
and what to do, and it carries the exit code the command line ends with.
"""

from __future__ import annotations

from collections.abc import Sequence


class UnsnarlError(Exception):
    """Report a problem to the user.

    problem   one sentence: what is wrong, with the figure that matters
    examples  up to five places (file, row, id) where it was seen
    hint      one sentence: what to do about it
    """

    exit_code = 1
    code = "internal"

    def __init__(self, problem: str, *, examples: Sequence[str] = (), hint: str = "") -> None:
        self.problem = problem
        self.examples = list(examples)[:5]
        self.hint = hint
        lines = [problem]
        lines += [f"  {example}" for example in self.examples]
        if hint:
            lines.append(hint)
        super().__init__("\n".join(lines))


class UsageError(UnsnarlError):
    """The request itself cannot be carried out as it was put."""

    exit_code = 2
    code = "usage"


class InputError(UnsnarlError):
    """The input breaks the contract of docs/input.md."""

    exit_code = 3
    code = "input"


class GateError(UnsnarlError):
    """The work is done, but a figure is under the gate the user set."""

    exit_code = 4
    code = "gate"


class ResourceError(UnsnarlError):
    """Memory, disk or time ran out, or would."""

    exit_code = 5
    code = "resource"
    component: int | None = None
    """Smallest record of the component the work was on, where it is known."""
