"""One pass of a network, timed."""

import copy
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from esr.inference.torch_threads import on_threads

Pass = Callable[[], float]
"""Runs a network once and gives the milliseconds that it took."""

Before = Callable[[], object]
"""What is done before each pass, and not timed."""


def nothing() -> None:
    """Where nothing is done before a pass."""


def timed(network: nn.Module, image: Tensor, before: Before = nothing) -> Pass:
    """A pass of a copy of ``network`` over ``image``: in eval mode, channels_last, on the image's device."""
    network = copy.deepcopy(network).eval().to(image.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return lambda: milliseconds_by(image.device, lambda: network(image), before)


def milliseconds_of(network: nn.Module, image: Tensor) -> float:
    """How long ``network`` takes for ``image``: by CUDA events where the image is on a GPU, else by the wall clock."""
    return milliseconds_by(image.device, lambda: network(image))


def milliseconds_by(device: torch.device, work: Callable[[], object], before: Before = nothing) -> float:
    """How long any work on ``device`` takes, by the same clocks."""
    return _cuda_milliseconds(work, before) if device.type == "cuda" else _cpu_milliseconds(work, before)


def flush_l2(device: torch.device) -> Before:
    """Writes a buffer of twice the GPU's L2 cache: what the last pass left there is gone, as in a larger program."""
    buffer = torch.empty(2 * torch.cuda.get_device_properties(device).L2_cache_size, dtype=torch.uint8, device=device)
    return buffer.zero_


def random_image(height: int, width: int, device: torch.device) -> Tensor:
    """An image of (1, 3, ``height``, ``width``), values in [0, 1), fp32, channels_last: the same one every time."""
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return image.to(device, memory_format=torch.channels_last)


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_every_core() -> AbstractContextManager[None]:
    """PyTorch with as many threads as there are cores, and with the former number afterwards."""
    return on_threads(usable_cores())


def device_name(device: torch.device) -> str:
    """The GPU's name, or CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def _cpu_milliseconds(work: Callable[[], object], before: Before) -> float:
    before()
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def _cuda_milliseconds(work: Callable[[], object], before: Before) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    before()
    start.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end))
