"""Removing channels: how many, of which layers, and that what is left computes what it did."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from esr.compression.channels import remove_channels, widths_of


class Branches(nn.Module):
    """Two convolutions in a row, whose channels may go, then one that gives 48; a bias names its channel."""

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        super().__init__()
        widths = len(first), len(second)
        self.first, self.second = nn.Conv2d(3, widths[0], 3, padding=1), nn.Conv2d(*widths, 1)
        self.last = nn.Conv2d(widths[1], 48, 3, padding=1)
        with torch.no_grad():
            for conv, norms in ((self.first, first), (self.second, second)):
                assert conv.bias is not None
                conv.weight.zero_()
                conv.bias.copy_(torch.arange(len(norms)))
                conv.weight[:, 0, 0, 0] = torch.tensor(norms)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = nn.functional.pixel_shuffle(self.last(self.second(self.first(x)).relu()), 4)
        return y


LAYERS = ["first", "second"]


def left(network: nn.Module) -> list[list[float]]:
    return [network.get_parameter(f"{name}.bias").tolist() for name in LAYERS]


@pytest.mark.parametrize(
    ("count", "removed", "channels"),
    [
        (0, 0, [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4]]),
        (1, 1, [[0, 1, 2, 4, 5], [0, 1, 2, 3, 4]]),  # norm 1
        (2, 2, [[0, 1, 2, 4, 5], [0, 1, 3, 4]]),  # norm 2, of the second layer, which has 4 channels then
        (3, 3, [[0, 1, 2, 4], [0, 1, 3, 4]]),  # not norm 3 of the second layer, but 4 of the first
        (99, 3, [[0, 1, 2, 4], [0, 1, 3, 4]]),
    ],
)
def test_the_weakest_of_all_layers_go_down_to_four_of_each(
    count: int, removed: int, channels: list[list[float]]
) -> None:
    network = Branches((9.0, 8.0, 7.0, 1.0, 6.0, 4.0), (9.0, 3.0, 2.0, 8.0, 7.0))
    assert remove_channels(network, LAYERS, count, "raw") == removed
    assert left(network) == channels
    assert widths_of(network, LAYERS) == [len(each) for each in channels]
    assert widths_of(network, ["last", "second"]) == [48, len(channels[1])]
    assert network(torch.zeros(2, 3, 5, 7)).shape == (2, 3, 20, 28)


def test_only_the_layers_that_are_named_shrink() -> None:
    network = Branches((9.0, 8.0, 7.0, 1.0, 6.0, 4.0), (0.1, 0.2, 0.3, 8.0, 7.0))
    assert remove_channels(network, ["first"], 1, "layer_mean") == 1
    assert left(network) == [[0, 1, 2, 4, 5], [0, 1, 2, 3, 4]]


def test_equal_channels_go_by_layer_and_number() -> None:
    """So that two runs prune alike."""
    network = Branches((1.0,) * 6, (1.0,) * 6)
    assert remove_channels(network, ["second", "first"], 3, "layer_mean") == 3
    assert left(network) == [[2, 3, 4, 5], [1, 2, 3, 4, 5]]


def test_norms_are_compared_in_double_precision() -> None:
    """1 + 2^-24 is 1 in single precision; the two halves of a weight make it here."""
    network = Branches((9.0,) * 6, (9.0,) * 6)
    with torch.no_grad():
        network.first.weight[1, :2, 0, 0] = torch.tensor([1.0, 2**-12])  # norm 1 + 2^-25
        network.first.weight[3, :2, 0, 0] = torch.tensor([1.0, 0.0])
    assert remove_channels(network, LAYERS, 1, "raw") == 1
    assert left(network)[0] == [0, 1, 2, 4, 5]


def test_a_network_in_another_precision_is_traced_in_its_own() -> None:
    network = Branches((9.0, 8.0, 7.0, 1.0, 6.0, 4.0), (9.0,) * 5)
    assert remove_channels(network, LAYERS, 1, "raw") == 1
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
