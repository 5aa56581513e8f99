"""Make pairs of the size of the published case: `python -m benchmarks.large FOLDER --pairs 55000000`.

What is made, all from one seed: a black hole, many components of 3 to 1,000 records, records that match nothing, and
scored pairs below the threshold between components, which is what most pairs in life are. Ids are 40 characters, as
of a SHA-1. Pairs go to Parquet (zstd), records to a CSV with the separator | and a second column.

No pair occurs twice, without a table of all pairs: strangers are paired with the record some distance further on a
circle, and every distance is used once. So a file is made in blocks, and 500 million pairs need no more memory than
their records.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.generators import SEED, UNITS, Graph, canonical, linked_entities, power_law_sizes, scores

PAIRS_PER_RECORD = 55.0 / 2.7
COMPONENTS_PER_PAIR = 64_000 / 55_000_000
BLACK_HOLE = 12_477
BLOCK_PAIRS = 2_000_000
GROUP_ROWS = 250_000
N_HUBS = 64
THRESHOLD = 0.5


class Shape(NamedTuple):
    """Say what to make.

    n_pairs      rows of all files together
    n_files      Parquet files they are split over
    below        share of the pairs that score under the threshold
    swapped      share of the pairs whose larger id stands left
    black_hole   records of the largest component (0: none)
    hubs         share of the pairs of strangers that have one of a few popular records at one end
    """

    n_pairs: int = 55_000_000
    n_files: int = 1
    below: float = 0.97
    swapped: float = 0.5
    black_hole: int = BLACK_HOLE
    hubs: float = 0.02
    seed: int = SEED


class Rows(NamedTuple):
    """Some rows: two records and a score in score units."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    score: NDArray[np.int64]


def _earlier(rng: np.random.Generator, start: NDArray, position: NDArray, skew: float) -> NDArray:
    return start + (position * rng.random(len(position)) ** skew).astype(np.int64)


def _components(rng: np.random.Generator, n_components: int, n_records: int) -> tuple[Graph, NDArray[np.int64]]:
    """Make components of 3 to 1,000 records; gives their pairs and sizes, as far as the records reach."""
    values = np.arange(3, 1001)
    weight = values**-2.6
    sizes = rng.choice(values, size=n_components, p=weight / weight.sum())
    sizes = sizes[np.cumsum(sizes) <= n_records]
    n_inside = int(sizes.sum())
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    position = np.arange(n_inside) - start
    later = np.flatnonzero(position > 0)
    tree = (later, _earlier(rng, start[later], position[later], 1.5), scores(rng, len(later), THRESHOLD, 1.0))
    more = np.repeat(np.arange(n_inside), np.minimum(position, rng.poisson(13.0, n_inside)))
    extra = (more, _earlier(rng, start[more], position[more], 1.2), scores(rng, len(more), 0.02, 1.0))
    return canonical([tree, extra], max(n_inside, 1)), sizes


