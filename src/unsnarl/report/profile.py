"""What `unsnarl check` found in the input, and what a run over it would need."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unsnarl.errors import InputError, ResourceError
from unsnarl.report.forecast import RunForecast, format_bytes, format_forecast
from unsnarl.report.summary import count_of

_BAR_WIDTH = 40


@dataclass(frozen=True)
class InputReport:
    """Hold the facts of an input and what is wrong with it.

    facts     as `unsnarl.report.survey` counts them; those not reached because of a problem are missing
    problems  every breach of the contract; none: the input can be clustered
    forecast  memory and time of a run, or None where the rows could not be read
    oversize  what `cluster` would say, where it would refuse the input for the memory it needs
    """

    facts: Mapping[str, Any]
    problems: Sequence[InputError]
    forecast: RunForecast | None
    oversize: ResourceError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Put it all into plain dicts and numbers, for JSON."""
        forecast = self.forecast
        return {
            "facts": dict(self.facts),
            "problems": [
                {"problem": problem.problem, "examples": problem.examples, "hint": problem.hint}
                for problem in self.problems
            ],
            "forecast": None
            if forecast is None
            else {
                "memory_bytes": forecast.memory_bytes,
                "seconds": round(forecast.seconds, 1),
                "oversize": None if self.oversize is None else self.oversize.problem,
                "measured": dataclasses.asdict(forecast.spent),
                "left": dataclasses.asdict(forecast.work),
            },
        }

    def as_error(self) -> InputError | None:
        """Put the problems into one error, or None where there is none."""
        if not self.problems:
            return None
        if len(self.problems) == 1:
            return self.problems[0]
        return InputError(
            f"{len(self.problems)} problems in the input.", examples=[problem.problem for problem in self.problems]
        )

    def lines(self) -> list[str]:
        """Lay it out for a terminal: the facts, the scores, the forecast, and the problems last."""
        lines = [*_format_counts(self.facts), *_format_decisions(self.facts), *_format_histogram(self.facts)]
        if self.forecast is not None:
            lines += ["", format_forecast(self.forecast)]
        if self.oversize is not None:
            lines += [f"cluster would refuse it: {self.oversize}"]
        if not self.problems:
            return [*lines, "", "no problem found"]
        lines += ["", f"{count_of(len(self.problems), 'problem')} found"]
        for number, problem in enumerate(self.problems, 1):
            first, *rest = str(problem).splitlines()
            lines += [f"{number}. {first}", *(f"   {line}" for line in rest)]
        return lines


def _format_counts(facts: Mapping[str, Any]) -> list[str]:
    """Write one line for each thing counted."""
    lines = []
    if facts.get("n_files"):
        lines.append(f"{count_of(facts['n_files'], 'file')}, {format_bytes(facts['n_bytes'])}")
    if "columns" in facts:
        named = ", ".join(f"{role} = {name}" for role, name in facts["columns"].items())
        lines.append(f"columns: {named}")
    nouns = (
        ("n_pair_rows", "row", "of pairs"),
        ("n_pairs", "pair", "of different records"),
        ("n_ids", "id", "in pairs and records"),
        ("n_record_rows", "row", "of records"),
        ("n_self_pairs", "pair", "of a record with itself"),
        ("n_repeated_pairs", "row", "with a pair that was given before, with the same score"),
        ("n_conflicts", "pair", "given with different scores"),
        ("n_bad_scores", "row", "with a score that is none"),
    )
    for name, noun, what in nouns:
        # What is wrong, or may be, is worth a line only where it occurs.
        if facts.get(name) or (name in facts and name in ("n_pair_rows", "n_pairs")):
            lines.append(f"{count_of(facts[name], noun)} {what}")
    if "n_over_threshold" in facts:
        share = facts["share_over_threshold"]
        lines.append(f"{count_of(facts['n_over_threshold'], 'row')} at the threshold or over it ({share:.1%})")
    if "n_components" in facts:
        inside = count_of(facts["n_pairs_inside"], "pair")
        lines.append(f"{count_of(facts['n_components'], 'component')} with {inside} inside")
        lines.append(f"{count_of(facts['n_largest'], 'record')} in the largest component")
    return lines


def _format_decisions(facts: Mapping[str, Any]) -> list[str]:
    """Say what would become of decisions."""
    counts = dict(facts.get("decisions", {}))
    if not counts:
        return []
    said = [f"{count:,} {name.removeprefix('n_').replace('_', ' ')}" for name, count in counts.items()]
    return [f"decisions: {', '.join(said)}", *(f"note: {note}" for note in facts["decision_notes"])]


def _format_histogram(facts: Mapping[str, Any]) -> list[str]:
    """Draw the scores, as probabilities, in ten bars."""
    histogram = facts.get("score_histogram")
    if not histogram or not any(histogram):
        return []
    width = max(len(f"{n_rows:,}") for n_rows in histogram)
    lines = ["", "scores, as probabilities"]
    for position, n_rows in enumerate(histogram):
        bar = "#" * round(_BAR_WIDTH * n_rows / max(histogram))
        lines.append(f"{position / 10:.1f} to {(position + 1) / 10:.1f}  {n_rows:>{width},}  {bar}".rstrip())
    return lines
