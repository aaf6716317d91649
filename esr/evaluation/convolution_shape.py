"""What a convolution computes, without its weights: enough to run one like it, or a narrower one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from esr.timing.clock import Pass, milliseconds_by


@dataclass(frozen=True)
class ConvolutionShape:
    """A two-dimensional convolution of fp32 images.

    Attributes:
        channels_in, channels_out: of the images that it reads and writes.
        height, width: of the images that it reads, in px.
        kernel: its height and width.
        stride, padding, dilation: as PyTorch takes them.
        groups: one for a dense convolution.
        bias: whether it adds one.
    """

    channels_in: int
    channels_out: int
    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] | str = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = False

    @classmethod
    def of(
        cls,
        image: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Self:
        """The shape of what PyTorch's conv2d is called with."""
        return cls(
            channels_in=image.shape[1],
            channels_out=weight.shape[0],
            height=image.shape[2],
            width=image.shape[3],
            kernel=(weight.shape[2], weight.shape[3]),
            stride=_sides(stride),
            padding=padding if isinstance(padding, str) else _sides(padding),
            dilation=_sides(dilation),
            groups=groups,
            bias=bias is not None,
        )

    @property
    def described(self) -> str:
        """Such as ``conv 3x3 48→16 /2``: kernel, channels, stride, and groups where there are several."""
        stride = f" /{self.stride[0]}" if max(self.stride) > 1 else ""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        height, width = self.kernel
        return f"conv {height}x{width} {self.channels_in}→{self.channels_out}{stride}{groups}"

    @property
    def is_depthwise(self) -> bool:
        """Whether every channel is convolved by itself."""
        return self.groups > 1 and self.groups == self.channels_in == self.channels_out

    def with_fewer_out(self, part: float) -> Self | None:
        """One that writes ``part`` of the channels, at least one; None where groups would not fit."""
        if self.is_depthwise:
            return self._depthwise(part)
        return replace(self, channels_out=_part(self.channels_out, part)) if self.groups == 1 else None

    def with_fewer_in(self, part: float) -> Self | None:
        """One that reads ``part`` of the channels, at least one; None where groups would not fit."""
        if self.is_depthwise:
            return self._depthwise(part)
        return replace(self, channels_in=_part(self.channels_in, part)) if self.groups == 1 else None

    def _depthwise(self, part: float) -> Self:
        channels = _part(self.groups, part)
        return replace(self, channels_in=channels, channels_out=channels, groups=channels)

    def timed(self, device: torch.device) -> Pass:
        """A pass of such a convolution alone, of random weights over a random image, both channels_last."""
        last = torch.channels_last
        image = torch.rand(1, self.channels_in, self.height, self.width, device=device).to(memory_format=last)
        weight = torch.rand(self.channels_out, self.channels_in // self.groups, *self.kernel, device=device)
        weight = weight.to(memory_format=last)
        bias = torch.rand(self.channels_out, device=device) if self.bias else None

        def convolve() -> Tensor:
            return F.conv2d(image, weight, bias, self.stride, self.padding, self.dilation, self.groups)

        return lambda: milliseconds_by(device, convolve)


def _sides(value: int | Sequence[int]) -> tuple[int, int]:
    """Height's and width's; PyTorch takes one number for both."""
    both = [value] if isinstance(value, int) else value
    return both[0], both[-1]


def _part(channels: int, part: float) -> int:
    return max(1, round(channels * part))
