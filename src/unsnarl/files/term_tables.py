"""The tables of a run over terms, where they differ from those of a run over pairs."""

from __future__ import annotations

import numpy as np

from unsnarl.files.session import Columns
from unsnarl.files.tables import SCHEMAS, IdList
from unsnarl.model import Components, OddsForest, Terms

TERM_SCHEMAS = {
    "clusters": SCHEMAS["clusters"],
    "merges": {
        "component_id": "VARCHAR",
        "left_id": "VARCHAR",
        "right_id": "VARCHAR",
        "log_odds": "DOUBLE",
        "size": "INTEGER",
    },
    "components": {
        "component_id": "VARCHAR",
        "size": "INTEGER",
        "n_terms": "BIGINT",
        "n_clusters": "INTEGER",
        "largest_cluster": "INTEGER",
    },
}
"""Columns of each table and their SQL types, in the order they are written."""


def make_odds_merges(ids: IdList, forest: OddsForest) -> Columns:
    """Make a row for each merge, in the order of the forest."""
    return {
        "component_id": ids[forest.component],
        "left_id": ids[forest.left],
        "right_id": ids[forest.right],
        "log_odds": forest.log_odds,
        "size": forest.size,
    }


def make_term_components(ids: IdList, terms: Terms, components: Components) -> Columns:
    """Make a row for each component of two records or more, in the order of the ids; n_terms are distinct terms."""
    component_of = components.component_of
    size = components.sizes
    names = np.flatnonzero(size >= 2)
    record = np.repeat(np.arange(terms.n_records), np.diff(terms.first))
    # All records with a term are in one component.
    component_of_term = np.zeros(terms.n_terms, dtype=np.int64)
    component_of_term[terms.term] = component_of[record]
    n_terms = np.bincount(component_of_term, minlength=len(ids))
    return {
        "component_id": ids[names],
        "size": size[names],
        "n_terms": n_terms[names].astype(np.int64),
    }
