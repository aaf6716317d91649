"""Networks on a GPU compute what they compute on a CPU, by branches and by composed kernels."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.compression.fusion import branch_by_branch
from esr.inference.super_resolve import exact_inference
from esr.networks.r2net import R2Net
from esr.networks.slimrlfn import SlimRLFN
from esr.networks.span import SPAN
from esr.weights.weights_file import build_network, data_range_of
from tests.tiny_project import ROOT

pytestmark = pytest.mark.gpu
FILES = {path.stem for path in Path(ROOT, "esr/networks").glob("*.py") if "NETWORK =" in path.read_text()}
NAMES = sorted(FILES - {"foreign"})  # whose code is another package's


def image(scale: float) -> Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * scale


def output(network: nn.Module, device: str) -> Tensor:
    placed = copy.deepcopy(network).to(device).eval()
    with exact_inference(placed):
        enlarged: Tensor = placed(image(data_range_of(network)).to(device))
        return enlarged.cpu()


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_the_cpus(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(f"esr/networks/{name}.py", {}, deploy=True)
    right = output(network, "cpu")
    torch.testing.assert_close(output(network, "cuda"), right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))


@pytest.mark.parametrize("network", [R2Net, SlimRLFN, SPAN], ids=lambda network: network.__name__)
def test_composed_kernels_do_what_the_branches_do(network: type[nn.Module]) -> None:
    torch.manual_seed(0)
    composed = network().cuda()
    right = output(branch_by_branch(composed), "cuda")
    torch.testing.assert_close(output(composed, "cuda"), right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))
