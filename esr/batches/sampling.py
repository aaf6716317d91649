"""Which image, which crop, which flips: drawn from (seed, number of the sample) and nothing else.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a key and a counter into
random bits directly, without a state that would have to be carried along: the key is the phase's seed, the counter is
the sample's number. So sample 1,000,000 is the same whether a run reached it in one go, in three, with four
workers or on eight devices. Only raw bits are used, which NumPy keeps the same from version to version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from esr.common.factor import SCALE

_OF_SAMPLES, _OF_EPOCHS = 0, 1  # second word of the key: the two streams never meet
_WORDS = 4  # Philox gives four 64-bit words per value of the counter

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Samples:
    """What was drawn for some samples.

    Attributes:
        image: (N,) the image of each sample.
        top: (N,) first row of its crop, in LR pixels.
        left: (N,) first column of its crop, in LR pixels.
        coins: (N, 3) bool: flipped left to right, flipped top to bottom, turned by 90 degrees (after the flips).
    """

    image: Integers
    top: Integers
    left: Integers
    coins: NDArray[np.bool_]


class Sampler:
    """Draws the samples of a phase by their numbers."""

    def __init__(self, sizes: Integers, patch: int, seed: int, augment: Sequence[bool] = (True, True, True)) -> None:
        """Prepare to draw.

        Args:
            sizes: (images, 2) height and width of each HR image; those that the patch does not fit into are not used.
            patch: side of an HR patch, a multiple of 4.
            seed: of everything that is drawn.
            augment: whether there are flips left to right, flips top to bottom, turns.
        """
        self._fitting = fitting(sizes, patch)
        self._corners = (sizes - patch) // SCALE + 1
        self._seed = seed
        self._augment = np.array(augment, np.bool_)

    def draw(self, first: int, count: int) -> Samples:
        """Draw the samples ``first`` to ``first + count - 1`` of the phase.

        An epoch is as many samples as there are images that the patch fits into; it uses each once, in an order of its
        own. Every position of a crop within its image is equally likely (to within 2^-32 of the number of positions).
        """
        image = self._images(first, count)
        words = _raw(self._seed, _OF_SAMPLES, [first, 0, 0, 0], count * _WORDS).reshape(count, _WORDS)
        coins = (words[:, 2:3] >> np.array([0, 1, 2], np.uint64)) & np.uint64(1)
        corners = self._corners[image]
        return Samples(
            image=image,
            top=_below(words[:, 0], corners[:, 0]),
            left=_below(words[:, 1], corners[:, 1]),
            coins=coins.astype(np.bool_) & self._augment,
        )

    def _images(self, first: int, count: int) -> Integers:
        epochs, places = np.divmod(np.arange(first, first + count, dtype=np.int64), len(self._fitting))
        image = np.empty(count, np.int64)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            image[here] = _order(self._seed, epoch, len(self._fitting))[places[here]]
        return self._fitting[image]


def fitting(sizes: Integers, patch: int) -> Integers:
    """The images, by their numbers, that a patch fits into; ``sizes`` are (images, 2) heights and widths."""
    return np.flatnonzero((sizes >= patch).all(axis=1))


@lru_cache(maxsize=16)
def _order(seed: int, epoch: int, images: int) -> Integers:
    """The order in which an epoch uses so many images: a permutation of ``range(images)``."""
    return np.argsort(_raw(seed, _OF_EPOCHS, [0, epoch, 0, 0], images), kind="stable").astype(np.int64)


def _raw(seed: int, stream: int, counter: list[int], words: int) -> Words:
    key = np.array([seed, stream], np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=np.array(counter, np.uint64)).random_raw(words))


def _below(words: Words, bounds: Integers) -> Integers:
    """A number below each bound, from the upper 32 bits of each word."""
    return (((words >> np.uint64(32)) * bounds.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)
