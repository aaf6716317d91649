"""Which channels to remove, and removing them: structured pruning on a dependency graph."""

from __future__ import annotations

import torch
import torch_pruning as tp
from torch import Tensor, nn

EXAMPLE_SIZE = 32  # LR pixels of the image that the dependency graph is traced with
FEWEST_CHANNELS = 4  # of a layer that is pruned


def remove_channels(network: nn.Module, layers: list[str], count: int) -> int:
    """Remove the ``count`` weakest output channels over all ``layers``, in place.

    The importance of a channel is the L2 norm of everything that goes with it (its filter, its bias and the slices of
    the convolutions that read it), as torch-pruning's dependency graph groups them (Fang et al., "DepGraph", CVPR
    2023), relative to the mean of its layer so that layers compare.

    Args:
        network: deploy form: plain convolutions.
        layers: names of the convolutions whose output channels may go.
        count: channels to remove.

    Returns:
        how many were removed: fewer than ``count`` where every layer has come down to 4 channels.
    """
    modules = dict(network.named_modules())
    ranked = _ranked_channels(network, {name: _conv(modules[name]) for name in layers})
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


def _ranked_channels(network: nn.Module, layers: dict[str, nn.Conv2d]) -> list[tuple[float, str, int]]:
    graph = _dependencies(network)
    importance = tp.importance.MagnitudeImportance(p=2, normalizer="mean")
    ranked: list[tuple[float, str, int]] = []
    for name, layer in layers.items():
        group = graph.get_pruning_group(layer, tp.prune_conv_out_channels, idxs=list(range(layer.out_channels)))
        scores: Tensor = importance(group)
        ranked += [(float(score), name, channel) for channel, score in enumerate(scores)]
    return sorted(ranked)


def _dependencies(network: nn.Module) -> tp.DependencyGraph:
    parameter = next(network.parameters())
    example = torch.zeros(1, 3, EXAMPLE_SIZE, EXAMPLE_SIZE, device=parameter.device)
    return tp.DependencyGraph().build_dependency(network, example_inputs=example)


def _conv(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, nn.Conv2d)
    return module
