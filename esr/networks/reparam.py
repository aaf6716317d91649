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
    """A convolution whose kernel is composed from branches. Maps (N, C_in, H, W) to (N, C_out, H', W')."""

    def __init__(self, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.stride = stride
        self.padding = padding

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
        # A contiguous kernel lets the input's memory format, contiguous or channels_last, decide the output's.
        return F.conv2d(x, weight.contiguous(), bias, self.stride, self.padding)

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The plain convolution that does the same."""
        return stored_conv2d(*self.compose(), self.stride, self.padding)


def stored_conv2d(weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> nn.Conv2d:
    """A plain convolution that holds a copy of this kernel (C_out, C_in, k, k) and bias (C_out)."""
    channels_out, channels_in, size, _ = weight.shape
    conv = nn.Conv2d(channels_in, channels_out, size, stride, padding, bias=bias is not None).to(weight)
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


def passed_on(bias: Tensor | None, kernel: Tensor) -> Tensor | None:
    """What a constant input ``bias`` (M) becomes under ``kernel`` (O, M, k, k): a vector (O); None stays None."""
    return None if bias is None else kernel.sum(dim=(2, 3)) @ bias


def sum_of(*biases: Tensor | None) -> Tensor | None:
    """The sum of those biases (O) that exist; None where none does."""
    existing = [bias for bias in biases if bias is not None]
    return torch.stack(existing).sum(dim=0) if existing else None


def pad_by_value(x: Tensor, value: Tensor | None) -> Tensor:
    """A border of 1 px around (N, C, H, W) that holds ``value`` (C), or zeros when None."""
    if value is None:
        return F.pad(x, (1, 1, 1, 1))
    count, _, height, width = x.shape
    padded = value[None, :, None, None].to(x.dtype).repeat(count, 1, height + 2, width + 2)
    padded[..., 1:-1, 1:-1] = x
    return padded


class RepConv(ComposedConv2d):
    """The RepVGG style (Ding et al., CVPR 2021) without batch norm: y = K * x + P * x + x.

    K is a biased 3x3, P a 1x1, the identity is there where input and output have the same number of channels. With
    ``stride`` 2 and no padding, P and the identity look at the centres of K's windows.
    Collapse: kernel K + centred(P + I), bias b_K + b_P.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, pointwise_bias: bool = True, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(stride, padding)
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding)
        self.pointwise = conv1x1(channels_in, channels_out, pointwise_bias)
        self.identity = channels_in == channels_out

    def compose(self) -> tuple[Tensor, Tensor | None]:
        centre = self.pointwise.weight
        if self.identity:
            centre = centre + identity_kernel(len(centre), centre)
        return self.conv.weight + centred(centre), sum_of(self.conv.bias, self.pointwise.bias)

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        first = 1 - self.padding
        centres = x[..., first :: self.stride, first :: self.stride][..., : y.shape[2], : y.shape[3]]
        y = y + self.pointwise(centres)
        return y + centres if self.identity else y


class RRRB(ComposedConv2d):
    """FMEN's re-parameterised residual-in-residual convolution (Du et al., CVPR Workshops 2022).

    y = x + R * (F * (E * x) + E * x), with E a 1x1 from C_in to ``inner`` channels, F a 3x3 at that width, R a 1x1
    to C_out. E's output is padded by E's bias, which is what E makes of a zero, before the unpadded F, so that the
    collapse holds at the image border too. The outer identity is there where C_in and C_out are equal.

    Collapse: kernel R . (F + I) . E + I; bias R . ((F + I) summed over its window . b_E + b_F) + b_R.
    """

    def __init__(self, channels_in: int, channels_out: int, *, inner: int, bias: bool = True) -> None:
        super().__init__(padding=1)
        self.expand = conv1x1(channels_in, inner, bias)
        self.conv = nn.Conv2d(inner, inner, 3, bias=bias)
        self.reduce = conv1x1(inner, channels_out, bias)
        self.identity = channels_in == channels_out

    def compose(self) -> tuple[Tensor, Tensor | None]:
        inner = self.conv.weight + centred(identity_kernel(self.conv.in_channels, self.conv.weight))
        reduced = before_pointwise(self.reduce.weight, inner)
        weight = after_pointwise(reduced, self.expand.weight)
        if self.identity:
            weight = weight + centred(identity_kernel(len(weight), weight))
        bias = sum_of(
            passed_on(self.expand.bias, reduced),
            passed_on(self.conv.bias, self.reduce.weight),
            self.reduce.bias,
        )
        return weight, bias

    def branches(self, x: Tensor) -> Tensor:
        expanded = self.expand(x)
        y: Tensor = self.reduce(self.conv(pad_by_value(expanded, self.expand.bias)) + expanded)
        return y + x if self.identity else y


