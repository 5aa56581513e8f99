"""From rows of text ids to pairs of records 0 .. n - 1, each pair once: what is read, and what is left of it."""

from unsnarl.interning.contents import add_constraints, hash_contents
from unsnarl.interning.decision_lines import read_long
from unsnarl.interning.dictionary import Dictionary
from unsnarl.interning.digests import hash_texts
from unsnarl.interning.ids import Ids
from unsnarl.interning.penalty import penalise
from unsnarl.interning.reading import MAX_RECORDS, Interned, intern
from unsnarl.interning.settling import Settled, settle
from unsnarl.interning.store import Into, PairStore

find_indexes = Dictionary.number_all

__all__ = [
    "MAX_RECORDS",
    "Dictionary",
    "Ids",
    "Interned",
    "Into",
    "PairStore",
    "Settled",
    "add_constraints",
    "find_indexes",
    "hash_contents",
    "hash_texts",
    "intern",
    "penalise",
    "read_long",
    "settle",
]
