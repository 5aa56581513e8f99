"""From indexes to the tables a user sees: clusters, merges, components, with the ids as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.session import Columns
from unsnarl.model import Clustering, Components, Forest, Pairs, to_score_units

SCHEMAS = {
    "clusters": {
        "id": "VARCHAR",
        "cluster_id": "VARCHAR",
        "cluster_size": "INTEGER",
        "component_id": "VARCHAR",
        "component_size": "INTEGER",
    },
    "merges": {
        "component_id": "VARCHAR",
        "left_id": "VARCHAR",
        "right_id": "VARCHAR",
        "distance": "DOUBLE",
        "size": "INTEGER",
    },
    "components": {
        "component_id": "VARCHAR",
        "size": "INTEGER",
        "n_pairs": "BIGINT",
        "n_pairs_above_threshold": "BIGINT",
        "n_clusters": "INTEGER",
        "largest_cluster": "INTEGER",
    },
}
"""Columns of each table and their SQL types, in the order they are written."""

Texts = NDArray[Any]


def make_clusters(ids: Texts, clustering: Clustering, components: Components) -> Columns:
    """Make a row for each record, in the order of the ids.

    ids  object[n] of str, sorted by UTF-8 bytes: position is the record index
    """
    n_records = len(ids)
    cluster_size = np.bincount(clustering.cluster_of, minlength=n_records).astype(np.int32)
    component_size = np.bincount(components.component_of, minlength=n_records).astype(np.int32)
    return {
        "id": ids,
        "cluster_id": ids[clustering.cluster_of],
        "cluster_size": cluster_size[clustering.cluster_of],
        "component_id": ids[components.component_of],
        "component_size": component_size[components.component_of],
    }


def make_merges(ids: Texts, forest: Forest) -> Columns:
    """Make a row for each merge, in the order of the forest."""
    return {
        "component_id": ids[forest.component],
        "left_id": ids[forest.left],
        "right_id": ids[forest.right],
        "distance": forest.distance,
        "size": forest.size,
    }


def make_components(
    ids: Texts, pairs: Pairs, components: Components, clustering: Clustering, threshold: float
) -> Columns:
    """Make a row for each component of two records or more, in the order of the ids.

    n_pairs counts every scored pair with both records inside; n_pairs_above_threshold those scoring `threshold`
    or more.
    """
    n_records = len(ids)
    component_of = components.component_of
    size = np.bincount(component_of, minlength=n_records)
    names = np.flatnonzero(size >= 2)
    inside = component_of[pairs.left]
    is_inside = inside == component_of[pairs.right]
    is_above = is_inside & (pairs.score >= to_score_units(threshold))
    cluster_size = np.bincount(clustering.cluster_of, minlength=n_records)
    clusters = np.flatnonzero(cluster_size)
    largest = np.zeros(n_records, dtype=np.int64)
    np.maximum.at(largest, component_of[clusters], cluster_size[clusters])
    return {
        "component_id": ids[names],
        "size": size[names].astype(np.int32),
        "n_pairs": np.bincount(inside[is_inside], minlength=n_records)[names].astype(np.int64),
        "n_pairs_above_threshold": np.bincount(inside[is_above], minlength=n_records)[names].astype(np.int64),
        "n_clusters": np.bincount(component_of[clusters], minlength=n_records)[names].astype(np.int32),
        "largest_cluster": largest[names].astype(np.int32),
    }
