"""Fusing blocks whose plain convolutions are off by a number: what is found, where the limits lie, what is said."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.compression.fusion import branch_by_branch, check_fusion, fuse, fuse_weights
from esr.networks.reparam import ComposedConv2d
from esr.weights.weights_file import WeightsInfo, save_weights
from tests.laid_project import ROOT


class Off(nn.Module):
    """A 1x1 convolution whose plain form is off by a number, in a training mode of its own."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 1)
        self.off = off

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y + 100 if self.training else y

    def fused(self) -> nn.Conv2d:
        conv = nn.Conv2d(3, 48, 1).to(self.conv.weight)
        conv.load_state_dict(self.conv.state_dict())
        with torch.no_grad():
            assert conv.bias is not None
            conv.bias += self.off
        return conv


def network(off: float) -> nn.Sequential:
    """Of two levels, because blocks lie in others; in training mode."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(Off(off)), nn.PixelShuffle(4))


def test_a_difference_is_told_relative_to_the_range() -> None:
    """Half a level of 255 is 2.0e-03 of the range."""
    wrong = network(0.5)
    with pytest.raises(EsrError) as refused:
        check_fusion(wrong, fuse(wrong), 255.0)
    assert str(refused.value) == (
        "Sequential does not fuse: the outputs differ by 2.0e-03 of the range in float64 and 2.0e-03 in float32; "
        "mend the fused() of its blocks, or train again if it diverged"
    )


@pytest.mark.parametrize(("off", "accepted"), [(0.0, True), (0.9e-9, True), (1.1e-9, False)])
def test_in_float64_a_billionth_of_the_range_is_the_limit(off: float, accepted: bool) -> None:
    """Which float32 does not see: its own difference is that of a network without the fault."""
    if accepted:
        check = check_fusion(network(off), fuse(network(0.0)), 1.0)
        assert check.float64 == pytest.approx(off, abs=1e-12)
        return
    with pytest.raises(EsrError, match=r"differ by 1\.1e-09 of the range in float64 and \S+ in float32"):
        check_fusion(network(off), fuse(network(0.0)), 1.0)


@pytest.mark.parametrize(("off", "accepted"), [(0.9e-4, True), (1.1e-4, False)])
def test_in_float32_a_ten_thousandth_of_the_range_is_the_limit(off: float, accepted: bool) -> None:
    """The fused network that is handed over is off; the algebra, of which float64 tells, is right."""
    if accepted:
        check = check_fusion(network(0.0), fuse(network(off)), 1.0)
        assert check.float32 == pytest.approx(off, rel=1e-2)
        assert check.float64 < 1e-12
        return
    with pytest.raises(EsrError, match=r"and 1\.1e-04 in float32"):
        check_fusion(network(0.0), fuse(network(off)), 1.0)


def test_values_that_are_not_finite_do_not_pass() -> None:
    with pytest.raises(EsrError, match=r"differ by nan of the range in float64"):
        check_fusion(network(float("nan")), fuse(network(0.0)), 1.0)
    with pytest.raises(EsrError, match=r"and nan in float32"):
        check_fusion(network(0.0), fuse(network(float("nan"))), 1.0)


def test_images_fill_the_range_and_are_drawn_by_the_seed() -> None:
    """The greatest output of a network that is the sum of all channels is nearly three times the range."""

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return x.sum(1, keepdim=True) * self.gain

    seen = list[Tensor]()
    net = Sum()
    check_fusion(net, fuse(net), 255.0, seed=4)
    shapes = [tuple(image.shape) for image in seen]
    assert set(shapes) == {(1, 3, 32, 48), (1, 3, 17, 23), (1, 3, 15, 15)}
    assert {image.dtype for image in seen} == {torch.float64, torch.float32}
    assert all(0 <= image.min() < 10 and 245 < image.max() <= 255 for image in seen)
    drawn = seen[:]
    seen.clear()
    check_fusion(net, fuse(net), 255.0)
    assert not any(torch.equal(image, other) for image, other in zip(seen, drawn, strict=True))
    again = seen[:]
    seen.clear()
    check_fusion(net, fuse(net), 255.0, 0)
    assert all(torch.equal(image, other) for image, other in zip(seen, again, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_fused_network_has_the_precision_of_the_network_and_is_not_in_training(dtype: torch.dtype) -> None:
    training = network(0.0).to(dtype)
    fused = fuse(training)
    conv = fused.get_submodule("0.0")
    assert type(conv) is nn.Conv2d and conv.weight.dtype == dtype
    assert not fused.training and training.training
    assert isinstance(training.get_submodule("0.0"), Off)


def test_kernels_are_merged_in_float64_and_rounded_once() -> None:
    """1 + 2^-24 + 2^-24 is 1 + 2^-23, a float32; summed in float32, each half of a last bit would be lost."""

    class Summed(ComposedConv2d):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ParameterList(
                [nn.Parameter(torch.full((1, 3, 1, 1), part)) for part in (1.0, 2**-24, 2**-24)]
            )

        def compose(self) -> tuple[Tensor, None]:
            one, *rest = self.parts
            for part in rest:
                one = one + part
            return one, None

        def branches(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x[:, :1])

    composed = nn.Sequential(Summed())
    fused = fuse(composed)
    assert (fused.get_parameter("0.weight") == 1 + 2**-23).all()
    branched = branch_by_branch(composed)
    image = torch.ones(1, 3, 2, 2)
    assert (branched(image) == 0).all() and (composed(image) != 0).all()


TWO_FORMS = """
import torch
from torch import nn
class Net(nn.Module):
    data_range = 1.0
    def __init__(self, channels, deploy=False):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 1, bias=not deploy)
        self.shuffle = nn.PixelShuffle(4)
    def forward(self, x):
        return self.shuffle(self.conv(x))
