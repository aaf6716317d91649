"""Parts that several networks share: plain convolutions, spatial attention, and inputs of any size."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 4
ESA_SMALLEST_SIDE = 15  # px of an ESA input: 15 -> 7 by the strided 3x3 -> 1 by the 7x7 pooling

Layer = Callable[[int, int], nn.Module]
"""Makes a layer from (channels in, channels out): a plain convolution, or the re-parameterisable one in its place."""


def conv3x3(channels_in: int, channels_out: int, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, zero-padded."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=bias)


def conv1x1(channels_in: int, channels_out: int, bias: bool = True) -> nn.Conv2d:
    """A 1x1 convolution."""
    return nn.Conv2d(channels_in, channels_out, 1, bias=bias)


def strided3x3(channels_in: int, channels_out: int, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution of stride 2, unpadded, as the attention blocks use it."""
    return nn.Conv2d(channels_in, channels_out, 3, stride=2, bias=bias)


def at_any_size(upscale: Callable[[Tensor], Tensor], x: Tensor, smallest: int, multiple: int = 1) -> Tensor:
    """Run ``upscale`` on an LR batch of any size, also one that the network could not take.

    An input (N, C, H, W) with a side below ``smallest`` is continued to the right and downwards by reflection, repeated
    as often as it takes (an image 1 px wide is replicated); then, by reflection too, to sides that divide by
    ``multiple``, which is at most ``smallest``. The output is cropped to (N, C, 4H, 4W).
    """
    height, width = x.shape[-2:]
    if height < smallest or width < smallest:
        rows = _reflected_indices(height, _padded_side(height, smallest, multiple), x.device)
        columns = _reflected_indices(width, _padded_side(width, smallest, multiple), x.device)
        x = x.index_select(2, rows).index_select(3, columns)
    elif multiple > 1:  # whatever the size: a graph that is exported for all sizes takes no decision by it
        x = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="reflect")
    else:
        return upscale(x)
    return upscale(x)[..., : height * SCALE, : width * SCALE]


def _padded_side(side: int, smallest: int, multiple: int) -> int:
    return -(-max(side, smallest) // multiple) * multiple


def _reflected_indices(side: int, padded_side: int, device: torch.device) -> Tensor:
    """0, 1, ..., side-1, side-2, ..., 1, 0, 1, ...: the edge pixel is not repeated, as in F.pad's "reflect"."""
    if side == 1:
        return torch.zeros(padded_side, dtype=torch.long, device=device)
    period = 2 * (side - 1)
    phase = torch.arange(padded_side, device=device) % period
    return torch.where(phase < side, phase, period - phase)


class ESA(nn.Module):
    """Enhanced spatial attention as RLFN trimmed it (Kong et al., CVPR Workshops 2022), and the SRN style of it.

    Looks at the features from afar (a strided 3x3, a 7x7 pooling, a 3x3), brings that view back to full size, adds
    the near view, and weighs every value of the input (N, channels, H, W), H and W at least 15, by a sigmoid of it.
    No activation between the convolutions. The near view passes a second 1x1 with ``skip_conv`` (RLFN); without it
    the reduced features are added themselves (SRN style). ``pointwise``, ``strided`` and ``conv`` make the 1x1 layers,
    the strided 3x3 and the one after the pooling, where a network wants other than plain biased convolutions.
    """

    def __init__(
        self,
        channels: int,
        inner: int,
        *,
        skip_conv: bool,
        pointwise: Layer = conv1x1,
        strided: Layer = strided3x3,
        conv: Layer = conv3x3,
    ) -> None:
        super().__init__()
        self.reduce = pointwise(channels, inner)
        self.skip = pointwise(inner, inner) if skip_conv else nn.Identity()
        self.down = strided(inner, inner)
        self.context = conv(inner, inner)
        self.expand = pointwise(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        near = self.reduce(x)
        far = self.context(F.max_pool2d(self.down(near), kernel_size=7, stride=3))
        far = F.interpolate(far, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.expand(far + self.skip(near)))


class ESAF(nn.Module):
    """Enhanced spatial attention as RFDN has it (Liu et al., AIM 2020): three 3x3 after the pooling, ReLU between.

    Input and output (N, channels, H, W), H and W at least 15. The ReLUs are modules because the 2023 counter of
    operations sees only those.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.reduce = conv1x1(channels, inner)
        self.skip = conv1x1(inner, inner)
        self.down = strided3x3(inner, inner)
        self.context = nn.Sequential(
            conv3x3(inner, inner),
            nn.ReLU(inplace=True),
            conv3x3(inner, inner),
            nn.ReLU(inplace=True),
            conv3x3(inner, inner),
        )
        self.expand = conv1x1(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        near = self.reduce(x)
        far = self.context(F.max_pool2d(self.down(near), kernel_size=7, stride=3))
        far = F.interpolate(far, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.expand(far + self.skip(near)))
