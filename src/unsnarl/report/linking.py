"""From what came in to the forest: what is known already, and what is linked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from unsnarl.background import Later
from unsnarl.engines import constrained, local
from unsnarl.engines.couples import find_couples, join_forests, link_couples
from unsnarl.errors import ResourceError
from unsnarl.files.runs import open_run
from unsnarl.files.session import Session
from unsnarl.files.tables import TableColumns
from unsnarl.model import Components, Constraints, Forest, Pairs, Progress
from unsnarl.report.intake import Input
from unsnarl.report.reuse import Contents, Known, find_known
from unsnarl.report.ruling import find_touched


def find_known_merges(
    given: Input, table: Later[TableColumns], contents: Contents, linkage: str, previous: str | os.PathLike[str] | None
) -> Known:
    """Find the merges that need no linkage: of components of two, and of those that a previous RUN knows.

    table     the components
    contents  of them
    """
    free = given.components
    if given.ruled is not None:
        # What is constrained is linked, however small.
        free = free.without(find_touched(free, given.ruled.constraints))
    couples = find_couples(free)
    known = Known(link_couples(given.pairs, free), couples)
    if previous is None:
        return known
    with Session() as session:
        found = find_known(session, open_run(previous), given, (table.wait(), contents.keys), linkage)
    return Known(join_forests(found.forest, known.forest), found.is_known | couples)


def link_constrained(
    threads: int, linkage: str, progress: Progress | None, until: float = 1.0
) -> Callable[[Pairs, Components, Constraints], Forest]:
    """Give what links components of pairs under constraints, up to a distance at least."""

    def link(pairs: Pairs, components: Components) -> Forest:
        return local.link_up_to(pairs, components, (linkage, until), threads, progress)

    return partial(constrained.link, link)


def link_rest(given: Input, known: Known, linkage: str, progress: Progress | None) -> Forest:
    """Link the components that are not known. Raises ResourceError."""
    components = given.components.without(known.is_known)
    try:
        if given.ruled is None:
            forest = local.link(given.pairs, components, linkage, given.threads, progress)
        else:
            link = link_constrained(given.threads, linkage, progress)
            forest = link(given.pairs, components, given.ruled.constraints)
    except ResourceError as error:
        if error.component is not None:
            error.add_note(f"It is the component of record {given.ids[error.component]!r}.")
        raise
    return join_forests(known.forest, forest)
