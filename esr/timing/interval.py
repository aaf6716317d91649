"""The interval in which a median lies, from the rounds that were measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

RESAMPLES = 2000
CONFIDENCE = 0.95
SAME_WITHIN = 0.01

Verdict = Literal["faster", "slower", "same", "cannot tell"]


@dataclass(frozen=True)
class Interval:
    """A median, and the 95 % interval in which it lies.

    Attributes:
        value: the median of what was measured.
        low, high: the interval's ends.
    """

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """The interval's width as a part of the median."""
        return (self.high - self.low) / self.value

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies in the interval, its ends included."""
        return self.low <= value <= self.high

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high


def median_interval(values: Sequence[float]) -> Interval:
    """The median of ``values`` with its 95 % bootstrap interval (Efron 1979), of the expanded percentiles.

    Rounds that follow each other can be alike: a neighbour on the same processor slows two networks by different parts
    for some seconds. So a resample has as many values as the series has independent ones. The resampling is seeded:
    equal values give equal intervals.

    Args:
        values: in the order in which they were measured.

    Raises:
        ValueError: there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("an interval takes two values or more")
    measured = np.asarray(values, dtype=np.float64)
    count = independent(measured)
    drawn = np.random.default_rng(0).choice(measured, size=(RESAMPLES, count))
    tail = 100 * _tail(count)
    low, high = np.percentile(np.median(drawn, axis=1), [tail, 100 - tail])
    return Interval(float(np.median(measured)), float(low), float(high))


def independent(values: npt.NDArray[np.float64]) -> int:
    """As how many independent values a series tells of its median; two or more, and at most as many as it has.

    That is n / (1 + 2 sum of autocorrelations), of the signs of the deviations, since they alone move a median. The sum
    ends before the first pair of neighbouring lags whose sum is not positive. Source: Geyer, Practical Markov Chain
    Monte Carlo, Statistical Science 1992, section 3.3 (the initial positive sequence).
    """
    signs = np.sign(values - np.median(values))
    signs -= signs.mean()
    count = len(signs)
    if not signs.any():
        return count
    products = np.correlate(signs, signs, mode="full")[count - 1 :]  # of lag 0, 1, ...
    pairs = products[: count // 2 * 2].reshape(-1, 2).sum(axis=1) / products[0]
    positive = pairs[: np.argmax(pairs <= 0)] if (pairs <= 0).any() else pairs
    return int(np.clip(round(count / max(1.0, 2 * positive.sum() - 1)), 2, count))


def _tail(count: int) -> float:
    """The share of the resamples beyond either end that lets an interval of so few values hold the median often enough.

    Plain percentiles are too narrow: those of seven values would hold it in 88 % of all cases. Source: Hesterberg, What
    Teachers Should Know About the Bootstrap, 2015, section 5.3.
    """
    student = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    return NormalDist().cdf(-math.sqrt(count / (count - 1)) * student)


def verdict(ratio: Interval) -> Verdict:
    """What a ratio of two run times says: the same where the whole interval lies within 1 % of 1."""
    if ratio.low >= 1 - SAME_WITHIN and ratio.high <= 1 + SAME_WITHIN:
        return "same"
    if ratio.high < 1:
        return "faster"
    return "slower" if ratio.low > 1 else "cannot tell"
