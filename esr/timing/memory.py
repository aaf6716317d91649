"""The memory that a forward pass takes at its peak.

On a GPU: what PyTorch's allocator hands out at most, as the challenge's script prints it (max_memory_allocated / 1024^2
in test_demo.py of NTIRE2024_ESR): weights, image, features and the convolutions' workspace.

On a CPU nothing counts what is handed out. There a process of its own reads by how much the pass raises the largest
resident set, and the weights come on top, as they lay in memory before.
"""

import copy
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import nn

from esr.timing.clock import on_every_core, random_image

MEBIBYTE = 2**20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
SMALL = 16
"""LR px a side of a pass before: libraries that it loads and code that it compiles belong to no image."""


def peak_memory(load: Callable[[], nn.Module], size: tuple[int, int], device: torch.device) -> float | None:
    """The peak of one pass over an image of ``size`` (LR height and width), in MiB; None where it cannot be read.

    Args:
        load: gives the network in deploy form, on the CPU. Another process calls it: it must be picklable.
        size: of the image.
        device: where the pass runs.
    """
    if device.type == "cuda":
        return _on_gpu(load(), size, device)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_on_cpu, load, size).result()


def _on_gpu(network: nn.Module, size: tuple[int, int], device: torch.device) -> float:
    before = torch.cuda.memory_allocated(device)
    network = copy.deepcopy(network).eval().to(device)
    image = random_image(*size, device)
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        network(image)
    return (torch.cuda.max_memory_allocated(device) - before) / MEBIBYTE


def _on_cpu(load: Callable[[], nn.Module], size: tuple[int, int]) -> float | None:
    network = load().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = random_image(*size, torch.device("cpu"))
    with on_every_core(), torch.inference_mode():
        network(image[..., :SMALL, :SMALL])
        before = _forget_the_peak()
        network(image)
    after = _status("VmHWM")
    if before is None or after is None:
        return None
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    return float(max(0, after - before) + weights) / MEBIBYTE


def _forget_the_peak() -> int | None:
    """Let the largest resident set begin anew (proc(5)); gives the present one in bytes, None where that cannot be."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    """A line of /proc/self/status in bytes; None where there is none."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(found[0]) if found else None
