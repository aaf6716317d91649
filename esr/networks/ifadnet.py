"""IFADNet: blocks of separable and of edge-oriented convolutions in turn, all their outputs aggregated."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA, ESA_SMALLEST_SIDE, SCALE, at_any_size, conv1x1, conv3x3
from esr.networks.reparam import EdgeConv

RGB_MEAN = (0.4488, 0.4371, 0.4040)


class SeparableConv(nn.Module):
    """A 1x1 without bias, then a biased depthwise 3x3 with reflected borders."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pointwise = conv1x1(channels, channels, bias=False)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.depthwise(self.pointwise(x))
        return y


class BFEB(nn.Module):
    """Basic feature extraction block: three separable convolutions, each activated, and the block's input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = SeparableConv(channels)
        self.conv2 = SeparableConv(channels)
        self.conv3 = SeparableConv(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.conv1(x))
        y = F.gelu(self.conv2(y))
        y = F.gelu(self.conv3(y))
        return y + x


class RFMB(nn.Module):
    """Re-parameterised feature modulation block: three activated 3x3, spatial attention, and the block's input."""

    def __init__(self, channels: int, esa_channels: int, deploy: bool) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels) if deploy else EdgeConv(channels)
        self.conv2 = conv3x3(channels, channels) if deploy else EdgeConv(channels)
        self.conv3 = conv3x3(channels, channels) if deploy else EdgeConv(channels)
        self.attention = ESA(channels, esa_channels, skip_conv=True)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.conv1(x))
        y = F.gelu(self.conv2(y))
        y = F.gelu(self.conv3(y))
        out: Tensor = self.attention(y) + x
        return out


class IFADNet(nn.Module):
    """IFADNet, team 33 of the NTIRE 2024 Efficient Super-Resolution challenge (its released code and model).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]; the RGB mean is taken off on the way in and put back on the
    way out. The released code aggregates the blocks by one 1x1 and a GELU where the factsheet speaks of two
    convolutions. In training form the 3x3 of every RFMB are edge-oriented convolutions.

    Args:
        channels: channels between the blocks.
        pairs: number of pairs of a BFEB and an RFMB.
        esa_channels: reduced channels inside the attention.
        deploy: plain convolutions instead of the re-parameterisable ones.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, *, channels: int = 36, pairs: int = 3, esa_channels: int = 16, deploy: bool = False) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.head = conv3x3(3, channels)
        self.blocks = nn.ModuleList()
        for _ in range(pairs):
            self.blocks += [BFEB(channels), RFMB(channels, esa_channels, deploy)]
        self.aggregate = conv1x1(2 * pairs * channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self._upscale, x, smallest=ESA_SMALLEST_SIDE)

    def _upscale(self, x: Tensor) -> Tensor:
        head = self.head(x - self.mean)
        y, outputs = head, []
        for block in self.blocks:
            y = block(y)
            outputs.append(y)
        y = F.gelu(self.aggregate(torch.cat(outputs, dim=1))) + head
        return F.pixel_shuffle(self.tail(y), SCALE) + self.mean


NETWORK = IFADNet
