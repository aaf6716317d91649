"""The bootstrap interval of a median and what is said of it."""

import math

import numpy as np
import pytest
from scipy import stats

from esr.timing.interval import Interval, independent, median_interval, verdict


def test_seven_values_give_their_smallest_and_their_largest() -> None:
    """A resample's median is the smallest value with four of seven draws or more: 1.02 % of all cases.

    Student's t with 6 degrees of freedom leaves 2.5 % beyond 2.447; the normal distribution 0.41 % beyond
    2.447 sqrt(7 / 6) = 2.643: less than 1.02 %, so the percentile is the smallest value.
    """
    values = [1.0, 1.01, 1.03, 1.06, 1.1, 1.15, 1.21]
    assert median_interval(values) == Interval(1.06, 1.0, 1.21)


def test_equal_values_give_a_point() -> None:
    assert median_interval([0.5] * 9) == Interval(0.5, 0.5, 0.5)


def test_the_order_of_the_values_does_not_move_the_median() -> None:
    assert median_interval([3.0, 1.0, 2.0, 5.0, 4.0]).value == 3.0


def test_many_values_give_what_scipy_s_bootstrap_gives() -> None:
    """With 400 values the expanded percentiles are the plain ones, nearly: 2.42 % in place of 2.5 %.

    Low and high values take turns: none is like the one before, which SciPy takes for granted.
    """
    values = np.sort(np.random.default_rng(5).normal(10, 1, 400)).reshape(2, 200).T.ravel()
    found = median_interval(list(values))
    theirs = stats.bootstrap(
        (values,), np.median, n_resamples=4000, confidence_level=0.95, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)  # the interval is 0.25 wide


@pytest.mark.parametrize("count", [7, 8, 15, 40])
def test_the_interval_holds_the_true_median_in_95_of_100_cases(count: int) -> None:
    """Of 500 drawn samples; plain percentiles of seven values hold it in 88 %."""
    samples = np.random.default_rng(count).normal(1, 0.01, (500, count))
    held = sum(median_interval(list(sample)).holds(1) for sample in samples)
    assert held >= 500 * 0.95 - 2 * math.sqrt(500 * 0.95 * 0.05)


def test_the_interval_holds_the_true_median_where_values_are_like_those_before() -> None:
    """Of 300 drawn series in which each value has half of the deviation before it, as a drifting machine's has.

    Taken for independent, the 120 values would hold it in four of five.
    """
    random = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        deviation, series = 0.0, []
        for noise in random.normal(0, 0.01, 120):
            deviation = 0.5 * deviation + noise
            series.append(1 + deviation)
        held += median_interval(series).holds(1)
    assert held >= 300 * 0.95 - 3 * math.sqrt(300 * 0.95 * 0.05)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0] * 10, 20),  # to and fro: no less than there are
        ([1.0] * 20 + [2.0] * 20, 3),  # two halves: autocorrelations 1 - 3k / 40 up to k = 13: 40 / (1 + 2 x 6.175)
        ([3.0] * 9, 9),
    ],
)
def test_as_many_values_count_as_are_independent(values: list[float], expected: int) -> None:
    assert independent(np.asarray(values)) == expected


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two values"):
        median_interval([1.0])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.60, 0.62, "faster"),
        (0.97, 0.999, "faster"),
        (0.97, 1.0, "cannot tell"),
        (0.99, 1.01, "same"),
        (0.991, 0.995, "same"),  # surely faster, by less than a hundredth
        (0.98, 1.005, "cannot tell"),
        (1.001, 1.02, "slower"),
        (1.0, 1.02, "cannot tell"),
        (1.44, 1.46, "slower"),
    ],
)
def test_verdicts(low: float, high: float, said: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high)) == said


@pytest.mark.parametrize(("other", "both"), [((1.0, 1.2), True), ((1.1, 1.2), True), ((1.11, 1.2), False)])
def test_intervals_overlap_where_they_have_a_value_in_common(other: tuple[float, float], both: bool) -> None:
    one, two = Interval(1.05, 1.0, 1.1), Interval(1.15, *other)
    assert one.overlaps(two) is two.overlaps(one) is both
