"""What a device's own convolution reaches at its best: the measure for what networks of narrow layers make of it."""

import torch
import torch.nn.functional as F

from esr.timing.clock import milliseconds_by

CHANNELS, SIDE, BATCH = 256, 64, 8
TIMES = 30
TOGETHER = 20  # on a GPU, where launching one takes a tenth of its time


def convolution_peak(device: torch.device, precision: torch.dtype = torch.float32, times: int = TIMES) -> float:
    """FLOP/s of a 3x3 with 256 channels in channels_last; in fp32 as the process is set up, maybe tf32; the best."""
    last = torch.channels_last
    x = torch.rand(BATCH, CHANNELS, SIDE, SIDE, device=device).to(precision, memory_format=last)
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3, device=device).to(precision, memory_format=last)
    together = TOGETHER if device.type == "cuda" else 1

    def work() -> None:
        for _ in range(together):
            F.conv2d(x, weight, padding=1)

    with torch.inference_mode():
        best = min(milliseconds_by(device, work) for _ in range(times)) / together
    return 2 * 9 * CHANNELS**2 * SIDE**2 * BATCH / (best / 1e3)
