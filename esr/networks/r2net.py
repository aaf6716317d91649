"""R2Net: a network without a bias, whose every 3x3 and 1x1 is re-parameterised in training."""

from functools import partial
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA, ESA_SMALLEST_SIDE, SCALE, Layer, at_any_size, conv1x1, conv3x3, strided3x3
from esr.networks.reparam import RRRB, WidePointwise


class R2Block(nn.Module):
    """A 3x3, an activation, a 3x3, spatial attention; no residual."""

    def __init__(self, channels: int, conv: Layer, attention: ESA) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.conv2 = conv(channels, channels)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.attention(self.conv2(self.act(self.conv1(x))))
        return y


class R2Net(nn.Module):
    """R2Net, team 29 of the NTIRE 2024 Efficient Super-Resolution challenge (its factsheet and released model).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 1]. No convolution has a bias. In training form every 3x3 but the
    attention's strided one is an RRRB, and every 1x1 a pair of wide ones.

    Args:
        channels: channels between the blocks. The entry has 48; the released class, never used as it is, 50.
        blocks: number of blocks.
        esa_channels: reduced channels inside the attention.
        expansion: inner width of an RRRB, as a multiple of its output channels. The factsheet says twice the input's;
            for the head's 3 -> 48 that would cap the kernel at rank 6, so there too it is the output that counts.
        pointwise_expansion: inner width of a wide 1x1, as a multiple of its input channels. Unsaid; the RRRB's.
        pointwise_identity: whether a wide 1x1 that keeps its channels has an identity beside it. Unsaid.
        deploy: plain convolutions instead of the re-parameterisable ones.
    """

    data_range: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        channels: int = 48,
        blocks: int = 4,
        esa_channels: int = 16,
        expansion: int = 2,
        pointwise_expansion: int = 2,
        pointwise_identity: bool = False,
        deploy: bool = False,
    ) -> None:
        super().__init__()

        def conv(channels_in: int, channels_out: int) -> nn.Module:
            if deploy:
                return conv3x3(channels_in, channels_out, bias=False)
            return RRRB(channels_in, channels_out, inner=expansion * channels_out, bias=False)

        def pointwise(channels_in: int, channels_out: int) -> nn.Module:
            if deploy:
                return conv1x1(channels_in, channels_out, bias=False)
            inner = pointwise_expansion * channels_in
            return WidePointwise(channels_in, channels_out, inner=inner, identity=pointwise_identity, bias=False)

        attention = partial(
            ESA,
            channels,
            esa_channels,
            skip_conv=False,
            pointwise=pointwise,
            strided=partial(strided3x3, bias=False),
            conv=conv,
        )
        self.head = conv(3, channels)
        self.blocks = nn.ModuleList(R2Block(channels, conv, attention()) for _ in range(blocks))
        self.last = pointwise(channels, channels)
        self.tail = conv(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        return at_any_size(self._upscale, x, smallest=ESA_SMALLEST_SIDE)

    def _upscale(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y = head
        for block in self.blocks:
            y = block(y)
        y = self.last(y) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = R2Net
