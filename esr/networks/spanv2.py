"""SPANV2: plain 3x3 blocks weighed by a learned mixture of their channels, beside a copy of the image; best of 2026."""

from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, Layer, conv1x1, conv3x3
from esr.networks.conv3xc import Conv3XC


class HeadBlock(nn.Module):
    """Three activated 3x3 without bias."""

    def __init__(self, channels_in: int, channels: int, conv: Layer) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, channels)
        self.conv2 = conv(channels, channels)
        self.conv3 = conv(channels, channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.conv3(self.act(self.conv2(self.act(self.conv1(x))))))
        return y


class SPABV2(nn.Module):
    """Three 3x3 without bias, two of them activated; the block's input added; the sum weighed by a 1x1 of the third."""

    def __init__(self, channels: int, conv: Layer) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)
        self.conv3 = conv(channels, channels)
        self.act = nn.ReLU(inplace=True)
        self.guide = conv1x1(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))
        out: Tensor = (x + y) * self.guide(y)
        return out


class SPANV2(nn.Module):
    """SPANV2, team 22 of the NTIRE 2026 Efficient Super-Resolution challenge (its released code and model).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]. Sixteen filters per colour see the image itself; they begin as
    copies, so that untrained they enlarge by nearest neighbour. They and the blocks' features are joined by a depthwise
    3x3 and a 1x1. The released code has the deploy form only. Its blocks are called as SPAN's are, with a ``gain1=2``
    that is without effect there; so, as a guess, in training form every 3x3 of the blocks is SPAN's ``Conv3XC``.

    Args:
        channels: channels of the blocks.
        blocks: number of blocks, the first of which has no attention.
        gain: widening inside a ``Conv3XC``.
        deploy: plain convolutions instead of the re-parameterisable ones.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, *, channels: int = 32, blocks: int = 5, gain: int = 2, deploy: bool = False) -> None:
        super().__init__()
        conv: Layer = partial(conv3x3, bias=False) if deploy else partial(Conv3XC, gain=gain, bias=False)
        pixels = 3 * SCALE**2
        self.near = nn.Conv2d(3, pixels, 3, padding=1, groups=3, bias=False)
        self.head = HeadBlock(3, channels, conv)
        self.blocks = nn.Sequential(*(SPABV2(channels, conv) for _ in range(blocks - 1)))
        joined = pixels + channels
        self.depthwise = nn.Conv2d(joined, joined, 3, padding=1, groups=joined, bias=False)
        self.tail = conv1x1(joined, pixels, bias=False)
        with torch.no_grad():
            self.near.weight.zero_()
            self.near.weight[:, :, 1, 1] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.head(x))
        joined = torch.cat([self.near(x), features], dim=1)
        return F.pixel_shuffle(self.tail(self.depthwise(joined)), SCALE)


NETWORK = SPANV2
