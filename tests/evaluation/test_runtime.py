"""Run time against a clock that the networks themselves turn, so that every expected number is exact."""

import os
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.evaluation import runtime

CPU = torch.device("cpu")


class Clock:
    """Stands still but for the passes; each takes longer than the one before by ``drift`` milliseconds."""

    def __init__(self) -> None:
        self.milliseconds = 0.0
        self.drift = 0.0
        self.passes = 0

    def spend(self, milliseconds: float) -> None:
        self.milliseconds += milliseconds + self.drift * self.passes
        self.passes += 1


class Network(nn.Module):
    """Calls ``work`` at each pass."""

    def __init__(self, work: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.work = work

    def forward(self, x: Tensor) -> Tensor:
        self.work(x)
        return x


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.milliseconds / 1e3)
    return clock


def taking(clock: Clock, milliseconds: float) -> Network:
    return Network(lambda _: clock.spend(milliseconds))


def test_a_network_twice_as_slow_has_ratio_two(clock: Clock) -> None:
    measured = runtime.compare(taking(clock, 20), [taking(clock, 10)], CPU)
    assert measured.time_ms == pytest.approx(20)
    (baseline,) = measured.baselines
    assert baseline.time_ms == pytest.approx(10)
    assert baseline.ratio == pytest.approx(2)


def test_two_baselines_have_a_ratio_each(clock: Clock) -> None:
    measured = runtime.compare(taking(clock, 20), [taking(clock, 10), taking(clock, 40)], CPU)
    assert [baseline.time_ms for baseline in measured.baselines] == pytest.approx([10, 40])
    assert [baseline.ratio for baseline in measured.baselines] == pytest.approx([2, 0.5])


def test_a_machine_that_slows_down_steadily_does_not_change_the_ratio(clock: Clock) -> None:
    clock.drift = 1.0  # measured A B A B, equal networks would differ in every round
    measured = runtime.compare(taking(clock, 20), [taking(clock, 20), taking(clock, 20)], CPU)
    assert [baseline.ratio for baseline in measured.baselines] == pytest.approx([1, 1])


def test_an_interrupted_pass_is_left_out(clock: Clock) -> None:
    interrupted = Network(lambda _: clock.spend(20 if clock.passes != 9 else 5000))
    measured = runtime.compare(interrupted, [taking(clock, 10)], CPU)
    assert measured.time_ms == pytest.approx(20)
    assert measured.baselines[0].ratio == pytest.approx(2)


@pytest.mark.parametrize(
    ("milliseconds", "rounds"),
    [(1000, 3), (100, 13), (1, 100)],  # of four passes: fewest; 5 s are over in the 13th; most
)
def test_rounds_are_repeated_for_five_seconds_within_bounds(clock: Clock, milliseconds: float, rounds: int) -> None:
    assert runtime.compare(taking(clock, milliseconds), [taking(clock, milliseconds)], CPU).rounds == rounds


@pytest.mark.parametrize(
    ("baselines", "warm_up", "turns"), [("B", "ABAB", "ABBA"), ("BC", "ABCABC", "ABCCBA")], ids=["one", "two"]
)
def test_passes_take_turns_after_a_warm_up(clock: Clock, baselines: str, warm_up: str, turns: str) -> None:
    order: list[str] = []

    def named(name: str) -> Network:
        def work(_: Tensor) -> None:
            order.append(name)
            clock.spend(1000)

        return Network(work)

    runtime.compare(named("A"), [named(name) for name in baselines], CPU)
    assert "".join(order) == warm_up + turns * 3


def test_networks_run_as_they_would_be_deployed_on_every_core(clock: Clock) -> None:
    seen: set[tuple[object, ...]] = set()

    def look(x: Tensor) -> None:
        channels_last = x.is_contiguous(memory_format=torch.channels_last)
        seen.add((tuple(x.shape), x.dtype, channels_last, torch.is_inference_mode_enabled(), torch.get_num_threads()))
        clock.spend(1000)

    measured = runtime.compare(Network(look), [taking(clock, 1000)], CPU)
    cores = len(os.sched_getaffinity(0))
    assert seen == {((1, 3, measured.height, measured.width), torch.float32, True, True, cores)}
    assert measured.threads == cores
    assert measured.device == "CPU"


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_thread_count_is_put_back(clock: Clock, one_thread: None) -> None:
    runtime.compare(taking(clock, 1000), [taking(clock, 1000)], CPU)
    assert torch.get_num_threads() == 1


def test_the_thread_count_is_put_back_after_a_failure(clock: Clock, one_thread: None) -> None:
    def fail(_: Tensor) -> None:
        raise EsrError("out of memory")

    with pytest.raises(EsrError):
        runtime.compare(Network(fail), [taking(clock, 1)], CPU)
    assert torch.get_num_threads() == 1


def test_the_given_network_stays_in_training_mode_and_in_its_memory_format(clock: Clock) -> None:
    network = taking(clock, 1000)
    strides = network.conv.weight.stride()
    runtime.compare(network, [taking(clock, 1000)], CPU)
    assert network.training
    assert network.conv.weight.stride() == strides
