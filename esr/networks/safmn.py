"""SAFMN: spatially-adaptive feature modulation; its large form is IFADNet's teacher."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, at_any_size, conv1x1, conv3x3

LEVELS = 4
COARSEST = 2 ** (LEVELS - 1)  # px: the side of the coarsest level's pooling windows


class ChannelNorm(nn.Module):
    """Layer norm over the channels of every pixel of (N, C, H, W), with a learned scale and bias per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        normed = centred / torch.sqrt((centred**2).mean(dim=1, keepdim=True) + 1e-6)
        return normed * self.weight[:, None, None] + self.bias[:, None, None]


class SAFM(nn.Module):
    """Weighs its input by four views of it, each of a quarter of the channels at 1, 1/2, 1/4 and 1/8 of the size.

    Both sides of the input divide by 8, so that max pooling by whole windows is the released code's adaptive pooling.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        part = channels // LEVELS
        self.views = nn.ModuleList(nn.Conv2d(part, part, 3, padding=1, groups=part) for _ in range(LEVELS))
        self.mix = conv1x1(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        views = []
        for level, (view, part) in enumerate(zip(self.views, x.chunk(LEVELS, dim=1), strict=True)):
            if level == 0:
                views.append(view(part))
                continue
            small = view(F.max_pool2d(part, 2**level))
            views.append(F.interpolate(small, size=(height, width), mode="nearest"))
        return F.gelu(self.mix(torch.cat(views, dim=1))) * x


class CCM(nn.Module):
    """Convolutional channel mixer: a 3x3 to more channels, an activation, a 1x1 back."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.widen = conv3x3(channels, inner)
        self.narrow = conv1x1(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(F.gelu(self.widen(x)))
        return y


class SAFMNBlock(nn.Module):
    """x += SAFM(norm x), then x += CCM(norm x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.modulate = SAFM(channels)
        self.norm2 = ChannelNorm(channels)
        self.mix = CCM(channels, 2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.modulate(self.norm1(x))
        out: Tensor = x + self.mix(self.norm2(x))
        return out


class SAFMN(nn.Module):
    """SAFMN (Sun et al., "Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution", ICCV 2023).

    The defaults are the large form. Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]. An input whose sides do not
    divide by 8 is padded, so that every pooling window is whole, as all are in training; the released code pools such
    an input by uneven windows. It has one form: ``deploy`` changes nothing.

    Args:
        channels: channels between the blocks.
        blocks: number of blocks.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(self, *, channels: int = 128, blocks: int = 16, deploy: bool = False) -> None:
        super().__init__()
        self.head = conv3x3(3, channels)
        self.blocks = nn.Sequential(*(SAFMNBlock(channels) for _ in range(blocks)))
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self._upscale, x, smallest=COARSEST, multiple=COARSEST)

    def _upscale(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y = self.blocks(head) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = SAFMN
