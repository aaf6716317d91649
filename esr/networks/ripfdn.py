"""RIPFDN: residual feature distillation with partial convolutions and an interaction inside the block."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA_SMALLEST_SIDE, ESAF, SCALE, at_any_size, conv1x1, conv3x3


class PartialConv(nn.Module):
    """GELU(1x1 of [3x3 of the first channels, the others as they are] + x): a 3x3 on a quarter of the channels."""

    def __init__(self, channels: int, partial: int) -> None:
        super().__init__()
        self.partial = partial
        self.conv = conv3x3(partial, partial)
        self.mix = conv1x1(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        first, others = x[:, : self.partial], x[:, self.partial :]
        return F.gelu(self.mix(torch.cat([self.conv(first), others], dim=1)) + x)


class RIPFDB(nn.Module):
    """Residual interaction partial feature distillation block: maps (N, C, H, W) to the same."""

    def __init__(self, channels: int, distilled: int, partial: int, esa_channels: int) -> None:
        super().__init__()
        self.distil1 = conv1x1(channels, distilled)
        self.refine1 = PartialConv(channels, partial)
        self.distil2 = conv1x1(channels, distilled)
        self.refine2 = PartialConv(channels, partial)
        self.interact = conv1x1(2 * distilled + channels, channels)
        self.distil3 = conv1x1(channels, distilled)
        self.refine3 = PartialConv(channels, partial)
        self.distil4 = conv3x3(channels, distilled)
        self.gather = conv1x1(4 * distilled, channels)
        self.attention = ESAF(channels, esa_channels)
        self.factor = nn.Parameter(1 + 0.2 * torch.randn(1, channels, 1, 1))
        self.mix = conv1x1(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        distilled1 = F.gelu(self.distil1(x))
        y = self.refine1(x)
        distilled2 = F.gelu(self.distil2(y))
        y = self.interact(torch.cat([distilled1, distilled2, self.refine2(y)], dim=1))
        distilled3 = F.gelu(self.distil3(y))
        distilled4 = F.gelu(self.distil4(self.refine3(y)))
        y = self.gather(torch.cat([distilled1, distilled2, distilled3, distilled4], dim=1))
        out: Tensor = self.mix(self.attention(y) * self.factor) + x
        return out


class RIPFDN(nn.Module):
    """RIPFDN, team 23 of the NTIRE 2023 Efficient Super-Resolution challenge (its factsheet and released code).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]. It has one form: ``deploy`` changes nothing.

    Args:
        channels: channels between the blocks.
        blocks: number of blocks.
        distilled: channels that each distilling layer keeps.
        partial: channels that the partial convolutions convolve.
        esa_channels: reduced channels inside the attention.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        channels: int = 52,
        blocks: int = 4,
        distilled: int = 26,
        partial: int = 13,
        esa_channels: int = 13,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        self.head = conv3x3(3, channels)
        self.blocks = nn.ModuleList(RIPFDB(channels, distilled, partial, esa_channels) for _ in range(blocks))
        self.aggregate = conv1x1(blocks * channels, channels)
        self.last = conv3x3(channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self._upscale, x, smallest=ESA_SMALLEST_SIDE)

    def _upscale(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y, outputs = head, []
        for block in self.blocks:
            y = block(y)
            outputs.append(y)
        y = self.last(F.gelu(self.aggregate(torch.cat(outputs, dim=1)))) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = RIPFDN
