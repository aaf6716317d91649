"""Every re-parameterisable convolution: its algebra by hand, its composition against its branches, its gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esr.networks.conv3xc import Conv3XC
from esr.networks.reparam import RRRB, ComposedConv2d, EdgeConv, NormedConv, RepConv, WidePointwise

FORMS: dict[str, Callable[[], ComposedConv2d]] = {
    "RepVGG style": lambda: RepConv(6, 6),
    "RepVGG style, other width": lambda: RepConv(6, 5),
    "RepVGG style, 1x1 without bias": lambda: RepConv(6, 6, pointwise_bias=False),
    "RepVGG style, strided": lambda: RepConv(6, 6, stride=2, padding=0),
    "RRRB": lambda: RRRB(6, 6, inner=12),
    "RRRB without bias": lambda: RRRB(6, 6, inner=12, bias=False),
    "RRRB, other width": lambda: RRRB(3, 8, inner=16),
    "wide 1x1": lambda: WidePointwise(6, 4, inner=12),
    "wide 1x1 without bias": lambda: WidePointwise(6, 4, inner=12, bias=False),
    "wide 1x1 with identity": lambda: WidePointwise(6, 6, inner=12, identity=True),
    "edge-oriented": lambda: EdgeConv(6),
    "SPAN's": lambda: Conv3XC(6, 6),
    "SPAN's, other width": lambda: Conv3XC(3, 8, gain=3),
    "SPANV2's": lambda: Conv3XC(6, 6, bias=False),
}


@pytest.fixture(params=list(FORMS))
def conv(request: pytest.FixtureRequest) -> ComposedConv2d:
    """Each form with random weights, edge scales of ordinary size included."""
    torch.manual_seed(0)
    conv = FORMS[request.param]().double()
    with torch.no_grad():
        for parameter in conv.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter))
    return conv


def random_input(conv: ComposedConv2d, height: int = 17, width: int = 23) -> Tensor:
    return torch.randn(2, conv.compose()[0].shape[1], height, width, dtype=torch.float64)


def close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-13 * (1 + b.abs().max()))


@pytest.mark.parametrize(("height", "width"), [(17, 23), (5, 5), (3, 4)])
def test_composed_equals_branches_borders_included(conv: ComposedConv2d, height: int, width: int) -> None:
    x = random_input(conv, height, width)
    assert close(conv(x), conv.branches(x))


def test_gradients_equal_those_of_the_branches(conv: ComposedConv2d) -> None:
    x = random_input(conv).requires_grad_()
    trained = [parameter for parameter in conv.parameters() if parameter.requires_grad]
    weight = torch.randn_like(conv(x))
    composed = torch.autograd.grad((conv(x) * weight).sum(), [x, *trained])
    branched = torch.autograd.grad((conv.branches(x) * weight).sum(), [x, *trained])
    for a, b in zip(composed, branched, strict=True):
        # Absolute as well: the bias under an edge mask has a gradient of 0, which the branches only reach by rounding.
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-11)


def test_still_equal_after_training_and_when_fused(conv: ComposedConv2d) -> None:
    optimiser = torch.optim.Adam(conv.parameters(), lr=0.05)
    before = conv.compose()[0].detach().clone()
    x = random_input(conv)
    for _ in range(5):
        optimiser.zero_grad()
        conv(x).square().mean().backward()
        optimiser.step()
    assert not torch.allclose(conv.compose()[0], before)
    fused = conv.fused()
    assert type(fused) is nn.Conv2d
    assert close(fused(x), conv.branches(x))
    assert (fused.bias is None) == (conv.compose()[1] is None)


@pytest.mark.parametrize("weights_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_the_input_decides_the_memory_format(
    conv: ComposedConv2d, format: torch.memory_format, weights_format: torch.memory_format
) -> None:
    conv = conv.to(memory_format=weights_format)  # type: ignore[call-overload]
    x = random_input(conv).contiguous(memory_format=format)
    output = conv(x)
    assert output.is_contiguous(memory_format=format)
    output.sum().backward()  # also where the kernel is a view of other strides


def test_autocast_rounds_the_composed_kernel_once(conv: ComposedConv2d) -> None:
    conv = conv.float()
    x = random_input(conv).float()
    weight, bias = conv.compose()
    rounded = F.conv2d(
        x.bfloat16(), weight.bfloat16(), None if bias is None else bias.bfloat16(), conv.stride, conv.padding
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(conv(x), rounded)


def fill(*convs: tuple[nn.Conv2d, float, float]) -> None:
    """Give each one-channel convolution a centre and a bias, and zeros elsewhere."""
    with torch.no_grad():
        for conv, centre, bias in convs:
            conv.weight.zero_()
            conv.weight[0, 0, conv.kernel_size[0] // 2, conv.kernel_size[1] // 2] = centre
            if conv.bias is not None:
                conv.bias.fill_(bias)


def test_repvgg_by_hand() -> None:
    conv = RepConv(1, 1)
    fill((conv.conv, 3.0, 0.5), (conv.pointwise, 2.0, 0.25))
    with torch.no_grad():
        conv.conv.weight[0, 0, 0, 2] = 7.0
    weight, bias = conv.compose()
    assert weight[0, 0].tolist() == [[0, 0, 7], [0, 6, 0], [0, 0, 0]]  # 3 + 2 + 1 in the centre
    assert bias is not None and bias.tolist() == [0.75]


def test_rrrb_by_hand() -> None:
    # E x = 2x + 1; F e = 3e + 1; the inner identity: (3e + 1) + e = 4e + 1 = 8x + 5; R: 5 (8x + 5) + 1; and + x.
    conv = RRRB(1, 1, inner=1)
    fill((conv.expand, 2.0, 1.0), (conv.conv, 3.0, 1.0), (conv.reduce, 5.0, 1.0))
    weight, bias = conv.compose()
    assert weight[0, 0].tolist() == [[0, 0, 0], [0, 41, 0], [0, 0, 0]]
    assert bias is not None and bias.tolist() == [26]


def test_conv3xc_by_hand() -> None:
    # E x = 2x + 1, also around the image, where x is 0; F: three times the pixel, its right neighbour once, and 1.
    conv = Conv3XC(1, 1, gain=1)
    fill((conv.expand, 2.0, 1.0), (conv.conv, 3.0, 1.0), (conv.reduce, 5.0, 1.0), (conv.pointwise, 7.0, 0.5))
    with torch.no_grad():
        conv.conv.weight[0, 0, 1, 2] = 1.0
    weight, bias = conv.compose()
    assert weight[0, 0].tolist() == [[0, 0, 0], [0, 37, 10], [0, 0, 0]]  # 5 * 3 * 2 + 7 and 5 * 1 * 2
    assert bias is not None and bias.tolist() == [26.5]  # 5 ((3 + 1) * 1 + 1) + 1 + 0.5
    # One pixel of 2: E makes it 5 and its surroundings 1; F 3 * 5 + 1 + 1 = 17; R 86; beside them 7 * 2 + 0.5.
    assert conv.branches(torch.full((1, 1, 1, 1), 2.0)).item() == pytest.approx(100.5)


def test_wide_1x1_by_hand() -> None:
    conv = WidePointwise(1, 1, inner=1, identity=True)
    fill((conv.widen, 3.0, 1.0), (conv.narrow, 2.0, 5.0))
    weight, bias = conv.compose()  # 2 (3x + 1) + 5 + x
    assert weight.tolist() == [[[[7]]]] and bias is not None and bias.tolist() == [7]


def test_edges_of_a_ramp_by_hand() -> None:
    conv = EdgeConv(1)
    fill((conv.conv, 0.0, 0.0), (conv.widen, 0.0, 0.0), (conv.narrow, 0.0, 0.0))
    for edge in (conv.sobel_x, conv.sobel_y, conv.laplacian):
        fill((edge.pointwise, 1.0, 9.0))
        with torch.no_grad():
            edge.scale.fill_(1.0)
            edge.bias.fill_(0.0)
    columns, rows = torch.arange(5.0).expand(5, 5), torch.arange(5.0)[:, None].expand(5, 5)
    inside = (0, 0, 2, 2)
    # Sobel answers a unit ramp by -8 (left column positive), the Laplacian by 0; the identity adds the ramp's 2.
    assert conv(columns[None, None])[inside].item() == pytest.approx(2 - 8)
    assert conv(rows[None, None])[inside].item() == pytest.approx(2 - 8)
    # x squared: Sobel-x sees -(9 - 1) x 4 at x = 2, the Laplacian 9 + 1 + 4 + 4 - 16 = 2.
    assert conv((columns**2)[None, None])[inside].item() == pytest.approx(4 - 32 + 2)


def test_the_masks_are_not_trained() -> None:
    conv = EdgeConv(4)
    frozen = {name for name, parameter in conv.named_parameters() if not parameter.requires_grad}
    assert frozen == {"sobel_x.mask", "sobel_y.mask", "laplacian.mask"}


def trained_norms(conv: NormedConv) -> NormedConv:
    """Running statistics, gammas and betas as training leaves them: none at its initial value."""
    with torch.no_grad():
        for norm in (conv.norm_before, conv.norm_after):
            if norm is not None:
                norm.weight.uniform_(0.5, 2.0)
                norm.bias.uniform_(-1.0, 1.0)
                norm.get_buffer("running_mean").uniform_(-1.0, 1.0)
                norm.get_buffer("running_var").uniform_(0.5, 2.0)
    return conv


@pytest.mark.parametrize("norm_after", [False, True])
def test_batch_norms_fold_exactly_in_eval_mode(norm_after: bool) -> None:
    torch.manual_seed(0)
    conv = trained_norms(NormedConv(5, 4, norm_after=norm_after)).double().eval()
    x = torch.randn(2, 5, 17, 23, dtype=torch.float64)
    assert close(conv.fused()(x), conv(x))


def test_folding_by_hand() -> None:
    # Norm: 3 (x - 2) / sqrt(4) + 1 = 1.5x - 2; conv: 10 (...) + 4 = 15x - 16; norm: 2 (... - 6) / sqrt(16) + 5.
    conv = NormedConv(1, 1, norm_after=True).double().eval()
    fill((conv.conv, 10.0, 4.0))
    assert conv.norm_after is not None
    with torch.no_grad():
        for norm, gamma, beta, mean, variance in ((conv.norm_before, 3, 1, 2, 4), (conv.norm_after, 2, 5, 6, 16)):
            norm.weight.fill_(gamma)
            norm.bias.fill_(beta)
            norm.get_buffer("running_mean").fill_(mean)
            norm.get_buffer("running_var").fill_(variance - norm.eps)
    fused = conv.fused()
    assert fused.weight[0, 0, 1, 1].item() == pytest.approx(7.5)
    assert fused.bias is not None and fused.bias.item() == pytest.approx(-6.0)


def test_training_pads_by_the_running_statistics_after_the_step() -> None:
    conv = NormedConv(1, 1, norm_after=False).double().train()
    fill((conv.conv, 0.0, 0.0))
    with torch.no_grad():
        conv.conv.weight[0, 0, 0, 0] = 1.0  # shows the value up and to the left
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]], dtype=torch.float64)
    # momentum .1: the mean goes from 0 to .1 x 4; the variance from 1 to .9 + .1 x 20/3, the unbiased one
    border = 0.0 - 0.4 / (0.9 + 0.1 * 20 / 3 + 1e-5) ** 0.5
    inside = (1.0 - 4.0) / (5.0 + 1e-5) ** 0.5  # the batch's own biased variance
    output = conv(x)[0, 0]
    assert output[0].tolist() == pytest.approx([border, border])
    assert output[1].tolist() == pytest.approx([border, inside])
