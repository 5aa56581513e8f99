"""What interning asks of a session, of RECORDS and of PAIRS, whoever opened them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from unsnarl.errors import UnsnarlError
from unsnarl.files.arrow import Column
from unsnarl.files.direct import Addresses
from unsnarl.files.footers import Group


class Engine(Protocol):
    """What is asked of a session: run SQL, name tables, show it a table of ours."""

    @property
    def threads(self) -> int:
        """Processors to use."""

    def register(self, stem: str, frame: object) -> str:
        """Show SQL a table."""

    def unregister(self, name: str) -> None:
        """Forget it."""


class RecordRows(Protocol):
    """What is asked of RECORDS."""

    def guess_count(self) -> int:
        """Say about how many there are; 0 where only reading them would tell."""

    def stream(self, joint: bool, take: Callable[[list[Column]], None]) -> None:
        """Pass the ids on, batch by batch."""

    def has_numbers(self, joint: bool) -> bool:
        """Say whether ids come as 64-bit whole numbers, not as texts."""

    def can_scan(self, joint: bool) -> bool:
        """Say whether `scan` can be used."""

    def scan(self, joint: bool, take: Callable[[int, Addresses], None]) -> None:
        """Have the ids taken where they lie, by several threads at a time."""

    def find_problems(self, joint: bool = False) -> Sequence[UnsnarlError]:
        """List null, empty and repeated ids, and files that cannot be read."""


class PairRows(Protocol):
    """What is asked of PAIRS."""

    @property
    def joint(self) -> bool:
        """Say whether ids carry the name of their dataset."""

    def count_quickly(self) -> int:
        """Count the rows where that needs no look at them; 0 where it would."""

    def stream(self, take: Callable[[list[Column]], None]) -> None:
        """Pass left id, right id and score units (-1: none) on, batch by batch."""

    @property
    def has_numbers(self) -> bool:
        """Say whether ids come as 64-bit whole numbers, not as texts."""

    def find_groups(self) -> list[Group]:
        """List where ids and scores lie in files. Raises UnplainError where the engine must read them."""

    @property
    def is_distance(self) -> bool:
        """Say whether a score of 0 is the best."""

    @property
    def can_scan(self) -> bool:
        """Say whether `scan` can be used."""

    def scan(self, take: Callable[[int, Addresses], None]) -> None:
        """Have the same taken where it lies, by several threads at a time."""

    def find_type_problems(self, records: Any) -> Sequence[UnsnarlError]:
        """List id types that do not go together."""

    def find_row_problems(self, ids_table: str, allow_unknown: bool) -> Sequence[UnsnarlError]:
        """List rows that break the contract."""
