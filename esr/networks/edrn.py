"""EDRN: FMEN's chain with residual blocks that go through twice the channels."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import SCALE, conv3x3

BLOCKS_IN_ATTENTION = (1, 1, 1, 1, 2)  # DEBs inside the DAB of each of the five stages


class DRB(nn.Module):
    """Double-width residual block: 3x3 to 2C channels, a 3x3 among them, 3x3 back to C, and the block's input.

    With ``middle_used`` False the middle convolution runs and its result is thrown away, as the released code is said
    to do (docs/networks.md).
    """

    def __init__(self, channels: int, middle_used: bool) -> None:
        super().__init__()
        self.widen = conv3x3(channels, 2 * channels)
        self.middle = conv3x3(2 * channels, 2 * channels)
        self.narrow = conv3x3(2 * channels, channels)
        self.middle_used = middle_used

    def forward(self, x: Tensor) -> Tensor:
        wide = self.widen(x)
        middle = self.middle(wide)
        out: Tensor = self.narrow(middle if self.middle_used else wide) + x
        return out


class DEB(nn.Module):
    """Two DRBs with an activation between, and the block's input."""

    def __init__(self, channels: int, middle_used: bool) -> None:
        super().__init__()
        self.residual1 = DRB(channels, middle_used)
        self.residual2 = DRB(channels, middle_used)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.residual2(F.leaky_relu(self.residual1(x), 0.1)) + x
        return out


class DAB(nn.Module):
    """Attention block: weighs its input by a thin chain of DEBs between a squeeze and an excitation."""

    def __init__(self, channels: int, inner: int, blocks: int, middle_used: bool) -> None:
        super().__init__()
        self.squeeze = conv3x3(channels, inner)
        self.blocks = nn.Sequential(*(DEB(inner, middle_used) for _ in range(blocks)))
        self.excite = conv3x3(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.squeeze(x), 0.1)
        y = F.leaky_relu(self.blocks(y), 0.1)
        return x * torch.sigmoid(self.excite(y))


class EDRN(nn.Module):
    """EDRN, an entry of the NTIRE Efficient Super-Resolution challenge: its factsheet, and descriptions of its code.

    Maps (N, 3, H, W) to (N, 3, 4H, 4W), both in [0, 255]. It has one form: ``deploy`` changes nothing.

    Args:
        channels: channels between the blocks.
        warmup_inner: squeezed channels of the first attention block.
        inner: squeezed channels of the others.
        reading: "as_drawn", the factsheet's figure and its 224 G operations: the middle convolution of every DRB in
            series; or "as_released": it runs and its result is thrown away, so that its weights get no gradient.

    Raises:
        ValueError: ``reading`` is another word.
    """

    data_range: ClassVar[float] = 255.0

    def __init__(
        self,
        *,
        channels: int = 64,
        warmup_inner: int = 12,
        inner: int = 16,
        reading: str = "as_drawn",
        deploy: bool = False,
    ) -> None:
        super().__init__()
        if reading not in ("as_drawn", "as_released"):
            raise ValueError(f"reading is as_drawn or as_released, not {reading}")
        middle_used = reading == "as_drawn"
        self.head = conv3x3(3, channels)
        self.warmup = nn.Sequential(
            conv3x3(channels, channels), DAB(channels, warmup_inner, blocks=2, middle_used=middle_used)
        )
        self.blocks = nn.Sequential()
        for count in BLOCKS_IN_ATTENTION:
            self.blocks.append(DEB(channels, middle_used))
            self.blocks.append(DAB(channels, inner, count, middle_used))
        self.last = conv3x3(channels, channels)
        self.tail = conv3x3(channels, 3 * SCALE**2)

    def forward(self, x: Tensor) -> Tensor:
        head = self.head(x)
        y = self.last(self.blocks(self.warmup(head))) + head
        return F.pixel_shuffle(self.tail(y), SCALE)


NETWORK = EDRN
