"""Warm-up and rounds, with passes that turn the clock themselves."""

from itertools import permutations

import pytest

from esr.timing.clock import Pass
from esr.timing.rounds import FEWEST_ROUNDS, MOST_ROUNDS, take_turns, warm_up
from tests.timing.turning_clock import Clock


def taking(clock: Clock, *milliseconds: float) -> Pass:
    """Passes that take so long, over and over."""
    count = 0

    def run() -> float:
        nonlocal count
        count += 1
        return clock.spend(milliseconds[(count - 1) % len(milliseconds)])

    return run


def named(name: str, said: list[str], clock: Clock) -> Pass:
    """Passes that say their name and take 1 to 5 ms."""

    def run() -> float:
        said.append(name)
        return clock.spend(1 + len(said) % 5)

    return run


def wavering(clock: Clock) -> Pass:
    """Passes whose rounds differ by half."""
    return taking(clock, 10, 10, 15, 15)


def test_rounds_go_there_and_back_and_every_order_occurs(clock: Clock) -> None:
    said: list[str] = []
    rounds = take_turns([named(name, said, clock) for name in "ABC"], 2, 0.5, 0.0)
    turns = ["".join(said[start : start + 6]) for start in range(0, len(said), 6)]
    assert len(turns) == len(rounds) > FEWEST_ROUNDS
    assert all(turn[:3] == turn[:2:-1] for turn in turns)
    assert {turn[:3] for turn in turns} == {"".join(order) for order in permutations("ABC")}


def test_a_round_holds_the_passes_of_each_network_in_the_order_in_which_they_were_given(clock: Clock) -> None:
    for each in take_turns([taking(clock, 1, 2), taking(clock, 3, 4)], 1, 60, 1.0):
        assert each.passes == ((1, 2), (3, 4))


def test_a_round_says_what_the_sensor_read(clock: Clock) -> None:
    readings = iter([(1980, False)] * 6 + [(1410, True)])
    rounds = take_turns([taking(clock, 1)] * 2, 1, 60, 1.0, lambda: next(readings))
    assert [(each.clock_mhz, each.throttled) for each in rounds] == [(1980, False)] * 6 + [(1410, True)]


def test_rounds_end_as_soon_as_the_intervals_are_narrow(clock: Clock) -> None:
    assert len(take_turns([taking(clock, 10), taking(clock, 20)], 1, 60, 0.001)) == FEWEST_ROUNDS


def test_a_ratio_that_wavers_takes_more_rounds(clock: Clock) -> None:
    """Two of three rounds give 2: seven of them leave 3 in the interval of the median, and many do not."""
    rounds = take_turns([taking(clock, 20, 20, 20, 20, 30, 30), taking(clock, 10)], 1, 60, 0.01)
    assert FEWEST_ROUNDS < len(rounds) < MOST_ROUNDS


def test_rounds_end_when_the_seconds_are_over(clock: Clock) -> None:
    """A round has two passes of 10 or 15 ms and two of 25 ms, 75 ms on average: 40 of them are 3 s."""
    assert len(take_turns([wavering(clock), taking(clock, 25)], 1, 2.99, 0.001)) == 40


def test_slow_networks_get_the_fewest_rounds_nevertheless(clock: Clock) -> None:
    assert len(take_turns([wavering(clock), taking(clock, 60_000)], 1, 1, 0.001)) == FEWEST_ROUNDS


def test_fast_networks_get_the_most_rounds_and_no_more(clock: Clock) -> None:
    assert len(take_turns([wavering(clock), taking(clock, 1)], 1, 3600, 0.001)) == MOST_ROUNDS


def test_the_warm_up_ends_when_all_times_are_stable(clock: Clock) -> None:
    """Medians of three are 20 % apart until the slow passes are over: 90 in turns 1 to 9, then 20."""
    slow_at_first = taking(clock, *[100 * 0.9**turn for turn in range(9)], *[20.0] * 100)
    warm_up([slow_at_first, taking(clock, 20)], 10)
    assert slow_at_first() == 20
    assert clock.passes < 2 * 20


def test_the_warm_up_of_a_machine_that_never_settles_ends_as_well(clock: Clock) -> None:
    ever_slower = taking(clock, *[10 * 1.1**turn for turn in range(60)])
    assert 5 <= warm_up([ever_slower], 5) < 6


@pytest.mark.parametrize("milliseconds", [1.0, 700.0])
def test_the_warm_up_of_steady_networks_takes_six_turns(clock: Clock, milliseconds: float) -> None:
    assert warm_up([taking(clock, milliseconds)] * 2, 10) == pytest.approx(2 * 6 * milliseconds / 1000)
