"""Run time as the challenge's script takes it: the cold start counts, and nothing is repeated.

Source: test_demo.py of NTIRE2024_ESR. One pass per image, in fp32, one image at a time; a CUDA event before and after
it, then a synchronisation; the arithmetic mean over the images. No warm-up, and no search for the fastest convolutions.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.timing.clock import milliseconds_of, random_image


@dataclass(frozen=True)
class OfficialTime:
    """What the challenge's protocol gives for a network.

    Attributes:
        name: the network's.
        times: milliseconds, image by image.
    """

    name: str
    times: tuple[float, ...]

    @property
    def mean_ms(self) -> float:
        """The figure that the challenge prints."""
        return statistics.fmean(self.times)

    @property
    def median_ms(self) -> float:
        """What most images took."""
        return statistics.median(self.times)

    @property
    def cold_share(self) -> float:
        """The part of the mean that the first image takes beyond the median: the cold start."""
        return max(0.0, self.times[0] - self.median_ms) / sum(self.times)


def official_times(network: nn.Module, images: Iterable[Tensor]) -> list[float]:
    """Milliseconds of one pass over each image (1, 3, H, W), in this order.

    Network and images are used as they come, in eval mode. The cold start is the process's: call it once per process.
    """
    with torch.inference_mode():
        return [milliseconds_of(network, image) for image in images]


def images_of(sizes: Sequence[tuple[int, int]], number: int, device: torch.device) -> Iterable[Tensor]:
    """So many random images, contiguous, of these LR heights and widths in turn."""
    return (random_image(*sizes[place % len(sizes)], device).contiguous() for place in range(number))
