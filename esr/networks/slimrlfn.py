"""SlimRLFN: RLFN made thin, trained with RepVGG-style convolutions, distilled and pruned."""

from functools import partial
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import ESA, ESA_SMALLEST_SIDE, SCALE, Layer, at_any_size, conv1x1, conv3x3, strided3x3
from esr.networks.reparam import RepConv


class SlimBlock(nn.Module):
    """Three activated 3x3, the block's input added, a 1x1, spatial attention."""

    def __init__(self, channels: int, width1: int, width2: int, conv: Layer, attention: ESA) -> None:
        super().__init__()
        self.conv1 = conv(channels, width1)
        self.conv2 = conv(width1, width2)
        self.conv3 = conv(width2, channels)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        self.mix = conv1x1(channels, channels)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.conv1(x))
        y = self.act(self.conv2(y))
        y = self.act(self.conv3(y))
        out: Tensor = self.attention(self.mix(y + x))
        return out


class SlimRLFN(nn.Module):
    """SlimRLFN, team 21 of the NTIRE 2024 Efficient Super-Resolution challenge (its factsheet and released model).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 255]. In training form the three 3x3 of every block and one 3x3
    of its attention are RepVGG-style convolutions. The released pruned model is
    ``SlimRLFN(widths=[28] * 10 + [30, 30], deploy=True)``.

    Args:
        channels: channels between the blocks.
        blocks: number of blocks.
        esa_channels: reduced channels inside the attention.
        widths: output channels of conv1 and conv2 of block 1, of block 2, ...; ``channels`` throughout when None.
        esa_rep: which 3x3 of the attention is re-parameterised, "padded" (after the pooling) or "strided" (before
            it). The factsheet draws one and does not say which; the padded one keeps RepVGG's identity meaningful.
        pointwise_bias: whether the 1x1 branches have a bias. The factsheet does not say; RepVGG's have, by their norm.
        deploy: plain convolutions instead of the re-parameterisable ones.

    Raises:
        ValueError: ``widths`` does not hold two numbers per block, or ``esa_rep`` is another word.
    """

    data_range: ClassVar[float] = 255.0

    def __init__(
        self,
        *,
        channels: int = 30,
        blocks: int = 6,
        esa_channels: int = 16,
        widths: list[int] | None = None,
        esa_rep: str = "padded",
        pointwise_bias: bool = True,
        deploy: bool = False,
    ) -> None:
        super().__init__()
        widths = [channels] * (2 * blocks) if widths is None else widths
        if len(widths) != 2 * blocks:
            raise ValueError(f"widths needs 2 numbers per block, {2 * blocks} in all, not {len(widths)}")
        if esa_rep not in ("padded", "strided"):
            raise ValueError(f"esa_rep is padded or strided, not {esa_rep}")
        rep_conv = partial(RepConv, pointwise_bias=pointwise_bias)
        rep_strided = partial(rep_conv, stride=2, padding=0)
        conv: Layer = conv3x3 if deploy else rep_conv
        esa_conv: Layer = conv3x3 if deploy or esa_rep == "strided" else rep_conv
        esa_strided: Layer = strided3x3 if deploy or esa_rep == "padded" else rep_strided
        self.head = conv3x3(3, channels)
        self.blocks = nn.ModuleList(
            SlimBlock(
                channels,
                width1,
                width2,
                conv,
                ESA(channels, esa_channels, skip_conv=False, strided=esa_strided, conv=esa_conv),
            )
            for width1, width2 in zip(widths[::2], widths[1::2], strict=True)
        )
        self.last = conv3x3(channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def prunable(self) -> list[str]:
        """Names of the convolutions whose output channels may shrink, in the order of ``widths``.

        Everything else keeps its width: block inputs and outputs are tied by the residuals, the attention stays whole.
        """
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


NETWORK = SlimRLFN
