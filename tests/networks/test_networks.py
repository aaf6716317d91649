"""All networks: their training forms' sizes, any input size, and what each promises of itself."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from esr.networks.blocks import SCALE
from esr.networks.edrn import EDRN
from esr.networks.fmen import FMEN
from esr.networks.ifadnet import IFADNet
from esr.networks.r2net import R2Net
from esr.networks.rfdn import RFDN
from esr.networks.ripfdn import RIPFDN
from esr.networks.rlfn import RLFN
from esr.networks.safmn import SAFM, SAFMN
from esr.networks.slimrlfn import SlimRLFN
from esr.networks.span import SPAN
from esr.networks.spanv2 import SPANV2

# Every network, made small, in both forms.
SMALL: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "rlfn": (RLFN, {"channels": 8, "inner": 10, "blocks": 2, "esa_channels": 4}),
    "slimrlfn": (SlimRLFN, {"channels": 8, "blocks": 2, "esa_channels": 4}),
    "slimrlfn strided": (SlimRLFN, {"channels": 8, "blocks": 1, "esa_channels": 4, "esa_rep": "strided"}),
    "r2net": (R2Net, {"channels": 8, "blocks": 2, "esa_channels": 4}),
    "ifadnet": (IFADNet, {"channels": 8, "pairs": 1, "esa_channels": 4}),
    "ripfdn": (RIPFDN, {"channels": 8, "blocks": 2, "distilled": 4, "partial": 2, "esa_channels": 4}),
    "edrn": (EDRN, {"channels": 6, "warmup_inner": 4, "inner": 4}),
    "fmen": (FMEN, {"channels": 6, "warmup_inner": 4, "inner": 4, "blocks": 1}),
    "rfdn": (RFDN, {"channels": 8, "blocks": 2, "distilled": 4, "esa_channels": 4}),
    "safmn": (SAFMN, {"channels": 8, "blocks": 2}),
    "span": (SPAN, {"channels": 8, "blocks": 2}),
    "spanv2": (SPANV2, {"channels": 8, "blocks": 2}),
}


def small(name: str) -> nn.Module:
    torch.manual_seed(0)
    network_class, arguments = SMALL[name]
    return network_class(**arguments).double().eval()


@pytest.fixture(params=list(SMALL))
def network(request: pytest.FixtureRequest) -> nn.Module:
    return small(request.param)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convs(network: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv2d) for module in network.modules())


@pytest.mark.parametrize(
    ("network_class", "count", "conv_count"),
    [
        (SlimRLFN, 226_146, 75),
        (R2Net, 1_009_440, 64),
        (FMEN, 1_045_866, 74),
        (IFADNet, 442_908, 90),
        (SPAN, 634_048, 82),
        (SPANV2, 602_610, 67),  # by hand: fourteen 3x3 of 41,984 by branches, one of 5,618, and 9,216 that stay
    ],
)
def test_training_forms_have_their_sizes(network_class: type[nn.Module], count: int, conv_count: int) -> None:
    network = network_class()
    assert (parameters(network), convs(network)) == (count, conv_count)


def test_ifadnets_masks_are_counted_but_not_trained() -> None:
    assert sum(parameter.numel() for parameter in IFADNet().parameters() if parameter.requires_grad) == 434_160


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (7, 9), (14, 15), (17, 23), (24, 16)])
def test_any_size_is_upscaled_by_four(network: nn.Module, height: int, width: int) -> None:
    output = network(torch.rand(2, 3, height, width, dtype=torch.float64))
    assert output.shape == (2, 3, SCALE * height, SCALE * width)
    assert torch.isfinite(output).all()


@pytest.mark.parametrize(
    ("name", "smallest"), [("rlfn", 15), ("r2net", 15), ("ifadnet", 15), ("rfdn", 15), ("safmn", 8)]
)
def test_a_flat_pixel_upscales_as_a_flat_image_does(name: str, smallest: int) -> None:
    network = small(name)
    pixel = torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)
    assert torch.allclose(network(pixel), network(pixel.expand(1, 3, smallest, smallest))[..., :4, :4])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 40)])
def test_safmn_sees_its_views_by_adaptive_pooling_as_the_released_code_does(height: int, width: int) -> None:
    """Output and gradients, bit for bit; of equal values both take the same one."""
    torch.manual_seed(0)
    modulate = SAFM(16)
    x = (torch.rand(2, 16, height, width) * 4).round().requires_grad_()
    parts = x.chunk(4, dim=1)
    views = [
        F.interpolate(view(F.adaptive_max_pool2d(part, (height // size, width // size))), (height, width))
        for view, part, size in zip(modulate.views, parts, (1, 2, 4, 8), strict=True)
    ]
    expected = F.gelu(modulate.mix(torch.cat(views, dim=1))) * x
    output = modulate(x)
    assert torch.equal(output, expected)
    inputs = [x, *modulate.parameters()]
    grads = [torch.autograd.grad(each.square().sum(), inputs) for each in (output, expected)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*grads, strict=True))


@pytest.mark.parametrize(("height", "width"), [(1, 13), (7, 9), (8, 23), (17, 16), (31, 33)])
def test_safmn_goes_on_by_reflection_to_whole_windows(height: int, width: int) -> None:
    network = small("safmn")
    image = torch.rand(2, 3, height, width, dtype=torch.float64)
    rows, columns = -height % 8, -width % 8
    whole = np.pad(image.numpy(), ((0, 0), (0, 0), (0, rows), (0, 0)), mode="edge" if height == 1 else "reflect")
    whole = np.pad(whole, ((0, 0), (0, 0), (0, 0), (0, columns)), mode="reflect")
    expected = network(torch.from_numpy(whole))[..., : 4 * height, : 4 * width]
    assert torch.equal(network(image), expected)


def test_both_forms_can_be_built_and_trained(network: nn.Module) -> None:
    network.train()
    network(torch.rand(2, 3, 16, 16, dtype=torch.float64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None or not parameter.requires_grad, name


def test_nothing_of_r2net_has_a_bias() -> None:
    for deploy in (False, True):
        assert not [name for name, _ in R2Net(deploy=deploy).named_parameters() if name.endswith("bias")]


def test_the_dead_convolutions_of_edrn_as_released_get_no_gradient() -> None:
    network = EDRN(reading="as_released")
    network(torch.rand(1, 3, 16, 16)).mean().backward()
    dead = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert len(dead) == 52 and all(".middle." in name for name in dead)
    assert sum(dict(network.named_parameters())[name].numel() for name in dead) == 1_607_648


def test_edrns_two_readings_share_their_weights_and_differ_in_what_they_do() -> None:
    torch.manual_seed(0)
    released, drawn = EDRN(reading="as_released"), EDRN(reading="as_drawn")
    drawn.load_state_dict(released.state_dict())
    x = torch.rand(1, 3, 12, 12) * 255
    assert not torch.allclose(released(x), drawn(x))
    with torch.no_grad():
        for name, parameter in drawn.named_parameters():  # the identity in the middle makes them one
            if name.endswith("middle.weight"):
                parameter.copy_(nn.init.dirac_(parameter))
            elif name.endswith("middle.bias"):
                parameter.zero_()
        assert torch.allclose(released(x), drawn(x), atol=1e-4)


@pytest.mark.parametrize("network_class", [RLFN, SlimRLFN])
def test_what_is_prunable_can_be_rebuilt_at_other_widths(network_class: type[RLFN] | type[SlimRLFN]) -> None:
    widths = [9, 8, 7, 6, 5, 4, 9, 8]
    network = network_class(channels=10, blocks=4, widths=widths, deploy=True)
    layers = [network.get_submodule(name) for name in network.prunable()]
    assert all(type(layer) is nn.Conv2d for layer in layers)
    assert [layer.out_channels for layer in layers] == widths
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("network_class", "arguments", "told"),
    [
        (SlimRLFN, {"widths": [28, 28]}, "12"),
        (RLFN, {"widths": [28] * 9}, "8"),
        (SlimRLFN, {"esa_rep": "both"}, "both"),
        (EDRN, {"reading": "as_told"}, "as_told"),
        (SPAN, {"blocks": 1}, "at least 2"),
    ],
)
def test_impossible_arguments_are_refused(network_class: type[nn.Module], arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        network_class(**arguments)


def test_an_untrained_spanv2_begins_as_nearest_neighbour() -> None:
    network = SPANV2().double()
    x = torch.rand(1, 3, 5, 6, dtype=torch.float64)
    near = nn.functional.pixel_shuffle(network.near(x), SCALE)
    assert torch.equal(near, nn.functional.interpolate(x, scale_factor=SCALE, mode="nearest"))


def test_ifadnet_takes_the_mean_off_and_puts_it_back() -> None:
    network = IFADNet().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    output = network(torch.zeros(1, 3, 16, 16))
    assert output[0, :, 5, 5].tolist() == pytest.approx([0.4488, 0.4371, 0.4040])
