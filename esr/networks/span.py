"""SPAN: plain convolutions and an attention without parameters; winner of 2024, baseline of 2026."""

from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, Layer, conv1x1, conv3x3
from esr.networks.conv3xc import Conv3XC

RGB_MEAN = (0.4488, 0.4371, 0.4040)


class SPAB(nn.Module):
    """Swift parameter-free attention block: three 3x3, the block's input added, weighed by what the 3x3 found.

    The weight is sigmoid - 1/2 of the third 3x3's output: an odd function, so that it keeps that output's sign.
    """

    def __init__(self, channels: int, conv: Layer) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)
        self.conv3 = conv(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output and its activated first 3x3, both (N, channels, H, W)."""
        first = F.silu(self.conv1(x))
        y = self.conv3(F.silu(self.conv2(first)))
        return (y + x) * (torch.sigmoid(y) - 0.5), first


class SPAN(nn.Module):
    """SPAN (Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPR Workshops 2024).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]. Inside, the input is taken as values of 255 about the RGB mean;
    the output is left as the last convolution makes it. The defaults are the entry of 2024 (team 38), which is the
    baseline of 2026; the paper's own network has 48 channels. In training form every 3x3 but the last is a ``Conv3XC``.

    Four feature maps are joined before the upsampling: the head's, the first block's, the last convolution's and, as
    released, the activated first 3x3 inside the last block; the paper's figure takes that block's input in its place.

    Args:
        channels: channels throughout.
        blocks: number of blocks, at least 2.
        gain: widening inside a ``Conv3XC``.
        deploy: plain convolutions instead of the re-parameterisable ones.

    Raises:
        ValueError: there are fewer than 2 blocks.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, *, channels: int = 28, blocks: int = 6, gain: int = 2, deploy: bool = False) -> None:
        super().__init__()
        if blocks < 2:
            raise ValueError(f"SPAN joins its first block and its last: blocks is at least 2, not {blocks}")
        conv: Layer = conv3x3 if deploy else partial(Conv3XC, gain=gain)
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.head = conv(3, channels)
        self.blocks = nn.ModuleList(SPAB(channels, conv) for _ in range(blocks))
        self.last = conv(channels, channels)
        self.join = conv1x1(4 * channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        head = self.head((x - self.mean) * 255)
        y, _ = self.blocks[0](head)
        after_first = y
        for block in self.blocks[1:]:
            y, inside_last = block(y)
        joined = self.join(torch.cat([head, self.last(y), after_first, inside_last], dim=1))
        return F.pixel_shuffle(self.tail(joined), SCALE)


NETWORK = SPAN
