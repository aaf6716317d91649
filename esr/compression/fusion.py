"""Fusing: a network's training form becomes its deploy form, and proves it."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.compression.fusion_file import FusionCheck
from esr.networks.reparam import ComposedConv2d
from esr.weights.weights_file import build_network, load_network, load_strictly, save_weights

# LR sizes (H, W): an ordinary one; an odd one; and the smallest that ESA takes, nearly all of it image border.
CHECKED_SIZES = ((32, 48), (17, 23), (15, 15))
LARGEST_FLOAT64_DIFFERENCE = 1e-9
LARGEST_FLOAT32_DIFFERENCE = 1e-4


@runtime_checkable
class Fusible(Protocol):
    """A module that can say which plain convolution does the same in eval mode."""

    def fused(self) -> nn.Conv2d: ...


def fuse(network: nn.Module) -> nn.Module:
    """A copy of ``network``, in eval mode, in which every module that has ``fused()`` is replaced by what that returns.

    The kernels are merged in float64 and rounded once, to the network's own precision.
    """
    dtype = next(network.parameters()).dtype
    fused = copy.deepcopy(network).double().eval()
    _replace_fusible(fused)
    return fused.to(dtype)


def _replace_fusible(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Fusible):
            setattr(module, name, child.fused())
        else:
            _replace_fusible(child)


def check_fusion(network: nn.Module, fused: nn.Module, data_range: float, seed: int = 0) -> FusionCheck:
    """Compare a network in eval mode, branch by branch, with its fused form on random images, borders included.

    In float64 the network is compared with the fusion of its float64 copy, which shows that the algebra holds; in
    float32 with ``fused`` itself, which shows that these are its weights.

    Raises:
        EsrError: the outputs differ by 1e-9 of the range in float64, or by 1e-4 of it in float32.
    """
    branched = branch_by_branch(network).eval()
    exact = copy.deepcopy(branched).double()
    check = FusionCheck(
        float64=_largest_difference(exact, fuse(exact), data_range, torch.float64, seed),
        float32=_largest_difference(branched, fused, data_range, torch.float32, seed),
        sizes=CHECKED_SIZES,
    )
    # Written so that a NaN fails too.
    if not (check.float64 < LARGEST_FLOAT64_DIFFERENCE and check.float32 < LARGEST_FLOAT32_DIFFERENCE):
        raise EsrError(
            f"{type(network).__name__} does not fuse: the outputs differ by {check.float64:.1e} of the range in float64"
            f" and {check.float32:.1e} in float32; mend the fused() of its blocks, or train again if it diverged"
        )
    return check


def branch_by_branch(network: nn.Module) -> nn.Module:
    """A copy whose composed convolutions run their branches, not the kernel that fusing would store."""
    branched = copy.deepcopy(network)
    for module in branched.modules():
        if isinstance(module, ComposedConv2d):
            module.forward = module.branches  # type: ignore[method-assign]
    return branched


@torch.no_grad()
def _largest_difference(a: nn.Module, b: nn.Module, data_range: float, dtype: torch.dtype, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    largest = torch.zeros((), dtype=dtype)
    for height, width in CHECKED_SIZES:
        image: Tensor = torch.rand(1, 3, height, width, dtype=dtype, generator=generator) * data_range
        largest = torch.maximum(largest, (a(image) - b(image)).abs().max() / data_range)
    return largest.item()


def fuse_weights(source: Path, target: Path) -> FusionCheck:
    """The fuse stage: turn a network's weights file into its deploy form's, or refuse.

    A network that has been fused or pruned already, or has one form only, passes through unchanged.

    Raises:
        EsrError: ``source`` cannot be loaded; the fused network differs from the network, or is not tensor for tensor
            the class built with deploy=True. Nothing is written then.
    """
    network, info = load_network(source)
    fused = fuse(network)
    check = check_fusion(network, fused, info.data_range)
    deployed = build_network(info.network, info.arguments, deploy=True)
    load_strictly(deployed, fused.state_dict(), f"fused {source}")
    fused_info = replace(info, deploy=True, inputs={**info.inputs, "weights": md5_of(source)})
    save_weights(target, deployed.state_dict(), fused_info)
    return check
