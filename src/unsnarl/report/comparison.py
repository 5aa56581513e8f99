"""Clusters and truth brought together by record id."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.evaluation.metrics import Evaluation, evaluate_records
from unsnarl.files.runs import open_run
from unsnarl.files.session import Session
from unsnarl.files.truth import read_cluster_table


def _number_texts(texts: NDArray[Any]) -> NDArray[np.int64]:
    """Number texts by first appearance; equal texts get equal numbers."""
    numbers: dict[str, int] = {}
    found = (numbers.setdefault(text, len(numbers)) for text in texts.tolist())
    return np.fromiter(found, dtype=np.int64, count=len(texts))


def read_clusters(session: Session, given: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Read the record ids and the cluster of each from the folder of a RUN, or from a table.

    given  path of a RUN, or a table (file or frame) with the columns id and cluster_id
    """
    if isinstance(given, (str, os.PathLike)) and not os.path.isfile(given):
        columns = open_run(given).read(session, "clusters")
        return columns["id"].tolist(), _number_texts(columns["cluster_id"])
    table = read_cluster_table(session, given)
    return table["ids"], table["entities"]


def compare_with_truth(ids: Any, cluster_of: NDArray[Any], truth: Mapping[str, Any]) -> Evaluation:
    """Evaluate the clusters of the records that have truth.

    ids         text id of each record
    cluster_of  int[n]  cluster of each record
    truth       ids (texts) and entities (int64[]) of the same length

    Raises InputError where no record has truth.
    """
    entity_of_id = dict(zip(truth["ids"], truth["entities"].tolist(), strict=True))
    entity_of = np.fromiter((entity_of_id.get(text, -1) for text in ids), dtype=np.int64, count=len(ids))
    n_matched = int((entity_of >= 0).sum())
    if n_matched == 0:
        examples = [f"in the run: {text!r}" for text in itertools.islice(ids, 2)]
        examples += [f"in the truth: {text!r}" for text in truth["ids"][:2]]
        hint = "Ids are compared as text; name the column with --truth-id."
        raise InputError("No record of the run has truth.", examples=examples, hint=hint)
    return evaluate_records(cluster_of, entity_of, n_unknown=len(entity_of_id) - n_matched)
