"""Numbering texts and settling pairs, from their definitions."""

from __future__ import annotations

import hashlib


def number(texts: list[bytes], known: dict[bytes, int], adds: bool) -> list[int]:
    """Number texts in the order they are first met: -1 for what is not known, -2 for a text without a byte."""
    numbers = []
    for text in texts:
        if text and adds:
            known.setdefault(text, len(known))
        numbers.append(known.get(text, -1) if text else -2)
    return numbers


def order(texts: list[bytes]) -> list[int]:
    """Give the places of texts in the order of their bytes."""
    return sorted(range(len(texts)), key=lambda place: texts[place])


def partition(rows: list[tuple[int, int, int]]) -> tuple[list[tuple[int, int, int]], dict[str, int]]:
    """Keep the rows of two records with a score, the smaller record left; count the others, each for one reason."""
    kept = []
    tally = {"empty": 0, "unknown": 0, "bad": 0, "self": 0}
    for left, right, score in rows:
        if -2 in (left, right):
            tally["empty"] += 1
        elif -1 in (left, right):
            tally["unknown"] += 1
        elif score < 0:
            tally["bad"] += 1
        elif left == right:
            tally["self"] += 1
        else:
            kept.append((min(left, right), max(left, right), score))
    return sorted(kept), tally


def repeated(pairs: list[tuple[int, int]]) -> list[bool]:
    """Say of each pair whether it is there more than once."""
    return [pairs.count(pair) > 1 for pair in pairs]


def sort_places(keys: list[int], places: list[int]) -> list[int]:
    """Sort places by their key, those of one key as they are given."""
    return sorted(places, key=lambda place: keys[place])


def hash_contents(ids: str, pairs: list[tuple[int, int, int]], component_of: list[int]) -> list[str]:
    """Hash what each component of two or more consists of, in order of their names; of two records it is empty."""
    found = []
    for name in sorted(set(component_of)):
        members = [record for record, component in enumerate(component_of) if component == name]
        inside = sorted(pair for pair in pairs if pair[0] in members and pair[1] in members)
        texts = [ids[record].encode() for record in members]
        lengths = b"".join(len(text).to_bytes(8, "little") for text in texts)
        rows = [(members.index(left), members.index(right), score) for left, right, score in inside]
        numbers = b"".join(number.to_bytes(4, "little") for row in rows for number in row)
        whole = b"%d %d;" % (len(members), len(inside)) + lengths + b"".join(texts) + numbers
        if len(members) > 1:
            found.append(hashlib.sha256(whole).hexdigest()[:32] if len(members) > 2 else "")
    return found


def find_texts(page: bytes) -> list[bytes]:
    """Read texts that each have their length before them, in four bytes."""
    texts = []
    while page:
        length = int.from_bytes(page[:4], "little")
        texts.append(page[4 : 4 + length])
        page = page[4 + length :]
    return texts


def pack_runs(runs: list[list[int]], n_bits: int) -> bytes:
    """Pack numbers: a run of one value as its length and the value, any other of eight (or 16, 24 ...) bit by bit."""
    packed = b""
    for run in runs:
        if len(set(run)) == 1:
            packed += _pack_length(2 * len(run)) + run[0].to_bytes((n_bits + 7) // 8, "little")
        else:
            assert len(run) % 8 == 0
            bits = sum(value << n_bits * i for i, value in enumerate(run))
            packed += _pack_length(2 * (len(run) // 8) + 1) + bits.to_bytes(len(run) * n_bits // 8, "little")
    return packed


def _pack_length(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _pack_length(rest) if rest else bytes([low])
