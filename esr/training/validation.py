"""PSNR on held-out images while training."""

from torch import nn

from esr.data.store import PackedSet
from esr.evaluation.inference import super_resolve
from esr.evaluation.quality import psnr


def mean_psnr(network: nn.Module, images: PackedSet, data_range: float) -> float:
    """Mean PSNR in dB over a set, by the challenge's rule (RGB, uint8, 4 px border cut off)."""
    scores = [psnr(super_resolve(network, images.lr(i), data_range), images.hr(i)) for i in range(len(images))]
    return sum(scores) / len(scores)
