"""Fusing: plain convolutions that do the same, or a refusal; nothing is written that was not proved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.compression.fusion import CHECKED_SIZES, check_fusion, fuse, fuse_weights
from esr.compression.fusion_file import read_fusion, write_fusion
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, load_network, read_info, save_weights

TRAINING_FORMS: dict[str, dict[str, Any]] = {
    "slimrlfn": {"channels": 10, "blocks": 2, "esa_channels": 4},
    "r2net": {"channels": 10, "blocks": 2, "esa_channels": 4},
    "ifadnet": {"channels": 10, "pairs": 1, "esa_channels": 4},
    "fmen": {"channels": 10, "warmup_inner": 4, "inner": 6, "blocks": 1},
    "span": {"channels": 10, "blocks": 2},
    "spanv2": {"channels": 10, "blocks": 2},
}


@pytest.fixture(params=list(TRAINING_FORMS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def trained(name: str) -> nn.Module:
    """A training form after some steps, so that no weight, scale or running statistic is at its initial value."""
    torch.manual_seed(1)
    network = build_network(f"esr/networks/{name}.py", TRAINING_FORMS[name]).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    lr = torch.rand(4, 3, 16, 16) * data_range_of(network)
    hr = torch.rand(4, 3, 64, 64) * data_range_of(network)
    for _ in range(4):
        optimiser.zero_grad()
        nn.functional.l1_loss(network(lr), hr).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network


def saved(network: nn.Module, name: str, path: Path, **changes: Any) -> Path:
    info = WeightsInfo(f"esr/networks/{name}.py", TRAINING_FORMS[name], False, data_range_of(network), "train/it", {})
    save_weights(path, {**network.state_dict(), **changes}, info)
    return path


@pytest.mark.parametrize(("height", "width"), [(17, 23), (15, 15), (1, 5)])
def test_the_fused_network_does_the_same_to_float64_rounding(name: str, height: int, width: int) -> None:
    network = trained(name).double().eval()
    fused = fuse(network)
    x = torch.rand(1, 3, height, width, dtype=torch.float64) * data_range_of(network)
    difference = (network(x) - fused(x)).abs().max() / data_range_of(network)
    assert difference < 1e-12


def test_the_fused_network_is_the_deploy_form(name: str) -> None:
    fused = fuse(trained(name))
    deployed = build_network(f"esr/networks/{name}.py", TRAINING_FORMS[name], deploy=True)
    shapes = {key: value.shape for key, value in deployed.state_dict().items()}
    assert {key: value.shape for key, value in fused.state_dict().items()} == shapes
    leaves = {type(module) for module in fused.modules() if list(module.parameters(recurse=False))}
    assert leaves == {nn.Conv2d}


def test_fusing_leaves_the_network_as_it_is(name: str) -> None:
    network = trained(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    check_fusion(network, fuse(network), data_range_of(network))
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_check_tells_both_differences(name: str) -> None:
    network = trained(name)
    check = check_fusion(network, fuse(network), data_range_of(network))
    assert 0 < check.float64 < 1e-12  # branch by branch against composed: alike, but not the same rounding
    assert 0 < check.float32 < 1e-5


def test_what_was_checked_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    network = trained(name)
    check = check_fusion(network, fuse(network), data_range_of(network))
    assert check.sizes == CHECKED_SIZES
    write_fusion(tmp_path / "fusion.json", check)
    assert read_fusion(tmp_path / "fusion.json") == check


def test_fused_weights_that_are_not_the_networks_are_refused(name: str) -> None:
    network = trained(name)
    fused = fuse(network)
    with torch.no_grad():
        fused.get_parameter("tail.weight").mul_(1.5)
    with pytest.raises(EsrError, match="does not fuse"):
        check_fusion(network, fused, data_range_of(network))


class Blur(nn.Module):
    """A user's block whose collapse forgets that the image has a border."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(nn.functional.pad(x, (1, 1, 1, 1), mode="replicate"))
        return y

    def fused(self) -> nn.Conv2d:
        conv = nn.Conv2d(3, 48, 3, padding=1).to(self.conv.weight)
        conv.load_state_dict(self.conv.state_dict())
        return conv


def test_a_collapse_that_is_wrong_at_the_border_alone_is_refused() -> None:
    network = nn.Sequential(Blur(), nn.PixelShuffle(4))
    with pytest.raises(EsrError, match="does not fuse"):
        check_fusion(network, fuse(network), 1.0)


def test_the_stage_writes_the_deploy_form_and_where_it_comes_from(name: str, tmp_path: Path) -> None:
    network = trained(name)
    source = saved(network, name, tmp_path / "weights.safetensors")
    target = tmp_path / "fuse" / "weights.safetensors"
    fuse_weights(source, target)
    fused, info = load_network(target)
    assert info.deploy and info.origin == "train/it" and info.arguments == TRAINING_FORMS[name]
    assert info.inputs == {"weights": md5_of(source)}
    x = torch.rand(1, 3, 20, 17) * info.data_range
    assert (fused(x) - network.eval()(x)).abs().max() < 1e-4 * info.data_range


def test_the_stage_writes_equal_bytes_for_equal_weights(name: str, tmp_path: Path) -> None:
    source = saved(trained(name), name, tmp_path / "weights.safetensors")
    for target in ("a", "b"):
        fuse_weights(source, tmp_path / target)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_deploy_form_passes_through_unchanged(name: str, tmp_path: Path) -> None:
    fuse_weights(saved(trained(name), name, tmp_path / "trained"), tmp_path / "fused")
    fuse_weights(tmp_path / "fused", tmp_path / "again")
    once, twice = load_network(tmp_path / "fused")[0].state_dict(), load_network(tmp_path / "again")[0].state_dict()
    assert all(torch.equal(once[key], twice[key]) for key in once)
    assert read_info(tmp_path / "again").deploy


def test_a_network_that_diverged_is_refused_and_nothing_written(tmp_path: Path) -> None:
    network = trained("slimrlfn")
    huge = {"tail.weight": network.state_dict()["tail.weight"] * 1e38}  # finite weights, infinite pixels
    source = saved(network, "slimrlfn", tmp_path / "weights.safetensors", **huge)
    with pytest.raises(EsrError, match="values that are not finite"):
        fuse_weights(source, tmp_path / "fused")
    assert not (tmp_path / "fused").exists()
