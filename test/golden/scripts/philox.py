"""Keyed random numbers: Philox 4x32-10 in NumPy, the uniform and bounded-integer draws only.

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    key      [seed mod 2^32, floor(seed / 2^32)]
    counter  [draw >> 2, sample, epoch, purpose + 256 * stream]
    draw j   word (j & 3) of the block of its counter
    uniform  (word >> 8) * 2^-24, in [0, 1)
    integer  floor(word * bound / 2^32), in [0, bound)

`tensor` is how every golden script makes its inputs and weights, so that none of them needs to be stored.

Makes no file; checks itself against the known answers of the Random123 distribution:
    /usr/bin/python3 test/golden/scripts/philox.py
"""

import numpy as np

ATTACK_START = 4
ATTACK_TARGET = 5
INITIALIZATION = 8

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)


def philox4x32(counter, key):
    """Ten rounds. counter: four broadcastable integer arrays; key: two integers. Returns uint64 words (..., 4)."""
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(word, dtype=np.uint64) for word in counter))
    k0, k1 = key
    for _ in range(10):
        # A product of two 32-bit words fits 64 bits exactly.
        p0 = c0 * MULTIPLIERS[0]
        p1 = c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> WORD) ^ c1 ^ np.uint64(k0),
            p1 & LOW,
            (p0 >> WORD) ^ c3 ^ np.uint64(k1),
            p0 & LOW,
        )
        k0 = (k0 + KEY_STEPS[0]) & 0xFFFFFFFF
        k1 = (k1 + KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1)


def words(count, seed, purpose, epoch=0, sample=0, stream=0):
    """Draws 0 .. count-1 of one key as uint64 words below 2^32, shape (count,)."""
    blocks = np.arange((count + 3) // 4)
    counter = (blocks, sample, epoch, purpose + 256 * stream)
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:count]


def uniform(count, seed, purpose, epoch=0, sample=0, stream=0):
    """Draws 0 .. count-1 as float64 in [0, 1), each a multiple of 2^-24."""
    return (words(count, seed, purpose, epoch, sample, stream) >> np.uint64(8)).astype(np.float64) * 2.0**-24


def integer(bound, seed, purpose, epoch=0, sample=0, stream=0):
    """Draw 0 as an integer in [0, bound)."""
    return int(words(1, seed, purpose, epoch, sample, stream)[0]) * bound >> 32


def tensor(stream, shape, scale=1.0):
    """The float64 tensor of a stream: element i in C order is (2 * uniform(draw i) - 1) * scale.

    Key: seed 7, purpose 8, epoch 0, sample 0.
    """
    count = int(np.prod(shape))
    return ((uniform(count, 7, INITIALIZATION, stream=stream) * 2 - 1) * scale).reshape(shape)


def check_known_answers():
    ones = 0xFFFFFFFF
    answers = [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((ones, ones, ones, ones), (ones, ones), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    for counter, key, expected in answers:
        found = " ".join(f"{int(word):08x}" for word in philox4x32(counter, key))
        assert found == expected, f"philox4x32({counter}, {key}) = {found}, expected {expected}"


if __name__ == "__main__":
    check_known_answers()
    print("philox4x32-10 gives the known answers")
