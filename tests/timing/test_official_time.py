"""The challenge's protocol, against a clock that the network itself turns."""

import pytest
import torch
from torch import Tensor

from esr.timing.official import OfficialTime, images_of, official_times
from tests.timing.turning_clock import Clock, Network


def test_the_cold_start_counts_and_its_share_is_told() -> None:
    """50 ms, then 10 ms three times: 20 ms on average, of which the start is (50 - 10) / 80."""
    time = OfficialTime("A", (50.0, 10.0, 10.0, 10.0))
    assert (time.mean_ms, time.median_ms, time.cold_share) == (20.0, 10.0, 0.5)


def test_a_start_that_is_not_slower_has_no_share() -> None:
    assert OfficialTime("A", (8.0, 10.0, 10.0)).cold_share == 0


def test_every_image_has_one_pass_and_none_comes_before(clock: Clock) -> None:
    seen: list[tuple[int, ...]] = []

    def work(x: Tensor) -> None:
        assert x.is_contiguous() and x.dtype == torch.float32
        seen.append(tuple(x.shape))
        clock.spend(10 * len(seen))

    times = official_times(Network(work), images_of([(16, 24), (8, 8)], 3, torch.device("cpu")))
    assert times == pytest.approx([10, 20, 30])
    assert seen == [(1, 3, 16, 24), (1, 3, 8, 8), (1, 3, 16, 24)]
