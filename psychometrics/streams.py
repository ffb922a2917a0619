"""One independent random stream for each simulee, made for all of them at once.

Stream (seed, simulee) is exactly `numpy.random.Generator(numpy.random.Philox(key=[seed, simulee])).random()`, computed
for many simulees as arrays, since making ten thousand generators costs more than the simulation. Because it is keyed
by counter, simulee 7 has the same stream whoever else is simulated, in whatever order, on however many machines; and
no stream is started anew for each item, which would let one number drive a whole test.

References:
    Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as easy as 1, 2, 3 (Philox 4x64, ten rounds).
"""

import numpy as np
from numpy.typing import NDArray

from psychometrics.data import FloatArray

Words = NDArray[np.uint64]

ROUNDS = 10
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
BUMPS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B))
HALF, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
UNUSED_BITS = np.uint64(11)
WORDS_PER_BLOCK = 4
BLOCK_ROWS = 1024  # so that one block's words stay in the second-level cache
SEED_LIMIT = 2**64


def uniforms(seed: int, simulees: NDArray[np.uint64], count: int) -> FloatArray:
    """The first `count` numbers in [0, 1) of each simulee's stream, shape (n_simulees, count)."""
    result = np.empty((len(simulees), count))
    for start in range(0, len(simulees), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        result[rows] = _block(seed, simulees[rows], count)
    return result


def _block(seed: int, simulees: Words, count: int) -> FloatArray:
    blocks = -(-count // WORDS_PER_BLOCK)
    shape = (blocks, len(simulees))
    words: list[Words] = [np.zeros(shape, dtype=np.uint64) for _ in range(WORDS_PER_BLOCK)]
    words[0] += np.arange(1, blocks + 1, dtype=np.uint64)[:, None]  # numpy counts up before it draws
    keys: list[Words] = [np.array([seed % SEED_LIMIT], dtype=np.uint64), simulees.astype(np.uint64)]
    for _ in range(ROUNDS):
        words = _round(words, keys)
        keys = [key + bump for key, bump in zip(keys, BUMPS, strict=True)]
    drawn = np.stack(words, axis=1).reshape(blocks * WORDS_PER_BLOCK, len(simulees))[:count]
    return ((drawn >> UNUSED_BITS).astype(np.float64) * 2.0**-53).T


def _round(words: list[Words], keys: list[Words]) -> list[Words]:
    high0, low0 = _wide_product(words[0], MULTIPLIERS[0])
    high1, low1 = _wide_product(words[2], MULTIPLIERS[1])
    high1 ^= words[1]
    high1 ^= keys[0]
    high0 ^= words[3]
    high0 ^= keys[1]
    return [high1, low1, high0, low0]


def _wide_product(words: Words, multiplier: int) -> tuple[Words, Words]:
    """Upper and lower 64 bits of a product of 64-bit numbers, from four products of their halves."""
    m_low, m_high = np.uint64(multiplier & 0xFFFFFFFF), np.uint64(multiplier >> 32)
    low, high = words & LOW, words >> HALF
    carry = low * m_low
    carry >>= HALF
    carry += high * m_low  # at most (2^32-1)(2^32-1) + 2^32-1: no overflow
    low *= m_high
    low += carry & LOW
    low >>= HALF
    carry >>= HALF
    high *= m_high
    high += carry
    high += low
    return high, words * np.uint64(multiplier)
