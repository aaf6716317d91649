"""Re-parameterisable convolutions: many branches to train, one convolution to run.

Every branch sum here is affine in its input, so it is one convolution whose kernel and bias are polynomials of the
branches' weights. ``compose`` computes them; ``forward`` convolves with the result, so that the image sees a single
convolution already in training, and the gradients reach the branches through the composition; ``fused`` stores the
result for deployment. ``branches`` is the definition, branch by branch, against which the composition is tested.

Notation: (A * x) is a convolution, A . B the product of 1x1 kernels seen as matrices, I the identity kernel, whose
only non-zero entries are ones at the centre, from each channel to itself.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.blocks import conv1x1, conv3x3


class ComposedConv2d(nn.Module, ABC):
    """A stride-1 convolution whose kernel is composed from branches. Maps (N, C_in, H, W) to (N, C_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int) -> None:
        super().__init__()
        self.channels_in = channels_in
        self.channels_out = channels_out
        self.kernel_size = kernel_size
        self.padding = kernel_size // 2

    @abstractmethod
    def compose(self) -> tuple[Tensor, Tensor | None]:
        """The merged kernel (C_out, C_in, k, k) and bias (C_out) or None, differentiable in the branches' weights."""

    @abstractmethod
    def branches(self, x: Tensor) -> Tensor:
        """The same map, branch by branch: the definition of this convolution, slow, for tests and comparisons."""

    def forward(self, x: Tensor) -> Tensor:
        # Products of kernels lose too much in half precision, so autocast may only round their result.
        with torch.autocast(x.device.type, enabled=False):
            weight, bias = self.compose()
        return F.conv2d(x, weight.contiguous(), bias, padding=self.padding)

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The plain convolution that does the same."""
        return stored_conv2d(*self.compose(), padding=self.padding)


def stored_conv2d(weight: Tensor, bias: Tensor | None, padding: int) -> nn.Conv2d:
    """A plain convolution that holds a copy of this kernel (C_out, C_in, k, k) and bias (C_out)."""
    channels_out, channels_in, size, _ = weight.shape
    conv = nn.Conv2d(channels_in, channels_out, size, padding=padding, bias=bias is not None).to(weight)
    with torch.no_grad():
        conv.weight.copy_(weight)
        if conv.bias is not None and bias is not None:
            conv.bias.copy_(bias)
    return conv


def identity_kernel(channels: int, like: Tensor) -> Tensor:
    """The 1x1 kernel (channels, channels, 1, 1) that passes every channel on, typed and placed as ``like``."""
    return torch.eye(channels, dtype=like.dtype, device=like.device)[:, :, None, None]


def centred(pointwise: Tensor) -> Tensor:
    """A 1x1 kernel (O, I, 1, 1) as the centre of a 3x3 one (O, I, 3, 3) that is zero elsewhere."""
    return F.pad(pointwise, (1, 1, 1, 1))


def after_pointwise(kernel: Tensor, pointwise: Tensor) -> Tensor:
    """The kernel of ``kernel`` (O, M, k, k) applied after ``pointwise`` (M, I, 1, 1): (O, I, k, k)."""
    out, inner, size, _ = kernel.shape
    product = pointwise.flatten(1).t() @ kernel.reshape(out, inner, size * size)
    return product.reshape(out, -1, size, size)


def before_pointwise(pointwise: Tensor, kernel: Tensor) -> Tensor:
    """The kernel of ``pointwise`` (O, M, 1, 1) applied after ``kernel`` (M, I, k, k): (O, I, k, k)."""
    return (pointwise.flatten(1) @ kernel.flatten(1)).reshape(-1, *kernel.shape[1:])


def passed_on(bias: Tensor, kernel: Tensor) -> Tensor:
    """What a constant input ``bias`` (M) becomes under ``kernel`` (O, M, k, k): a vector (O)."""
    return kernel.sum(dim=(2, 3)) @ bias


def pad_by_value(x: Tensor, value: Tensor) -> Tensor:
    """A border of 1 px around (N, C, H, W) that holds ``value`` (C)."""
    count, _, height, width = x.shape
    padded = value[None, :, None, None].repeat(count, 1, height + 2, width + 2).to(x.dtype)
    padded[..., 1:-1, 1:-1] = x
    return padded


class RepConv(ComposedConv2d):
    """The RepVGG style (Ding et al., CVPR 2021) without batch norm: y = K * x + P * x + x.

    K is a 3x3, P a 1x1, both biased; the identity is there where input and output have the same number of channels.
    Collapse: kernel K + centred(P + I), bias b_K + b_P.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3)
        self.conv = conv3x3(channels_in, channels_out)
        self.pointwise = conv1x1(channels_in, channels_out)
        self.identity = channels_in == channels_out

    def compose(self) -> tuple[Tensor, Tensor | None]:
        centre = self.pointwise.weight
        if self.identity:
            centre = centre + identity_kernel(self.channels_in, centre)
        assert self.conv.bias is not None and self.pointwise.bias is not None
        return self.conv.weight + centred(centre), self.conv.bias + self.pointwise.bias

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x) + self.pointwise(x)
        return y + x if self.identity else y