NETWORK = Net
"""


def test_a_fused_network_that_is_not_the_deploy_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deploy form has no bias, but nothing says how that is got rid of."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        Path(name).symlink_to(ROOT / name)
    Path("networks").mkdir()
    Path("networks/mine.py").write_text(TWO_FORMS)
    state = {"conv.weight": torch.ones(48, 3, 1, 1), "conv.bias": torch.ones(48)}
    info = WeightsInfo("networks/mine.py", {"channels": 48}, False, 1.0, "train/it", {})
    save_weights(Path("weights.safetensors"), state, info)
    with pytest.raises(EsrError, match=r"^fused weights\.safetensors does not fit Net"):
        fuse_weights(Path("weights.safetensors"), Path("fused.safetensors"))
    assert not Path("fused.safetensors").exists()


ONE_BLOCK = """
import torch
from torch import nn
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = nn.Conv2d(3, 48, 1)
    def forward(self, x):
        return self.plain(x)
    def fused(self):
        conv = nn.Conv2d(3, 48, 1).to(self.plain.weight)
        conv.load_state_dict(self.plain.state_dict())
        with torch.no_grad():
            conv.bias += OFF
        return conv
class Net(nn.Module):
    data_range = 255.0
    def __init__(self, deploy=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 1) if deploy else Block()
        self.shuffle = nn.PixelShuffle(4)
    def forward(self, x):
        return self.shuffle(self.conv(x))
NETWORK = Net
"""


@pytest.mark.parametrize("off", [0.0, 0.5])
def test_the_stage_proves_what_it_writes(off: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a level of 255 is 2.0e-03 of the range."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        Path(name).symlink_to(ROOT / name)
    Path("networks").mkdir()
    Path("networks/mine.py").write_text(ONE_BLOCK.replace("OFF", str(off)))
    state = {"conv.plain.weight": torch.ones(48, 3, 1, 1), "conv.plain.bias": torch.ones(48)}
    save_weights(Path("weights"), state, WeightsInfo("networks/mine.py", {}, False, 255.0, "train/it", {}))
    if off:
        with pytest.raises(EsrError, match=r"^Net does not fuse: the outputs differ by 2\.0e-03 of the range"):
            fuse_weights(Path("weights"), Path("fused"))
        assert not Path("fused").exists()
        return
    check = fuse_weights(Path("weights"), Path("fused"))
    assert (check.float64, check.float32) == (0.0, 0.0)
    assert Path("fused").exists()
