"""One image through a network, by the challenge's rule."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from esr.inference.super_resolve import super_resolve


class Recorder(nn.Module):
    """Keeps its input and gives a fixed output."""

    def __init__(self, output: float | list[list[list[list[float]]]]) -> None:
        super().__init__()
        self.output = nn.Parameter(torch.tensor(output))
        self.seen = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return self.output.expand(1, 3, 4 * x.shape[2], 4 * x.shape[3])


IMAGE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 15


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_the_input_fills_the_range_channels_first(data_range: float) -> None:
    network = Recorder(0.0)
    super_resolve(network, IMAGE, data_range)
    assert network.seen.dtype == torch.float32
    assert network.seen.shape == (1, 3, 2, 3)
    expected = torch.tensor(IMAGE).permute(2, 0, 1)[None] * (data_range / 255)
    torch.testing.assert_close(network.seen, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("output", "level"), [(-3.0, 0), (0.4, 0), (0.6, 1), (99.4, 99), (99.6, 100), (254.6, 255), (300.0, 255)]
)
def test_the_output_is_clamped_and_rounded(output: float, level: int) -> None:
    for data_range in (1.0, 255.0):
        out = super_resolve(Recorder(output * data_range / 255), IMAGE, data_range)
        assert out.dtype == np.uint8
        assert out.shape == (8, 12, 3)
        assert (out == level).all()


def test_16_bits() -> None:
    deep = IMAGE.astype(np.uint16) * 257 + 3
    network = Recorder(0.25)
    out = super_resolve(network, deep, 1.0)
    assert out.dtype == np.uint16
    assert (out == 16384).all()  # 65535 / 4 = 16383.75
    torch.testing.assert_close(network.seen[0, :, 0, 1], torch.tensor(deep[0, 1] / 65535, dtype=torch.float32))


def test_grey_goes_in_three_times_and_comes_out_as_the_mean() -> None:
    network = Recorder([[[[10.0]], [[20.0]], [[60.0]]]])
    out = super_resolve(network, IMAGE[..., :1], 255.0)
    assert out.shape == (8, 12, 1)
    assert (out == 30).all()
    assert (network.seen == torch.tensor(IMAGE[..., 0])).all()


def test_a_view_that_cannot_be_written_is_fine() -> None:
    frozen = IMAGE[::-1]
    frozen.flags.writeable = False
    assert super_resolve(Recorder(7.0), frozen, 255.0).max() == 7