class RRRB(ComposedConv2d):
    """FMEN's re-parameterised residual-in-residual convolution (Du et al., CVPR Workshops 2022).

    y = x + R * (F * (E * x) + E * x), with E a 1x1 from C_in to ``inner`` channels, F a 3x3 at that width, R a 1x1
    to C_out. E's output is padded by E's bias, which is what E makes of a zero, before the unpadded F, so that the
    collapse holds at the image border too. The outer identity exists only where ``identity`` says so.

    Collapse: kernel R . (F + I) . E + I; bias R . ((F + I) summed over its window . b_E + b_F) + b_R.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, inner: int, identity: bool = True, bias: bool = True
    ) -> None:
        super().__init__(channels_in, channels_out, 3)
        self.expand = conv1x1(channels_in, inner, bias)
        self.conv = nn.Conv2d(inner, inner, 3, bias=bias)
        self.reduce = conv1x1(inner, channels_out, bias)
        self.identity = identity

    def compose(self) -> tuple[Tensor, Tensor | None]:
        inner = self.conv.weight + centred(identity_kernel(self.conv.in_channels, self.conv.weight))
        reduced = before_pointwise(self.reduce.weight, inner)
        weight = after_pointwise(reduced, self.expand.weight)
        if self.identity:
            weight = weight + centred(identity_kernel(self.channels_in, weight))
        if self.expand.bias is None or self.conv.bias is None or self.reduce.bias is None:
            return weight, None
        bias = passed_on(self.expand.bias, reduced) + passed_on(self.conv.bias, self.reduce.weight) + self.reduce.bias
        return weight, bias

    def branches(self, x: Tensor) -> Tensor:
        expanded = self.expand(x)
        padded = F.pad(expanded, (1, 1, 1, 1)) if self.expand.bias is None else pad_by_value(expanded, self.expand.bias)
        y: Tensor = self.reduce(self.conv(padded) + expanded)
        return y + x if self.identity else y


class WidePointwise(ComposedConv2d):
    """A 1x1 widened by a second one, with nothing between: y = B * (A * x), A from C_in to 2 C_in channels.

    R2Net's form of a 1x1, "inspired by the transformer FFN" (its factsheet).
    Collapse: kernel B . A; bias B . b_A + b_B.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, 1)
        self.widen = conv1x1(channels_in, 2 * channels_in, bias)
        self.narrow = conv1x1(2 * channels_in, channels_out, bias)

    def compose(self) -> tuple[Tensor, Tensor | None]:
        weight = after_pointwise(self.narrow.weight, self.widen.weight)
        if self.widen.bias is None or self.narrow.bias is None:
            return weight, None
        return weight, passed_on(self.widen.bias, self.narrow.weight) + self.narrow.bias

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(self.widen(x))
        return y
