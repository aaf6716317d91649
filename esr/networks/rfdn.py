"""RFDN: residual feature distillation network, the baseline of the 2023 challenge."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA_SMALLEST_SIDE, ESAF, SCALE, at_any_size, conv1x1, conv3x3


class RFDB(nn.Module):
    """Residual feature distillation block: keep a part by a 1x1, refine by a 3x3, three times; gather what was kept."""

    def __init__(self, channels: int, distilled: int, esa_channels: int) -> None:
        super().__init__()
        self.distil1 = conv1x1(channels, distilled)
        self.refine1 = conv3x3(channels, channels)
        self.distil2 = conv1x1(channels, distilled)
        self.refine2 = conv3x3(channels, channels)
        self.distil3 = conv1x1(channels, distilled)
        self.refine3 = conv3x3(channels, channels)
        self.distil4 = conv3x3(channels, distilled)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.gather = conv1x1(4 * distilled, channels)
        self.attention = ESAF(channels, esa_channels)

    def forward(self, x: Tensor) -> Tensor:
        distilled1 = self.act(self.distil1(x))
        y = self.act(self.refine1(x) + x)
        distilled2 = self.act(self.distil2(y))
        y = self.act(self.refine2(y) + y)
        distilled3 = self.act(self.distil3(y))
        y = self.act(self.refine3(y) + y)
        distilled4 = self.act(self.distil4(y))
        out: Tensor = self.attention(self.gather(torch.cat([distilled1, distilled2, distilled3, distilled4], dim=1)))
        return out


class RFDN(nn.Module):
    """RFDN (Liu et al., "Residual Feature Distillation Network", AIM 2020) as the 2023 challenge's baseline has it.

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 255]. It has one form: ``deploy`` changes nothing.

    Args:
        channels: channels between the blocks.
        blocks: number of blocks.
        distilled: channels that each distilling layer keeps.
        esa_channels: reduced channels inside the attention.
    """

    data_range: ClassVar[float] = 255.0

    def __init__(
        self,
        *,
        channels: int = 50,
        blocks: int = 4,
        distilled: int = 25,
        esa_channels: int = 12,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        self.head = conv3x3(3, channels)
        self.blocks = nn.ModuleList(RFDB(channels, distilled, esa_channels) for _ in range(blocks))
        self.aggregate = conv1x1(blocks * channels, channels)
        self.act = nn.LeakyReLU(0.05, inplace=True)
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
        y = self.last(self.act(self.aggregate(torch.cat(outputs, dim=1)))) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = RFDN
