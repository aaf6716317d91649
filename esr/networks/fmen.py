"""FMEN: fast and memory-efficient network, a plain chain of convolutions with high-frequency attention; EDRN's base."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, conv3x3
from esr.networks.reparam import RRRB, NormedConv


class ERB(nn.Module):
    """Enhanced residual block: two 3x3 with an activation between; the residuals are inside its training form."""

    def __init__(self, channels: int, deploy: bool) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels) if deploy else RRRB(channels, channels, inner=2 * channels)
        self.conv2 = conv3x3(channels, channels) if deploy else RRRB(channels, channels, inner=2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(F.leaky_relu(self.conv1(x), 0.1))
        return y


class HFAB(nn.Module):
    """High-frequency attention block: weighs its input by a thin chain between squeeze and excitation."""

    def __init__(self, channels: int, inner: int, blocks: int, deploy: bool) -> None:
        super().__init__()
        self.squeeze = conv3x3(channels, inner) if deploy else NormedConv(channels, inner, norm_after=False)
        self.blocks = nn.Sequential(*(ERB(inner, deploy) for _ in range(blocks)))
        self.excite = conv3x3(inner, channels) if deploy else NormedConv(inner, channels, norm_after=True)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.squeeze(x), 0.1)
        y = F.leaky_relu(self.blocks(y), 0.1)
        return x * torch.sigmoid(self.excite(y))


class FMEN(nn.Module):
    """FMEN (Du et al., "Fast and Memory-Efficient Network Towards Efficient Image Super-Resolution", CVPRW 2022).

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 255]. In training form the convolutions of every ERB are RRRBs,
    and the squeeze and excitation of every HFAB have batch norms, which fold exactly in eval mode only. Activations
    are functional, so the 2023 counter of operations does not see them, as in the released code.

    Args:
        channels: channels between the blocks.
        warmup_inner: squeezed channels of the first HFAB, which has two ERBs.
        inner: squeezed channels of the others, which have one each.
        blocks: number of pairs of an ERB and an HFAB.
        deploy: plain convolutions instead of the re-parameterisable ones.
    """

    data_range: ClassVar[float] = 255.0

    def __init__(
        self, *, channels: int = 50, warmup_inner: int = 12, inner: int = 16, blocks: int = 4, deploy: bool = False
    ) -> None:
        super().__init__()
        self.head = conv3x3(3, channels)
        self.warmup = nn.Sequential(conv3x3(channels, channels), HFAB(channels, warmup_inner, blocks=2, deploy=deploy))
        self.blocks = nn.Sequential()
        for _ in range(blocks):
            self.blocks.append(ERB(channels, deploy))
            self.blocks.append(HFAB(channels, inner, blocks=1, deploy=deploy))
        self.last = conv3x3(channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y = self.last(self.blocks(self.warmup(head))) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = FMEN
