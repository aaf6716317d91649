"""Which channels to remove, and removing them: structured pruning on a dependency graph."""

from __future__ import annotations

import torch
import torch_pruning as tp
from torch import nn

from esr.recipes.rows import NormComparison

EXAMPLE_SIZE = 32  # LR pixels of the image that the dependency graph is traced with
FEWEST_CHANNELS = 4  # of a layer that is pruned


def remove_channels(network: nn.Module, layers: list[str], count: int, comparison: NormComparison) -> int:
    """Remove the ``count`` weakest output channels over all ``layers``, in place.

    A channel is as important as the L2 norm of its kernels is large: the root of the sum of the squared weights that
    make this output channel. Its bias does not count, as in Li et al., "Pruning Filters for Efficient ConvNets" (ICLR
    2017), nor do the weights that read the channel. torch-pruning's dependency graph (Fang et al., "DepGraph", CVPR
    2023) finds what goes with a channel, and removes it.

    Args:
        network: deploy form: plain convolutions.
        layers: names of the convolutions whose output channels may go.
        count: channels to remove.
        comparison: how channels of several layers compare: by the norm over the mean norm of their layer
            (``layer_mean``), or by the norm as it is (``raw``).

    Returns:
        how many were removed: fewer than ``count`` where every layer has come down to 4 channels.
    """
    modules = dict(network.named_modules())
    ranked = _weakest_first({name: _conv(modules[name]) for name in layers}, comparison)
    removed: dict[str, list[int]] = {name: [] for name in layers}
    total = 0
    for _, name, channel in ranked:
        if total == count:
            break
        if _conv(modules[name]).out_channels - len(removed[name]) > FEWEST_CHANNELS:
            removed[name].append(channel)
            total += 1
    for name, channels in removed.items():
        if channels:
            graph = _dependencies(network)
            graph.get_pruning_group(modules[name], tp.prune_conv_out_channels, idxs=sorted(channels)).prune()
    return total


def widths_of(network: nn.Module, layers: list[str]) -> list[int]:
    """Output channels of the layers: what the network's constructor takes as ``widths``."""
    modules = dict(network.named_modules())
    return [_conv(modules[name]).out_channels for name in layers]


def _weakest_first(layers: dict[str, nn.Conv2d], comparison: NormComparison) -> list[tuple[float, str, int]]:
    """Importance, layer and index of every output channel."""
    ranked: list[tuple[float, str, int]] = []
    for name, layer in layers.items():
        norms = layer.weight.detach().double().flatten(1).norm(dim=1)
        if comparison == "layer_mean":
            norms = norms / norms.mean().clamp(min=torch.finfo(norms.dtype).tiny)  # a layer of zeros stays at 0
        ranked += [(norm, name, channel) for channel, norm in enumerate(norms.tolist())]
    return sorted(ranked)


def _dependencies(network: nn.Module) -> tp.DependencyGraph:
    parameter = next(network.parameters())
    example = torch.zeros(1, 3, EXAMPLE_SIZE, EXAMPLE_SIZE, device=parameter.device)
    return tp.DependencyGraph().build_dependency(network, example_inputs=example)


def _conv(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, nn.Conv2d)
    return module
