"""What a device can do at best, measured: its convolutions' operations and its memory's bytes in a second."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from esr.timing.clock import milliseconds_by

CHANNELS, SIDE = 128, 256
"""Of the dense 3x3 convolution: wide enough for every device's largest kernels, 9.7 G multiply-accumulates."""
COPIED_BYTES = 2**28
"""More than a cache holds."""
TIMES = 7


@dataclass(frozen=True)
class Ceiling:
    """What the device reached in this session.

    Attributes:
        macs_per_second: multiply-accumulates of a large dense 3x3 convolution, in fp32 and channels_last.
        bytes_per_second: read and written by a copy of a tensor larger than the caches.
    """

    macs_per_second: float
    bytes_per_second: float

    def milliseconds(self, macs: int, moved: int) -> float:
        """The least time for so many multiply-accumulates and so many bytes moved, if both go on at once."""
        return 1e3 * max(macs / self.macs_per_second, moved / self.bytes_per_second)

    def is_memory_bound(self, macs: int, moved: int) -> bool:
        """Whether it is the bytes that take the least time."""
        return moved / self.bytes_per_second > macs / self.macs_per_second


def measure_ceiling(device: torch.device) -> Ceiling:
    """Measure both on ``device``, with as many threads as PyTorch has now. Takes some seconds on a slow CPU."""
    last = torch.channels_last
    image = torch.rand(1, CHANNELS, SIDE, SIDE, device=device).to(memory_format=last)
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3, device=device).to(memory_format=last)
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    with torch.inference_mode():
        seconds = _best_seconds(lambda: F.conv2d(image, weight, padding=1), device)
        copy_seconds = _best_seconds(lambda: target.copy_(source), device)
    return Ceiling(
        macs_per_second=CHANNELS * CHANNELS * 9 * SIDE * SIDE / seconds,
        bytes_per_second=2 * COPIED_BYTES / copy_seconds,
    )


def _best_seconds(work: Callable[[], object], device: torch.device) -> float:
    """The least of several times: what disturbs a device only adds to it."""
    milliseconds_by(device, work)
    return min(milliseconds_by(device, work) for _ in range(TIMES)) / 1e3