class WidePointwise(ComposedConv2d):
    """A 1x1 made of two with nothing between, through ``inner`` channels: y = B * (A * x), and + x with ``identity``.

    R2Net's form of a 1x1, "inspired by the transformer FFN" (its factsheet).
    Collapse: kernel B . A (+ I); bias B . b_A + b_B.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, inner: int, identity: bool = False, bias: bool = True
    ) -> None:
        super().__init__()
        self.widen = conv1x1(channels_in, inner, bias)
        self.narrow = conv1x1(inner, channels_out, bias)
        self.identity = identity and channels_in == channels_out

    def compose(self) -> tuple[Tensor, Tensor | None]:
        weight = before_pointwise(self.narrow.weight, self.widen.weight)
        if self.identity:
            weight = weight + identity_kernel(len(weight), weight)
        return weight, sum_of(passed_on(self.widen.bias, self.narrow.weight), self.narrow.bias)

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(self.widen(x))
        return y + x if self.identity else y


SOBEL_X = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
SOBEL_Y = ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0))
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
Mask = tuple[tuple[float, ...], ...]


class EdgeBranch(nn.Module):
    """One edge detector of ``EdgeConv``: y = s (M * (P * x)) + t, per channel.

    P is a biased 1x1 whose output is padded by its bias, M the fixed mask on every channel (a parameter that is not
    trained, as released), s and t a learned scale and bias per channel.
    """

    def __init__(self, channels: int, mask: Mask) -> None:
        super().__init__()
        self.pointwise = conv1x1(channels, channels)
        self.mask = nn.Parameter(torch.tensor(mask).repeat(channels, 1, 1, 1), requires_grad=False)
        self.scale = nn.Parameter(1e-3 * torch.randn(channels, 1, 1, 1))
        self.bias = nn.Parameter(1e-3 * torch.randn(channels))

    def compose(self) -> tuple[Tensor, Tensor]:
        """Kernel s M P, (C, C, 3, 3), and bias s (M summed) b_P + t, (C)."""
        assert self.pointwise.bias is not None
        passed = self.mask.sum(dim=(1, 2, 3)) * self.scale.flatten() * self.pointwise.bias
        return self.scale * self.mask * self.pointwise.weight, passed + self.bias

    def forward(self, x: Tensor) -> Tensor:
        padded = pad_by_value(self.pointwise(x), self.pointwise.bias)
        return F.conv2d(padded, self.scale * self.mask, self.bias, groups=len(self.mask))


class EdgeConv(ComposedConv2d):
    """IFADNet's edge-oriented convolution (after ECBSR, Zhang et al., ACM MM 2021; as released).

    y = K * x + B * (A * x) + x + Sobel-x(x) + Sobel-y(x) + Laplacian(x), with K a biased 3x3, A a 1x1 to twice the
    channels and B a 3x3 back, both without bias, and three ``EdgeBranch``.
    Collapse: kernel K + B . A + I + the edges' kernels; bias b_K + the edges' biases.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(padding=1)
        self.conv = conv3x3(channels, channels)
        self.widen = conv1x1(channels, 2 * channels, bias=False)
        self.narrow = conv3x3(2 * channels, channels, bias=False)
        self.sobel_x = EdgeBranch(channels, SOBEL_X)
        self.sobel_y = EdgeBranch(channels, SOBEL_Y)
        self.laplacian = EdgeBranch(channels, LAPLACIAN)

    def compose(self) -> tuple[Tensor, Tensor | None]:
        weight = self.conv.weight + after_pointwise(self.narrow.weight, self.widen.weight)
        weight = weight + centred(identity_kernel(len(weight), weight))
        weight_x, bias_x = self.sobel_x.compose()
        weight_y, bias_y = self.sobel_y.compose()
        weight_l, bias_l = self.laplacian.compose()
        return weight + weight_x + weight_y + weight_l, sum_of(self.conv.bias, bias_x, bias_y, bias_l)

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x) + self.narrow(self.widen(x)) + x
        edges: Tensor = self.sobel_x(x) + self.sobel_y(x) + self.laplacian(x)
        return y + edges


class NormedConv(nn.Module):
    """FMEN's 3x3 with batch norm before it, and after it with ``norm_after``; the one form that trains as it is drawn.

    The first norm's output is padded by what that norm makes of a zero, by its running statistics also in training,
    so that folding, exact in eval mode only, holds at the image border too.
    Folding, with g = gamma / sqrt(variance + eps) and o = beta - g mean of either norm: the kernel's input channels
    times g_1, its bias plus the kernel summed over its window . o_1; then both times g_2, the bias plus o_2.
    """

    def __init__(self, channels_in: int, channels_out: int, *, norm_after: bool) -> None:
        super().__init__()
        self.norm_before = nn.BatchNorm2d(channels_in)
        self.conv = nn.Conv2d(channels_in, channels_out, 3)
        self.norm_after = nn.BatchNorm2d(channels_out) if norm_after else None

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm_before(x)
        _, offset = _gain_and_offset(self.norm_before)
        y: Tensor = self.conv(pad_by_value(normed, offset))
        return y if self.norm_after is None else self.norm_after(y)

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The plain padded convolution that does the same in eval mode."""
        assert self.conv.bias is not None
        gain, offset = _gain_and_offset(self.norm_before)
        weight = self.conv.weight * gain[None, :, None, None]
        bias = self.conv.bias + self.conv.weight.sum(dim=(2, 3)) @ offset
        if self.norm_after is not None:
            gain, offset = _gain_and_offset(self.norm_after)
            weight, bias = weight * gain[:, None, None, None], bias * gain + offset
        return stored_conv2d(weight, bias, stride=1, padding=1)


def _gain_and_offset(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_var is not None and norm.running_mean is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return gain, norm.bias - gain * norm.running_mean
