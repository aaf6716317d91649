"""Times of the operations inside a pass, one after another."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

AHEAD = 1.5
"""The GPU waits for so many times what the host took for the last pass, so that the host stays ahead of it."""
HERTZ = 2e9
"""About the clock of a GPU's SM, in which the waiting is counted."""


class Stopwatch(Protocol):
    """Times pieces of work in the order in which they run."""

    def begin(self) -> None:
        """Forget what was timed, for the next pass."""

    def run(self, work: Callable[[], Any]) -> Any:
        """Do the work, and give what it gives."""

    def milliseconds(self) -> list[float]:
        """How long each piece took since :meth:`begin`."""


class CpuStopwatch:
    """By the wall clock: on a CPU an operation is done when it returns."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def begin(self) -> None:
        """Forget what was timed."""
        self._times.clear()

    def run(self, work: Callable[[], Any]) -> Any:
        """Do the work, and give what it gives."""
        start = time.perf_counter()
        output = work()
        self._times.append((time.perf_counter() - start) * 1e3)
        return output

    def milliseconds(self) -> list[float]:
        """How long each piece took."""
        return list(self._times)


class CudaStopwatch:
    """By an event before and after each piece.

    A GPU that has nothing left to do waits for the host, and the wait would count as the next operation's. So the GPU
    is kept busy until the host has launched the whole pass.
    """

    def __init__(self) -> None:
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._start = 0.0
        self._host_seconds = 0.0

    def begin(self) -> None:
        """Let the GPU wait for about as long as the host took to launch the last pass."""
        self._events.clear()
        torch.cuda.synchronize()
        torch.cuda._sleep(int(AHEAD * self._host_seconds * HERTZ))  # type: ignore[no-untyped-call]
        self._start = time.perf_counter()

    def run(self, work: Callable[[], Any]) -> Any:
        """Launch the work between two events, and give what it gives."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        output = work()
        end.record()
        self._events.append((start, end))
        return output

    def milliseconds(self) -> list[float]:
        """How long the GPU took for each piece."""
        self._host_seconds = time.perf_counter() - self._start
        torch.cuda.synchronize()
        return [float(start.elapsed_time(end)) for start, end in self._events]


def stopwatch(device: torch.device) -> Stopwatch:
    """The stopwatch of a device."""
    return CudaStopwatch() if device.type == "cuda" else CpuStopwatch()
