"""Make the folders of real data here smaller than their sources, losing nothing but the order of the rows.

    python examples/make_examples.py SOURCE FOLDER double|decimal ORDER...

SOURCE holds records.csv, truth.csv and pairs.parquet (id_l, id_r, match_probability); FOLDER gets the same three.
ORDER names columns of records.csv: records next to each other in that order share many partners, and pairs written
in that order compress to half. Scores of seven decimals are smaller as decimal numbers, and handier as doubles.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

SCORE_TYPES = {"double": pa.float64(), "decimal": pa.decimal128(8, 7)}


def rank_records(records: Path, order: list[str]) -> pa.Array:
    """List the ids of all records in the order of the columns named, then of the ids."""
    columns = pa.csv.ConvertOptions(column_types=dict.fromkeys([*order, "id"], pa.string()), strings_can_be_null=False)
    table = pa.csv.read_csv(
        records, convert_options=columns, parse_options=pa.csv.ParseOptions(newlines_in_values=True)
    )
    return table.sort_by([(name, "ascending") for name in [*order, "id"]])["id"].combine_chunks()


def order_pairs(pairs: pa.Table, ids: pa.Array, score_type: str) -> pa.Table:
    """Put the record that ranks first on the left of each pair, and sort the pairs by rank."""
    one, other = (pc.index_in(pairs[name], ids).to_numpy() for name in ("id_l", "id_r"))
    left, right = np.minimum(one, other), np.maximum(one, other)
    rows = np.lexsort((right, left))
    score = pairs["match_probability"].take(pa.array(rows)).cast(SCORE_TYPES[score_type])
    named = [pa.DictionaryArray.from_arrays(pa.array(side[rows].astype(np.int32)), ids) for side in (left, right)]
    return pa.table([*named, score], ["id_l", "id_r", "match_probability"])


def write_pairs(pairs: pa.Table, file: Path) -> None:
    """Write pairs as one row group: ids and doubles through a dictionary, decimals with their bytes sorted apart."""
    decimal = pa.types.is_decimal(pairs["match_probability"].type)
    pq.write_table(
        pairs,
        file,
        compression="zstd",
        compression_level=19,
        row_group_size=len(pairs),
        dictionary_pagesize_limit=1 << 26,
        data_page_size=1 << 26,
        use_dictionary=["id_l", "id_r"] if decimal else True,
        column_encoding={"match_probability": "BYTE_STREAM_SPLIT"} if decimal else None,
        store_decimal_as_integer=True,
        store_schema=False,
    )


def assert_same(source: pa.Table, made: pa.Table) -> None:
    """Assert that two tables hold the same pairs with the same scores, in whole units of 1e-9."""

    def canonical(pairs: pa.Table) -> pa.Table:
        one, other = pairs["id_l"].cast(pa.string()), pairs["id_r"].cast(pa.string())
        sides = [pc.min_element_wise(one, other), pc.max_element_wise(one, other)]
        score = pc.round(pc.multiply(pairs["match_probability"].cast(pa.float64()), 1e9)).cast(pa.int64())
        return pa.table([*sides, score], ["left", "right", "score"]).sort_by(
            [("left", "ascending"), ("right", "ascending")]
        )

    assert canonical(source).equals(canonical(made)), "content has changed"


def main(source: Path, folder: Path, score_type: str, order: list[str]) -> None:
    """Write the three files of one example."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("records.csv", "truth.csv"):
        shutil.copyfile(source / name, folder / name)
    pairs = pq.read_table(source / "pairs.parquet")
    ids = rank_records(source / "records.csv", order)
    write_pairs(order_pairs(pairs, ids, score_type), folder / "pairs.parquet")
    assert_same(pairs, pq.read_table(folder / "pairs.parquet"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
