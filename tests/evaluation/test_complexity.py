"""Complexity: the published table digit for digit, and fvcore itself beside our counter."""

import warnings
from dataclasses import astuple

import pytest
import torch
import torch.nn.functional as F
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from esr.evaluation.complexity import Complexity, measure_complexity
from esr.evaluation.complexity_table import LISTED_NETWORKS
from esr.networks.edrn import EDRN
from esr.networks.slimrlfn import SlimRLFN

# At 1 x 3 x 256 x 256, as measured on the released code: parameters, operations by the counters of 2024 and of 2023,
# activations, convolutions.
PUBLISHED = {
    "rlfn": (317_218, 19_674_859_520, 19_695_306_752, 80_045_184, 39),
    "slimrlfn": (207_774, 11_991_174_144, 12_001_397_760, 74_061_504, 51),
    "slimrlfn-pruned": (197_134, 11_295_181_824, 11_304_094_720, 72_750_784, 51),
    "r2net": (214_800, 13_050_087_424, 13_045_893_120, 52_520_064, 27),
    "ifadnet": (162_972, 9_840_256_512, 9_827_673_600, 85_789_536, 45),
    "ripfdn": (261_868, 15_528_984_016, 15_515_527_352, 154_193_040, 84),
    "edrn": (3_425_980, 118_946_267_136, 224_189_743_104, 335_282_176, 94),
    "fmen": (341_066, 22_280_011_776, 22_280_011_776, 72_089_600, 34),
    "rfdn": (433_448, 27_046_231_296, 27_102_622_560, 112_034_240, 64),
    "rlfn-6x196": (6_963_116, 454_354_848_768, 454_560_893_952, 428_480_192, 57),
    "safmn-large": (5_600_816, 365_129_367_552, 365_028_704_256, 592_969_728, 114),
    "span": (150_688, 9_833_807_872, 9_833_807_872, 41_680_896, 22),
    "spanv2": (139_104, 9_107_931_136, 9_130_999_808, 51_380_224, 22),
}


def fvcore_flops(network: nn.Module, image: Tensor) -> int:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        analysis = FlopCountAnalysis(network.eval(), image)
        return int(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_figure_is_the_published_one(name: str) -> None:
    assert astuple(measure_complexity(LISTED_NETWORKS[name]())) == PUBLISHED[name]


def test_every_name_has_a_published_row() -> None:
    assert LISTED_NETWORKS.keys() == PUBLISHED.keys()


def test_edrn_as_drawn_uses_what_the_team_counted() -> None:
    assert measure_complexity(EDRN(reading="as_drawn")).flops == 224_189_743_104


@pytest.mark.parametrize(
    "name", ["rlfn", "slimrlfn-pruned", "r2net", "ifadnet", "ripfdn", "edrn", "fmen", "rfdn", "span", "spanv2"]
)
@pytest.mark.parametrize(("height", "width"), [(24, 33), (9, 16)])
def test_the_2024_counter_is_fvcores(name: str, height: int, width: int) -> None:
    network = LISTED_NETWORKS[name]()
    assert measure_complexity(network, height, width).flops == fvcore_flops(network, torch.rand(1, 3, height, width))


class Zoo(nn.Module):
    """Operations that a network of one's own may have."""

    def __init__(self) -> None:
        super().__init__()
        self.strided = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.grouped = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.transposed = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1)
        self.norms = nn.Sequential(nn.BatchNorm2d(8), nn.BatchNorm2d(8, affine=False), nn.GroupNorm(2, 8))
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.layer = nn.LayerNorm(8)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.linear = nn.Linear(8, 8)
        self.unused = nn.Conv2d(8, 8, 3)
        self.tail = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.instance(self.norms(self.transposed(self.grouped(self.strided(x)))))
        y = y * self.gate(y)
        self.unused(y)
        tokens = self.layer(self.linear(y.flatten(2).transpose(1, 2)))
        attention = torch.softmax(tokens @ tokens.transpose(1, 2), dim=-1)
        tokens = torch.bmm(attention, tokens)
        tokens = torch.einsum("x t c, x t d -> x c d", tokens, tokens)  # every channel with every other
        tokens = torch.einsum("ndc,ntc->ntd", tokens, y.flatten(2).transpose(1, 2))
        tokens = torch.einsum("ijk,kl,lm->ijm", tokens, self.linear.weight, self.linear.weight)
        y = tokens.transpose(1, 2).reshape(y.shape)
        y = F.interpolate(y, scale_factor=2, mode="nearest")
        return F.interpolate(self.tail(y), scale_factor=2, mode="bilinear")


def test_the_2024_counter_is_fvcores_on_other_operations_too() -> None:
    assert measure_complexity(Zoo(), 12, 16).flops == fvcore_flops(Zoo(), torch.rand(1, 3, 12, 16))


def test_a_small_network_by_hand() -> None:
    # 10 x 8 pixels. 3x3 3->4: 27 x 4 = 108 a pixel. ReLU: 4. Batch norm: 8 (2023) and 8 (2024: 2 per element).
    # 1x1 4->48: 192 a pixel. Activations: 4 + 48 a pixel. Parameters: 108 + 4, 8, 192 + 48.
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 48, 1), nn.PixelShuffle(4)
    )
    assert measure_complexity(network, 10, 8) == Complexity(
        parameters=360,
        flops=80 * (108 + 8 + 192),
        flops_2023=80 * (108 + 4 + 8 + 192),
        activations=80 * 52,
        convs=2,
    )


def test_an_input_that_is_padded_costs_what_the_padded_one_does() -> None:
    network = SlimRLFN(deploy=True)
    assert measure_complexity(network, 3, 9) == measure_complexity(network, 15, 15)


def test_measuring_leaves_the_network_alone() -> None:
    network = SlimRLFN(deploy=True).train()
    measure_complexity(network, 16, 16)
    assert network.training and next(network.parameters()).device.type == "cpu"
    assert not any(module._forward_hooks for module in network.modules())
