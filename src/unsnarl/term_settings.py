"""Every setting of Bayesian hierarchical clustering: its name, default, range, unit and meaning.

The options of `unsnarl bhc` and the keyword arguments of `unsnarl.bhc` are these fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypedDict

from unsnarl.errors import UsageError
from unsnarl.settings import Settings, check_fields, check_order, refuse_unknown

MODELS = ("multinomial", "bernoulli")
PRIORS = ("frequency", "uniform")
RULES = ("stop", "tree")
IDEAS = ("table", "deferral", "index", "duplicates", "skipping", "partners")
"""What makes the work fast and changes nothing else; each can be left out by its name."""


def _setting(
    default: Any, meaning: str, *, choices: tuple[str, ...] = (), span: tuple[float, float] | None = None
) -> Any:
    """Declare one field, as settings.py does."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices, "span": span})


def _shared(name: str) -> Any:
    """Declare a field that runs over pairs have too."""
    known = Settings.__dataclass_fields__[name]
    return field(default=known.default, metadata=known.metadata)


@dataclass(frozen=True)
class TermSettings:
    """Hold the settings of one run over terms, checked when made."""

    model: str = _setting(
        "multinomial", "multinomial: counts of terms; bernoulli: a term is there or not.", choices=MODELS
    )
    gamma: float | None = _setting(
        None,
        "Concentration: more makes more clusters (default: one for each 20 records, at least 1).",
        span=(1e-9, 1e12),
    )
    strength: float | None = _setting(
        None,
        "Weight of the prior: the sum of all beta in tokens (multinomial, default 10), b in records (bernoulli, "
        "default 1).",
        span=(1e-9, 1e9),
    )
    prior: str = _setting(
        "frequency", "Shares of the terms in the prior: as frequent as they are, or all alike.", choices=PRIORS
    )
    mean: float | None = _setting(
        None,
        "Prior chance of every term, for bernoulli with a uniform prior (default: the average over terms).",
        span=(1e-9, 0.999999),
    )
    tune: bool = _setting(False, "Choose gamma and strength by the evidence on a sample, and say so.")
    cut: float = _setting(0.0, "Merge while the log odds are over this; 0 is r > 0.5.", span=(-1e6, 1e6))
    rule: str = _setting(
        "stop",
        "stop: end at the best pair that is not over the cut; tree: build the whole tree, then cut it from the top.",
        choices=RULES,
    )
    exact: bool = _setting(False, "Score pairs without a common term too, where they could be over the cut.")
    group_duplicates: bool = _setting(
        False, "Merge records of equal terms first, where that raises the odds; may change the result."
    )
    without: str | None = _setting(None, f"Ideas to do without, for comparison: {', '.join(IDEAS)}.")
    naive: bool = _setting(False, "Do without all of these ideas, for small sets; the result is that of --exact.")
    fields: str | None = _setting(
        None, "Make field=value terms of these columns of a records file, as name,city (default: TERMS has terms)."
    )
    ngrams: int | None = _setting(
        None, "Make terms of so many characters of each field, instead of whole values.", span=(1, 32)
    )
    record_id: str | None = _setting(None, "Column of TERMS with the record id (default: found by its name).")
    term_column: str | None = _setting(
        None, "Column with a term, or a list of terms, in each row (default: term or terms)."
    )
    count_column: str | None = _setting(
        None, "Column with how often the record has the term (default: count, where there is one)."
    )
    sep: str | None = _setting(None, "Separator of CSV files (default: found out).")
    allow_unknown_ids: bool = _setting(
        False, "Add ids that TERMS has and RECORDS lacks, and leave those of no record out of decisions."
    )
    content_ids: bool = _shared("content_ids")
    threads: int | None = _setting(
        None, "Threads to read with (default: all processors allowed to this process).", span=(1, 1024)
    )
    memory_limit: str | None = _setting(
        None, "Memory the run may use, as 4GB or 800MB (default: 80 % of what the machine has)."
    )
    on_contradiction: str = _shared("on_contradiction")
    reviewer_order: str | None = _shared("reviewer_order")
    apply_stale: bool = _shared("apply_stale")
    one_per: str | None = _shared("one_per")

    def __post_init__(self) -> None:
        check_fields(self)
        check_order(self.on_contradiction, self.reviewer_order)
        unknown = sorted(self.ideas_left_out - set(IDEAS))
        if unknown:
            raise UsageError(f"without is {unknown[0]!r}; it must be some of {', '.join(IDEAS)}, with commas.")
        if self.rule == "stop" and self.cut < 0:
            raise UsageError(
                "cut is under 0 with the rule stop.", hint="Under 0 only whole trees are cut: --rule tree."
            )
        if self.mean is not None and (self.model, self.prior) != ("bernoulli", "uniform"):
            raise UsageError("mean is only for bernoulli with a uniform prior.", hint="Leave it out.")
        if self.naive and self.group_duplicates:
            raise UsageError("naive and group-duplicates contradict each other.", hint="Give one of them.")

    @property
    def ideas_left_out(self) -> frozenset[str]:
        """The ideas to do without."""
        if self.naive:
            return frozenset(IDEAS)
        return frozenset(name.strip() for name in (self.without or "").split(",") if name.strip())

    @property
    def field_names(self) -> list[str]:
        """The columns named by `fields`."""
        return [name.strip() for name in (self.fields or "").split(",") if name.strip()]


class TermFields(TypedDict, total=False):
    """Keyword arguments of `unsnarl.bhc`: the fields of TermSettings, with their types."""

    model: str
    gamma: float | None
    strength: float | None
    prior: str
    mean: float | None
    tune: bool
    cut: float
    rule: str
    exact: bool
    group_duplicates: bool
    without: str | None
    naive: bool
    fields: str | None
    ngrams: int | None
    record_id: str | None
    term_column: str | None
    count_column: str | None
    sep: str | None
    allow_unknown_ids: bool
    content_ids: bool
    threads: int | None
    memory_limit: str | None
    on_contradiction: str
    reviewer_order: str | None
    apply_stale: bool
    one_per: str | None


def make_term_settings(given: TermFields) -> TermSettings:
    """Make TermSettings. Raises UsageError."""
    refuse_unknown(given, TermFields.__annotations__)
    return TermSettings(**given)
