"""Which image, which crop, which flips: drawn from (seed, number of the sample) and nothing else.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a key and a counter into
random bits directly, without a state that would have to be carried along: the key is the seed, the counter is
the sample's number. So sample 1,000,000 is the same whether a run reached it in one go, in three, with four
workers or on eight devices. Only raw bits are used, which NumPy keeps the same from version to version.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_OF_SAMPLES, _OF_EPOCHS = 0, 1  # second word of the key: the two streams never meet
_WORDS = 4  # Philox gives four 64-bit words per value of the counter

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Draw:
    """What was drawn for a run of samples: for each its image, two numbers in [0, 2^32) and three coins."""

    image: Integers
    vertical: NDArray[np.uint64]
    horizontal: NDArray[np.uint64]
    coins: Booleans

    def corner(self, rows: Integers, columns: Integers) -> tuple[Integers, Integers]:
        """A row below ``rows`` and a column below ``columns`` for each sample, all equally likely."""
        return _below(self.vertical, rows), _below(self.horizontal, columns)


def draw(seed: int, first: int, count: int, images: int) -> Draw:
    """Draw the samples ``first`` to ``first + count - 1`` of a set of ``images`` images.

    The samples of an epoch (``images`` of them) use every image once, in an order of that epoch's own.
    """
    words = _raw(seed, _OF_SAMPLES, [first, 0, 0, 0], count * _WORDS).reshape(count, _WORDS)
    numbers = np.arange(first, first + count, dtype=np.int64)
    epochs, places = np.divmod(numbers, images)
    image = np.empty(count, np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        image[here] = order_of_epoch(seed, int(epoch), images)[places[here]]
    coins = (words[:, 2:3] >> np.array([0, 1, 2], np.uint64)) & np.uint64(1)
    return Draw(image, words[:, 0] >> np.uint64(32), words[:, 1] >> np.uint64(32), coins.astype(np.bool_))


@lru_cache(maxsize=4)
def order_of_epoch(seed: int, epoch: int, images: int) -> Integers:
    """The order in which an epoch uses the images: a permutation of ``range(images)``."""
    return np.argsort(_raw(seed, _OF_EPOCHS, [0, epoch, 0, 0], images), kind="stable").astype(np.int64)


def _raw(seed: int, stream: int, counter: list[int], words: int) -> NDArray[np.uint64]:
    key = np.array([seed, stream], np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=np.array(counter, np.uint64)).random_raw(words))


def _below(numbers: NDArray[np.uint64], bounds: Integers) -> Integers:
    return ((numbers * bounds.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)
