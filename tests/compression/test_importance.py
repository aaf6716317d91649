"""Which channel goes first, on kernels made by hand: the one of smallest L2 norm, layers compared as the row says."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from esr.compression.channels import remove_channels
from esr.recipes.rows import NormComparison

UNEVEN = (1.0, 1.0, 1.0, 1.0, 6.0)  # norms, of mean 2 and mean square 8
EVEN = (2.0, 5.0, 5.0, 5.0, 5.0)  # of mean 4.4 and mean square 20.8


class Chain(nn.Module):
    """Three 1x1 convolutions, two of five channels each, so that either can lose one; a bias names its channel."""

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 5, 1), nn.Conv2d(5, 5, 1), nn.Conv2d(5, 3, 1)
        with torch.no_grad():
            for conv, norms in ((self.first, first), (self.second, second)):
                assert conv.bias is not None
                conv.bias.copy_(torch.arange(5))
                conv.weight.zero_()
                for channel, norm in enumerate(norms):
                    conv.weight[channel, :2, 0, 0] = torch.tensor([0.6, 0.8]) * norm
            self.last.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.second(self.first(x)))
        return output


def gone(network: Chain, comparison: NormComparison, count: int = 1) -> set[str]:
    """What is removed: ``first 0`` is the first channel of the first convolution."""
    assert remove_channels(network, ["first", "second"], count, comparison) == count
    left = {name: set(network.get_parameter(f"{name}.bias").tolist()) for name in ("first", "second")}
    return {f"{name} {channel}" for name, channels in left.items() for channel in set(range(5)) - channels}


def test_norms_over_the_layer_s_mean_are_not_squares_over_the_mean_square() -> None:
    """Norms: 1 / 2 = .50, 2 / 4.4 = .45, so the second's goes. Squares: 1 / 8 = .13, 4 / 20.8 = .19: the first's."""
    assert gone(Chain(UNEVEN, EVEN), "layer_mean") == {"second 0"}


def test_raw_norms_compare_as_they_are() -> None:
    assert gone(Chain(UNEVEN, EVEN), "raw") == {"first 0"}  # 1 and 2


@pytest.mark.parametrize(
    ("comparison", "first", "second", "went"),
    [
        ("layer_mean", 0.01, 1.0, "second 0"),  # .50 and .45 as before
        ("layer_mean", 1.0, 0.01, "second 0"),
        ("raw", 0.01, 1.0, "first 0"),  # .01 and 2
        ("raw", 1.0, 0.01, "second 0"),  # 1 and .02
    ],
)
def test_a_layer_s_size_matters_to_raw_norms_alone(
    comparison: NormComparison, first: float, second: float, went: str
) -> None:
    network = Chain([first * norm for norm in UNEVEN], [second * norm for norm in EVEN])
    assert gone(network, comparison) == {went}


def test_the_norm_is_the_root_of_squares() -> None:
    """3 and 4 have the norm 5, below 5.5; their sum, 7, is above it."""
    network = Chain((5.0, 9.0, 9.0, 9.0, 9.0), (9.0,) * 5)
    with torch.no_grad():
        network.first.weight[1] = torch.tensor([5.5, 0.0, 0.0])[:, None, None]
    assert gone(network, "raw") == {"first 0"}


@pytest.mark.parametrize("comparison", ["layer_mean", "raw"])
def test_neither_a_bias_nor_what_reads_a_channel_makes_it_important(comparison: NormComparison) -> None:
    network = Chain((9.0, 9.0, 8.0, 9.0, 9.0), (9.0,) * 5)
    with torch.no_grad():
        assert network.first.bias is not None
        network.first.bias[2] = 2000.0
        network.second.weight[:, 2] = 1000.0
    remove_channels(network, ["first", "second"], 1, comparison)
    assert network.first.bias.tolist() == [0, 1, 3, 4]


def test_a_layer_of_zeros_goes_first_and_breaks_nothing() -> None:
    assert gone(Chain((0.0,) * 5, EVEN), "layer_mean", count=2) == {"first 0", "second 0"}
