"""RLFN: residual local feature network, the baseline of the 2024 challenge and the teacher of SlimRLFN."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA, ESA_SMALLEST_SIDE, SCALE, at_any_size, conv1x1, conv3x3


class RLFB(nn.Module):
    """Residual local feature block: three activated 3x3, the block's input added, a 1x1, spatial attention."""

    def __init__(self, channels: int, width1: int, width2: int, esa_channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, width1)
        self.conv2 = conv3x3(width1, width2)
        self.conv3 = conv3x3(width2, channels)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.mix = conv1x1(channels, channels)
        self.attention = ESA(channels, esa_channels, skip_conv=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.conv1(x))
        y = self.act(self.conv2(y))
        y = self.act(self.conv3(y))
        out: Tensor = self.attention(self.mix(y + x))
        return out


class RLFN(nn.Module):
    """RLFN (Kong et al., "Residual Local Feature Network", CVPR Workshops 2022), the 2024 challenge's baseline.

    The defaults are that baseline; SlimRLFN's teacher is ``RLFN(channels=196, inner=196, blocks=6)``.
    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 255]. It has one form: ``deploy`` changes nothing.

    Args:
        channels: channels between the blocks.
        inner: output channels of a block's first and second 3x3.
        blocks: number of blocks.
        esa_channels: reduced channels inside the attention.
        widths: output channels of conv1 and conv2 of block 1, of block 2, ...; ``inner`` throughout when None.

    Raises:
        ValueError: ``widths`` does not hold two numbers per block.
    """

    data_range: ClassVar[float] = 255.0

    def __init__(
        self,
        *,
        channels: int = 46,
        inner: int = 48,
        blocks: int = 4,
        esa_channels: int = 16,
        widths: list[int] | None = None,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        widths = [inner] * (2 * blocks) if widths is None else widths
        if len(widths) != 2 * blocks:
            raise ValueError(f"widths needs 2 numbers per block, {2 * blocks} in all, not {len(widths)}")
        self.head = conv3x3(3, channels)
        self.blocks = nn.ModuleList(
            RLFB(channels, width1, width2, esa_channels)
            for width1, width2 in zip(widths[::2], widths[1::2], strict=True)
        )
        self.last = conv3x3(channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def prunable(self) -> list[str]:
        """Names of the convolutions whose output channels may shrink, in the order of ``widths``."""
        return [f"blocks.{index}.{conv}" for index in range(len(self.blocks)) for conv in ("conv1", "conv2")]

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self._upscale, x, smallest=ESA_SMALLEST_SIDE)

    def _upscale(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y = head
        for block in self.blocks:
            y = block(y)
        y = self.last(y) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = RLFN
