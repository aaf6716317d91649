"""Rounds: several networks take turns, there and back, so that what slows the machine down slows all alike."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esr.timing.clock import Pass
from esr.timing.interval import Interval, median_interval

WINDOW = 3
STABLE_WITHIN = 0.02
WARMUP_SECONDS = 10.0
"""At most, and never longer than the rounds may take."""
FEWEST_ROUNDS = 7
"""The median lies between the smallest and the largest of n values in 1 - 2 / 2^n of all cases: .98 of seven."""
MOST_ROUNDS = 1000
LOOK_AFTER = 10
"""The intervals are looked at again after a tenth more rounds: they take time of their own to compute."""


@dataclass(frozen=True)
class RoundTimes:
    """Two passes of every network.

    Attributes:
        passes: milliseconds of the first and the second pass, network by network.
        clock_mhz: the GPU's SM clock after the round; None where it cannot be read.
        throttled: whether the GPU slowed itself down, for heat or power; None where it cannot be read.
    """

    passes: tuple[tuple[float, float], ...]
    clock_mhz: int | None = None
    throttled: bool | None = None


Sensor = Callable[[], tuple[int | None, bool | None]]
"""Reads the GPU's SM clock and whether it throttles."""


def no_sensor() -> tuple[None, None]:
    """Where there is nothing to read."""
    return None, None


def warm_up(networks: Sequence[Pass], seconds: float) -> float:
    """Run all in turn until every median over 3 turns is within 2 % of the 3 before, and no longer than ``seconds``.

    Returns:
        The seconds that it took.
    """
    start = time.perf_counter()
    turns: list[list[float]] = []
    while time.perf_counter() - start < seconds:
        turns.append([run() for run in networks])
        if len(turns) >= 2 * WINDOW and all(map(_stable, zip(*turns[-2 * WINDOW :], strict=True))):
            break
    return time.perf_counter() - start


def _stable(times: Sequence[float]) -> bool:
    before, after = statistics.median(times[:WINDOW]), statistics.median(times[WINDOW:])
    return abs(after - before) <= STABLE_WITHIN * before


def take_turns(
    networks: Sequence[Pass], baseline: int, seconds: float, narrow: float, sensor: Sensor = no_sensor
) -> list[RoundTimes]:
    """Rounds, each in a random order and back again, between ``FEWEST_ROUNDS`` and ``MOST_ROUNDS`` of them.

    They end when the interval of every network's ratio to the one at ``baseline`` is at most ``narrow`` wide, as a part
    of the ratio, or ``seconds`` are spent. A drift that is linear over a round cancels.
    """
    rounds: list[RoundTimes] = []
    orders = random.Random(0)  # a fixed order would always put the same network behind the slowest one
    start, looks = time.perf_counter(), FEWEST_ROUNDS
    while len(rounds) < FEWEST_ROUNDS or (len(rounds) < MOST_ROUNDS and time.perf_counter() - start < seconds):
        if len(rounds) == looks:
            if _widest(rounds, baseline) <= narrow:
                break
            looks += 1 + looks // LOOK_AFTER
        order = orders.sample(range(len(networks)), len(networks))
        there = {place: networks[place]() for place in order}
        back = {place: networks[place]() for place in reversed(order)}
        rounds.append(RoundTimes(tuple((there[place], back[place]) for place in range(len(networks))), *sensor()))
    return rounds


def ratio(rounds: Sequence[RoundTimes], place: int, other: int) -> Interval:
    """The time of one network over another's: the median of the rounds' ratios, with its interval."""
    return median_interval([sum(each.passes[place]) / sum(each.passes[other]) for each in rounds])


def median_ms(rounds: Sequence[RoundTimes], place: int) -> float:
    """The median over a network's passes, milliseconds."""
    return statistics.median(ms for each in rounds for ms in each.passes[place])


def _widest(rounds: Sequence[RoundTimes], baseline: int) -> float:
    return max(ratio(rounds, place, baseline).width for place in range(len(rounds[0].passes)) if place != baseline)
