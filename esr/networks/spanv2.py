"""SPANV2: plain 3x3 blocks weighed by a learned mixture of their channels, beside a copy of the image; best of 2026."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, conv1x1, conv3x3


class HeadBlock(nn.Module):
    """Three activated 3x3 without bias."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels_in, channels, bias=False)
        self.conv2 = conv3x3(channels, channels, bias=False)
        self.conv3 = conv3x3(channels, channels, bias=False)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.conv3(self.act(self.conv2(self.act(self.conv1(x))))))
        return y


class SPABV2(nn.Module):
    """Three 3x3 without bias, two of them activated; the block's input added; the sum weighed by a 1x1 of the third."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels, bias=False)
        self.conv2 = conv3x3(channels, channels, bias=False)
        self.conv3 = conv3x3(channels, channels, bias=False)
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
    3x3 and a 1x1. The released code has one form only, this one; how its 3x3 were trained is not published.

    Args:
        channels: channels of the blocks.
        blocks: number of blocks, the first of which has no attention.
        deploy: changes nothing.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, *, channels: int = 32, blocks: int = 5, deploy: bool = False) -> None:
        super().__init__()
        pixels = 3 * SCALE**2
        self.near = nn.Conv2d(3, pixels, 3, padding=1, groups=3, bias=False)
        self.head = HeadBlock(3, channels)
        self.blocks = nn.Sequential(*(SPABV2(channels) for _ in range(blocks - 1)))
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