def _inside(shape: Shape, n_records: int) -> tuple[Rows, NDArray[np.int32]]:
    """Make all pairs inside components of three or more, and the component of each record (-1: none)."""
    rng = np.random.default_rng(shape.seed)
    n_hole = min(shape.black_hole, n_records // 4)
    component_of = np.full(n_records, -1, dtype=np.int32)
    columns: list[tuple[NDArray, ...]] = []
    if n_hole:
        sizes = power_law_sizes(rng, n_hole, min(120, n_hole), 1.3)
        hole = canonical(linked_entities(rng, sizes, 17 * n_hole, 26.0), n_hole, rng)
        columns.append((hole.left, hole.right, hole.score))
        component_of[:n_hole] = 0
    found, sizes = _components(rng, round(shape.n_pairs * COMPONENTS_PER_PAIR), (n_records - n_hole) // 2)
    columns.append((found.left + n_hole, found.right + n_hole, found.score))
    component_of[n_hole : n_hole + int(sizes.sum())] = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    return Rows(*(np.concatenate(column).astype(np.int64) for column in zip(*columns, strict=True))), component_of


def _couples(rng: np.random.Generator, component_of: NDArray[np.int32], n_couples: int) -> Rows:
    """Tie records of no component two and two, at or above the threshold; they are then of one component."""
    alone = np.flatnonzero(component_of < 0)[N_HUBS:]
    n_couples = min(n_couples, len(alone) // 2)
    left, right = alone[: 2 * n_couples : 2], alone[1 : 2 * n_couples : 2]
    component_of[left] = component_of[right] = np.arange(n_couples) + component_of.max() + 1
    return Rows(left, right, scores(rng, n_couples, THRESHOLD, 1.0).astype(np.int64))


def _strangers(shape: Shape, component_of: NDArray[np.int32]) -> Iterator[Rows]:
    """Give pairs between components, scoring below the threshold, without end; none twice."""
    rng = np.random.default_rng(shape.seed + 1)
    n_records = len(component_of)
    hubs = np.flatnonzero(component_of < 0)[:N_HUBS]
    is_hub = np.zeros(n_records, dtype=bool)
    is_hub[hubs] = True
    circle = rng.permutation(n_records)
    distances = rng.permutation(np.arange(1, n_records // 2))
    hub_stride, hub_at = max(1, round(shape.hubs * n_records)), 0
    for distance in distances.tolist():
        for start in range(0, n_records, BLOCK_PAIRS):
            ends = circle[start : start + BLOCK_PAIRS]
            others = circle[(np.arange(start, start + len(ends)) + distance) % n_records]
            apart = (component_of[ends] != component_of[others]) | (component_of[ends] < 0)
            keep = apart & ~is_hub[ends] & ~is_hub[others]
            left, right = ends[keep], others[keep]
            if len(hubs) and shape.hubs > 0:
                # Each hub meets every record once, at most: hub number and record follow from one running number.
                number = hub_at + np.arange(hub_stride * len(ends) // n_records)
                number = number[number < len(hubs) * n_records]
                hub_at += len(number)
                met = circle[number % n_records]
                left = np.concatenate([left, hubs[number // n_records][~is_hub[met]]])
                right = np.concatenate([right, met[~is_hub[met]]])
            yield Rows(left, right, (rng.random(len(left)) ** 2 * THRESHOLD * UNITS).astype(np.int64))


def _blocks(shape: Shape, n_records: int) -> Iterator[Rows]:
    """Give all pairs in blocks: pairs inside components spread evenly among those between them."""
    rng = np.random.default_rng(shape.seed + 2)
    inside, component_of = _inside(shape, n_records)
    n_above = round(shape.n_pairs * (1 - shape.below))
    n_tied = int((inside.score >= THRESHOLD * UNITS).sum())
    couples = _couples(rng, component_of, max(0, n_above - n_tied))
    order = rng.permutation(len(inside.left) + len(couples.left))
    known = Rows(*(np.concatenate(column)[order] for column in zip(inside, couples, strict=True)))
    share = min(1.0, len(known.left) / shape.n_pairs)
    at = made = 0
    for rows in _strangers(shape, component_of):
        n_known = min(round(len(rows.left) * share / max(1e-9, 1 - share)) + 1, len(known.left) - at)
        some = Rows(*(column[at : at + n_known] for column in known))
        at += n_known
        block = Rows(*(np.concatenate(column) for column in zip(rows, some, strict=True)))
        mixed = rng.permutation(len(block.left))[: shape.n_pairs - made]
        made += len(mixed)
        turn = rng.random(len(mixed)) < shape.swapped
        left, right, score = (column[mixed] for column in block)
        low, high = np.minimum(left, right), np.maximum(left, right)
        yield Rows(np.where(turn, high, low), np.where(turn, low, high), score)
        if made == shape.n_pairs:
            return


def _make_ids(n_records: int, seed: int) -> NDArray[np.uint8]:
    """Make uint8[n_records, 40]: hexadecimal digits of random numbers, as of a SHA-1."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    ids = np.empty((n_records, 40), dtype=np.uint8)
    rng = np.random.default_rng(seed + 3)
    for start in range(0, n_records, BLOCK_PAIRS):
        drawn = rng.integers(0, 256, size=(min(BLOCK_PAIRS, n_records - start), 20), dtype=np.uint8)
        ids[start : start + len(drawn), 0::2] = digits[drawn >> 4]
        ids[start : start + len(drawn), 1::2] = digits[drawn & 15]
    return ids


def _as_texts(ids: NDArray[np.uint8]) -> pa.Array:
    """Show rows of characters to Arrow as texts."""
    offsets = np.arange(0, 40 * len(ids) + 1, 40, dtype=np.int64)
    data = pa.py_buffer(np.ascontiguousarray(ids))
    return pa.LargeStringArray.from_buffers(len(ids), pa.py_buffer(offsets), data)


def make(folder: Path, shape: Shape) -> None:
    """Write pairs-000.parquet, ... and records.csv into a folder."""
    n_records = max(100, round(shape.n_pairs / PAIRS_PER_RECORD))
    folder.mkdir(parents=True, exist_ok=True)
    ids = _make_ids(n_records, shape.seed)
    with (folder / "records.csv").open("wb") as file:
        file.write(b"hashid|list\n")
        for start in range(0, n_records, BLOCK_PAIRS):
            some = ids[start : start + BLOCK_PAIRS]
            lines = np.empty((len(some), 44), dtype=np.uint8)
            lines[:, :40] = some
            lines[:, 40:] = np.frombuffer(b"|l1\n", dtype=np.uint8)
            file.write(lines.tobytes())
    schema = pa.schema([("hash1", pa.large_string()), ("hash2", pa.large_string()), ("xgb_prob", pa.float64())])
    per_file = -(-shape.n_pairs // shape.n_files)
    writer, n_written, number = None, 0, 0
    for rows in _blocks(shape, n_records):
        for start in range(0, len(rows.left), GROUP_ROWS):
            some = Rows(*(column[start : start + GROUP_ROWS] for column in rows))
            if writer is None:
                name = folder / f"pairs-{number:03d}.parquet"
                writer = pq.ParquetWriter(name, schema, compression="zstd", use_dictionary=False)
                n_written, number = 0, number + 1
            texts = [_as_texts(ids[some.left]), _as_texts(ids[some.right])]
            writer.write_table(pa.table([*texts, pa.array(some.score / UNITS)], schema=schema))
            n_written += len(some.left)
            if n_written >= per_file:
                writer.close()
                writer = None
    if writer is not None:
        writer.close()


def main() -> None:
    """Parse the command line and make the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, value in Shape._field_defaults.items():
        parser.add_argument(
            f"--{name.replace('_', '-').removeprefix('n-')}", dest=name, type=type(value), default=value
        )
    given = vars(parser.parse_args())
    make(given.pop("folder"), Shape(**given))


if __name__ == "__main__":
    main()
