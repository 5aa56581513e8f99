"""The answer of `unsnarl.bhc`: a Result whose merges have log odds in the place of distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import UsageError
from unsnarl.files.parts import FrameKind
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.report.result import MATRIX_LIMIT_BYTES, Result
from unsnarl.report.term_findings import TermFindings

_NO_DISTANCES = "A run over terms has log odds and no distances."


class TermResult(Result):
    """Hold what a run over terms found; frames and names are those of Result.

    merges  one row per merge: component_id, left_id, right_id, log_odds, size, in the order made
    """

    found: TermFindings

    def __init__(self, found: TermFindings, kind: FrameKind) -> None:
        super().__init__(found, kind)

    def __repr__(self) -> str:
        return f"<unsnarl.TermResult: {self.found.lines()[0]}>"

    def at(self, cut: float) -> TermResult:
        """Cut the same merges at other log odds, and give the whole result of that.

        cut  at least that of the run, for the rule `stop`: it ended there; any, for the rule `tree`

        Cost: O(n + number of merges), nothing is scored anew. Raises UsageError for a cut the run cannot answer.
        """
        chosen = self.found.chosen
        if chosen.rule == "stop" and cut < self.found.floor:
            raise UsageError(
                f"The run stopped at log odds of {self.found.floor:g}; it has no merges for a cut at {cut:g}.",
                hint="Run again with a smaller --cut, or with --rule tree.",
            )
        replace(chosen, cut=cut)  # checks the range
        return TermResult(self.found.recut(cut, cut_odds_forest(self.found.odds, cut, chosen.rule)), self._kind)

    def summary(self) -> str:
        """Give the table of sizes, the prior, the work and the exactness as text."""
        return "\n".join([*self.found.lines(), *self._changes()])

    def linkage(self, component: str | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Refuse: log odds fall and rise along a tree, and SciPy's matrix wants distances that only rise."""
        raise UsageError(_NO_DISTANCES, hint="The merges, in the order made, are in `merges`.")

    def condensed(
        self,
        component: str | None = None,  # noqa: ARG002
        limit_bytes: int = MATRIX_LIMIT_BYTES,  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Refuse: there are no pairs with scores."""
        raise UsageError(_NO_DISTANCES)
