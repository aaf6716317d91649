"""Networks beside a baseline, against a clock that the networks themselves turn."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from esr.common.errors import EsrError
from esr.timing.interval import median_interval
from esr.timing.rounds_file import write_rounds
from esr.timing.session import Candidate, compare
from tests.timing.turning_clock import RULE, Clock, Network, session, taking


def test_a_network_twice_as_slow_has_ratio_two(clock: Clock) -> None:
    measured = session(taking(clock, 10), taking(clock, 20))
    assert (measured.time_ms("A"), measured.time_ms("baseline")) == pytest.approx((20, 10))
    ratio = measured.ratio("A")
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((2, 2, 2))
    assert measured.verdict("A") == "slower"


def test_each_network_has_a_ratio_to_the_baseline_and_to_any_other(clock: Clock) -> None:
    measured = session(taking(clock, 10), taking(clock, 20), taking(clock, 5))
    assert measured.ratio("B").value == pytest.approx(0.5)
    assert measured.ratio("A", "B").value == pytest.approx(4)
    assert measured.verdict("B") == "faster"


def test_a_machine_that_slows_down_steadily_does_not_change_the_ratio(clock: Clock) -> None:
    clock.drift = 0.1  # measured A B A B, equal networks would differ in every round
    measured = session(taking(clock, 20), taking(clock, 20), taking(clock, 20))
    for interval in (measured.ratio("A"), measured.ratio("B"), measured.control):
        assert (interval.low, interval.value, interval.high) == pytest.approx((1, 1, 1))
    assert measured.verdict("A") == "same"


def test_an_interrupted_pass_moves_neither_time_nor_ratio(clock: Clock) -> None:
    turns = iter([20.0] * 8 + [5000.0] + [20.0] * 100)
    measured = session(taking(clock, 10), Network(lambda _: clock.spend(next(turns))))
    assert 5000 in [round(ms) for each in measured.rounds for ms in each.passes[0]]
    assert measured.time_ms("A") == pytest.approx(20)
    assert measured.ratio("A").value == pytest.approx(2)


def test_a_steady_machine_leaves_no_doubt(clock: Clock) -> None:
    measured = session(taking(clock, 10), taking(clock, 20))
    assert measured.control.holds(1) and not measured.doubt


def test_a_copy_that_differs_from_its_original_is_named_and_nothing_can_be_told(clock: Clock) -> None:
    """As where its memory lies badly: whichever of the two runs second takes 12 ms in place of 10."""
    seen: list[int] = []

    class Baseline(Network):
        def forward(self, x: Tensor) -> Tensor:
            if id(self) not in seen:
                seen.append(id(self))
            clock.spend(10 + 2 * seen.index(id(self)))
            return x

    measured = session(Baseline(len), taking(clock, 5))
    assert measured.doubt == "the baseline against itself gave 1.200 to 1.200, without 1"
    assert measured.verdict("A") == "cannot tell"


def test_a_machine_that_is_too_noisy_to_tell_is_named(clock: Clock) -> None:
    """The baseline's passes waver by a half, and so does the control."""
    turns = iter([10.0, 20.0, 15.0, 10.0, 10.0, 20.0, 20.0] * 200)
    measured = session(Network(lambda _: clock.spend(next(turns))), taking(clock, 10))
    assert measured.control.width > 0.1
    assert measured.doubt.startswith("the machine was too noisy: the baseline against itself gave")
    assert measured.verdict("A") == "cannot tell"


def test_an_interval_can_be_computed_again_from_the_file_of_rounds(clock: Clock, tmp_path: Path) -> None:
    turns = iter([10.0, 11.0, 12.0, 10.5, 12.5] * 100)
    measured = session(taking(clock, 10), Network(lambda _: clock.spend(next(turns))))
    write_rounds(tmp_path / "rounds.csv", [measured])
    lines = pd.read_csv(tmp_path / "rounds.csv")
    assert set(lines["network"]) == {"A", "baseline", "baseline again"}
    assert set(zip(lines["height"], lines["width"], strict=True)) == {(16, 24)}
    both = (lines["first_ms"] + lines["second_ms"]).groupby([lines["network"], lines["round"]]).sum()
    again = median_interval(list(both["A"] / both["baseline"]))
    ratio = measured.ratio("A")
    assert ratio.low < ratio.high
    assert (again.low, again.value, again.high) == pytest.approx((ratio.low, ratio.value, ratio.high))


def test_networks_run_as_they_would_be_deployed_on_every_core(clock: Clock) -> None:
    seen: set[tuple[object, ...]] = set()

    def look(x: Tensor) -> None:
        channels_last = x.is_contiguous(memory_format=torch.channels_last)
        seen.add((tuple(x.shape), x.dtype, channels_last, torch.is_inference_mode_enabled(), torch.get_num_threads()))
        clock.spend(10)

    measured = session(taking(clock, 10), Network(look))
    cores = len(os.sched_getaffinity(0))
    assert seen == {((1, 3, 16, 24), torch.float32, True, True, cores)}
    assert (measured.height, measured.width, measured.threads, measured.device) == (16, 24, cores, "CPU")


def test_what_comes_before_a_pass_comes_before_each_of_them_and_is_recorded(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("esr.timing.session.flush_l2", lambda _: lambda: done.append("flush"))

    def look(_: Tensor) -> None:
        done.append("pass")
        clock.spend(10)

    network = Network(look)
    same = Candidate("baseline", network)
    measured = compare([Candidate("A", network)], same, (16, 24), torch.device("cpu"), RULE, flush=True)
    assert measured.flushed
    assert done == ["flush", "pass"] * (len(done) // 2)


def test_the_machine_is_described(clock: Clock) -> None:
    conditions = session(taking(clock, 10), taking(clock, 10)).conditions
    assert conditions.cores == len(os.sched_getaffinity(0))
    assert conditions.processor
    assert min(conditions.load_before, conditions.load_after) >= 0
    assert conditions.versions["torch"] == torch.__version__


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_thread_count_is_put_back(clock: Clock, one_thread: None) -> None:
    session(taking(clock, 10), taking(clock, 10))
    assert torch.get_num_threads() == 1


def test_the_thread_count_is_put_back_after_a_failure(clock: Clock, one_thread: None) -> None:
    def fail(_: Tensor) -> None:
        raise EsrError("out of memory")

    with pytest.raises(EsrError):
        session(taking(clock, 10), Network(fail))
    assert torch.get_num_threads() == 1


def test_the_given_networks_stay_in_training_mode_and_in_their_memory_format(clock: Clock) -> None:
    networks = taking(clock, 10), taking(clock, 10)
    strides = networks[0].conv.weight.stride()
    session(*networks)
    assert all(network.training and network.conv.weight.stride() == strides for network in networks)
