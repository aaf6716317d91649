"""Run time of a network beside baselines': how much faster, on this machine, in one process.

Two passes of the network enclose those of the baselines (A B B A; with a second baseline A B C C B A), round after
round: whatever slows the machine down for a while slows all alike, and a drift that is linear over a round cancels.
Medians leave out the odd interruption.
"""

import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CPU_SIZE = (135, 240)  # LR height and width: 540x960 comes out
CUDA_SIZE = (270, 480)  # 1080x1920 comes out
WARMUP_PASSES = 2
FEWEST_ROUNDS = 3
MOST_ROUNDS = 100
BUDGET_SECONDS = 5.0

Pass = Callable[[], float]
"""Runs a network once and gives the milliseconds that it took."""
RoundTimes = list[tuple[float, float]]
"""The two passes of each network, in milliseconds."""


@dataclass(frozen=True)
class Beside:
    """A baseline's run time.

    Attributes:
        time_ms: median over its passes.
        ratio: the network's time over it, below 1 where the network is faster: the median over rounds, which is
            steadier than the quotient of the two medians.
    """

    time_ms: float
    ratio: float


@dataclass(frozen=True)
class Comparison:
    """A network's run time beside the baselines', for one image.

    Attributes:
        time_ms: median over the network's passes.
        baselines: the baselines, in the order in which they were given.
        rounds: how many rounds were measured, of two passes of each network.
        height, width: the input, in LR px.
        threads: CPU threads that PyTorch used.
        device: the GPU's name, or CPU.
    """

    time_ms: float
    baselines: tuple[Beside, ...]
    rounds: int
    height: int
    width: int
    threads: int
    device: str


def compare(network: nn.Module, baselines: Sequence[nn.Module], device: torch.device) -> Comparison:
    """Time ``network`` against ``baselines`` on ``device``, with every core that the process may use.

    All run in inference mode on the same random fp32 image, with channels_last memory and PyTorch's default precision
    (TF32 convolutions on the GPUs that have them, as in the organisers' runs). Rounds are repeated until
    ``BUDGET_SECONDS`` are spent, between ``FEWEST_ROUNDS`` and ``MOST_ROUNDS`` of them. The networks given are left
    as they are.
    """
    height, width = CUDA_SIZE if device.type == "cuda" else CPU_SIZE
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    image = image.to(device, memory_format=torch.channels_last)
    with _threads(usable_cores()), torch.inference_mode():
        rounds = _interleave([_timed(each, image) for each in (network, *baselines)])
        threads = torch.get_num_threads()
    return Comparison(
        time_ms=_median(rounds, 0),
        baselines=tuple(
            Beside(_median(rounds, place), statistics.median(sum(passes[0]) / sum(passes[place]) for passes in rounds))
            for place in range(1, len(baselines) + 1)
        ),
        rounds=len(rounds),
        height=height,
        width=width,
        threads=threads,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
    )


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _median(rounds: Sequence[RoundTimes], place: int) -> float:
    return statistics.median(ms for passes in rounds for ms in passes[place])


def _interleave(networks: Sequence[Pass]) -> list[RoundTimes]:
    """Rounds, there and back, after a warm-up of all."""
    for _ in range(WARMUP_PASSES):
        for run in networks:
            run()
    rounds: list[RoundTimes] = []
    start = time.perf_counter()
    while len(rounds) < FEWEST_ROUNDS or (len(rounds) < MOST_ROUNDS and time.perf_counter() - start < BUDGET_SECONDS):
        there = [run() for run in networks]
        back = [run() for run in reversed(networks)]
        rounds.append(list(zip(there, reversed(back), strict=True)))
    return rounds


def _timed(network: nn.Module, image: Tensor) -> Pass:
    network = copy.deepcopy(network).eval().to(image.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    clock = _cuda_milliseconds if image.is_cuda else _cpu_milliseconds
    return lambda: clock(lambda: network(image))


def _cpu_milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def _cuda_milliseconds(work: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    start.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end))


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
