"""SPAN's re-parameterisable convolution: a 3x3 between two 1x1, and a 1x1 beside them."""

from torch import Tensor, nn

from esr.networks.blocks import conv1x1
from esr.networks.reparam import (
    ComposedConv2d,
    after_pointwise,
    before_pointwise,
    centred,
    pad_by_value,
    passed_on,
    sum_of,
)


class Conv3XC(ComposedConv2d):
    """SPAN's convolution (Wan et al., CVPR Workshops 2024; as released): y = R * (F * (E * x)) + P * x.

    E is a 1x1 from C_in to ``gain`` C_in channels, F a 3x3 to ``gain`` C_out, R a 1x1 to C_out; P is a 1x1. All have a
    bias, or with ``bias=False`` none has. Padded is x, by zeros, and not E's output, so that F sees E's bias around the
    image and the collapse holds at its border.
    Collapse: kernel R . F . E + centred(P); bias R . (F summed over its window . b_E + b_F) + b_R + b_P.
    """

    def __init__(self, channels_in: int, channels_out: int, *, gain: int = 2, bias: bool = True) -> None:
        super().__init__(padding=1)
        self.expand = conv1x1(channels_in, gain * channels_in, bias)
        self.conv = nn.Conv2d(gain * channels_in, gain * channels_out, 3, bias=bias)
        self.reduce = conv1x1(gain * channels_out, channels_out, bias)
        self.pointwise = conv1x1(channels_in, channels_out, bias)

    def compose(self) -> tuple[Tensor, Tensor | None]:
        reduced = before_pointwise(self.reduce.weight, self.conv.weight)
        bias = sum_of(
            passed_on(self.expand.bias, reduced),
            passed_on(self.conv.bias, self.reduce.weight),
            self.reduce.bias,
            self.pointwise.bias,
        )
        return after_pointwise(reduced, self.expand.weight) + centred(self.pointwise.weight), bias

    def branches(self, x: Tensor) -> Tensor:
        y: Tensor = self.reduce(self.conv(self.expand(pad_by_value(x, None)))) + self.pointwise(x)
        return y
