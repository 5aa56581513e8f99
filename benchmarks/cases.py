"""What is measured: each table, its graphs, and the methods run on each graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks import generators
from benchmarks.generators import Graph


class Case(NamedTuple):
    """One graph and the methods to run on it.

    name     key of the results
    label    what the table calls it
    make     makes the graph
    methods  names that `measure.prepare` knows
    skipped  methods not run, with the reason
    """

    name: str
    label: str
    make: Callable[[], Graph]
    methods: tuple[str, ...]
    skipped: dict[str, str] = {}  # noqa: RUF012  (never written to)


MATRIX_TOO_LARGE = "not run: its matrix would need {:,.0f} GB"


def _too_large(n_records: int) -> str:
    return MATRIX_TOO_LARGE.format(n_records * (n_records - 1) / 2 * 8 / 1e9)


def black_hole_cases(_quick: bool) -> list[Case]:
    """One component of 12,477 records, against every peer."""
    methods = ("unsnarl-1", "unsnarl-2", "fastcluster", "fastcluster-lookup", "scipy", "scikit-network")
    return [Case("black-hole", "12,477 records in one component", generators.black_hole, methods)]


def many_components_cases(_quick: bool) -> list[Case]:
    """64,000 components and the black hole; scikit-network takes one component at a time and is left out."""
    methods = ("unsnarl-1", "unsnarl-2", "fastcluster")
    label = "64,000 components of 3-1,000 records and the black hole"
    return [Case("many-components", label, generators.many_components, methods)]


def million_cases(quick: bool) -> list[Case]:
    """A million records in one component, the whole tree."""
    n_records = 50_000 if quick else 1_000_000
    skipped = {
        "fastcluster": _too_large(n_records),
        "scipy": _too_large(n_records),
        "scikit-network": "not run: takes more than 2 minutes",
    }
    label = f"{n_records:,} records in one component, whole tree"
    return [
        Case("million", label, lambda: generators.million(n_records=n_records), ("unsnarl-1", "unsnarl-2"), skipped)
    ]


def complete_cases(quick: bool) -> list[Case]:
    """Complete graphs: the home ground of the dense methods."""
    cases = []
    for n_records in (1000, 2000) if quick else (1000, 2000, 4000, 8000):
        label = f"complete, {n_records:,} records"
        methods = ("unsnarl-1", "fastcluster", "scipy")
        cases.append(Case(f"complete-{n_records}", label, lambda n=n_records: generators.complete(n), methods))
    return cases


def growth_cases(quick: bool) -> list[Case]:
    """Shapes that break quadratic methods, with distinct and all-tied scores, over two decades."""
    cases = []
    for shape, make in generators.SHAPES.items():
        for kind in ("distinct", "tied"):
            for n_records in (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000):
                name = f"{shape}, {kind}, {n_records}"
                cases.append(Case(name, name, lambda m=make, n=n_records, k=kind: m(n, k == "tied"), ("unsnarl-1",)))
    return cases


TABLES: dict[str, Callable[[bool], list[Case]]] = {
    "black-hole": black_hole_cases,
    "many-components": many_components_cases,
    "complete": complete_cases,
    "growth": growth_cases,
    "million": million_cases,
}
