"""SHA-1 (FIPS 180-4) of the members of clusters, each with its length before it; words of 32 bits in 64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel

BLOCK_WORDS, STATE_WORDS = 80, 5
_LOW = np.uint64(2**32 - 1)
_BITS = np.uint64(32)
_ONE, _FIVE, _THIRTY = np.uint64(1), np.uint64(5), np.uint64(30)
_CONSTANTS = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)
_K0, _K1, _K2, _K3 = (np.uint64(word) for word in _CONSTANTS)
_BEGIN = tuple(np.uint64(word) for word in (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0))
_DIGIT, _COLON, _END = 48, 58, 128


class Room(NamedTuple):
    """Hold a text being hashed.

    block  uint64[80]  the 64 bytes not yet mixed in, four in a word, zeros after them; then what is made of them
    state  uint64[5]   the hash so far
    """

    block: Words
    state: Words


@inner
def _turn(word: Word, n_bits: Word) -> Word:
    """Return the 32 bits of a word, turned to the left.

    Needs: word < 2**32, n_bits < 32, unsigned. Overwrites: nothing. Ties: none.
    """
    return (word << n_bits | word >> (_BITS - n_bits)) & _LOW


@inner
def _mix_block(room: Room) -> None:
    """Mix 64 bytes into the hash.

    Needs: block[:16]. Overwrites: room; block[:16] is all 0 afterwards. Each turn: a .. e are as after so many rounds.
    """
    block, state = room.block, room.state
    for i in range(16, 80):
        block[i] = _turn(block[i - 3] ^ block[i - 8] ^ block[i - 14] ^ block[i - 16], _ONE)
    a, b, c, d, e = state[0], state[1], state[2], state[3], state[4]
    for i in range(80):
        if i < 20:
            mixed = (d ^ (b & (c ^ d))) + _K0
        elif i < 40:
            mixed = (b ^ c ^ d) + _K1
        elif i < 60:
            mixed = (b & c | d & (b | c)) + _K2
        else:
            mixed = (b ^ c ^ d) + _K3
        turned = (_turn(a, _FIVE) + mixed + e + block[i]) & _LOW
        a, b, c, d, e = turned, a, _turn(b, _THIRTY), c, d
    state[0] = (state[0] + a) & _LOW
    state[1] = (state[1] + b) & _LOW
    state[2] = (state[2] + c) & _LOW
    state[3] = (state[3] + d) & _LOW
    state[4] = (state[4] + e) & _LOW
    block[:16] = 0


@inner
def _push(byte: int, at: int, room: Room) -> int:
    """Take in one byte, the `at`-th of its text; return the number of those taken in.

    Needs: 0 <= byte < 256. Overwrites: room. Ties: none.
    """
    place = at & 63
    room.block[place >> 2] |= np.uint64(byte) << np.uint64(24 - 8 * (place & 3))
    if place == 63:
        _mix_block(room)
    return at + 1


@inner
def _finish(n_bytes: int, room: Room) -> None:
    """End a text, as the standard has it: a bit, zeros, and the number of bits in the last eight bytes of a block.

    Needs: n_bytes taken in. Overwrites: room. Each turn: another byte is in.
    """
    at = _push(_END, n_bytes, room)
    while at & 63 != 56:
        at = _push(0, at, room)
    for i in range(8):
        at = _push((8 * n_bytes) >> (56 - 8 * i) & 255, at, room)


@kernel
def hash_clusters(content: Words, ends: Int64, spans: Int64, digests: Words, room: Room) -> None:
    """Write the hash of the members of each cluster: of each its length in decimal digits, a colon and its bytes.

    Needs: text i is bytes ends[i] .. ends[i + 1] - 1 of content, cluster j texts spans[j] .. spans[j + 1] - 1; digests
    uint64[clusters, 5]; block all 0. Overwrites: digests, room. Each turn: digests[0 .. j] are written. Ties: none.
    """
    for j in range(len(spans) - 1):
        for i in range(STATE_WORDS):
            room.state[i] = _BEGIN[i]
        at = 0
        for i in range(spans[j], spans[j + 1]):
            length = ends[i + 1] - ends[i]
            power = 1
            while power * 10 <= length:
                power *= 10
            while power > 0:
                at = _push(_DIGIT + length // power % 10, at, room)
                power //= 10
            at = _push(_COLON, at, room)
            for k in range(ends[i], ends[i + 1]):
                at = _push(content[k], at, room)
        _finish(at, room)
        for i in range(STATE_WORDS):
            digests[j, i] = room.state[i]
