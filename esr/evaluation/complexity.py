"""Complexity as the challenge counts it: parameters, operations by both years' counters, activations, convolutions."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.evaluation.flops import count_flops


@dataclass(frozen=True)
class Complexity:
    """The challenge's measures of a network at one input size. An operation is one multiply-accumulate.

    Attributes:
        parameters: all of them, frozen ones too.
        flops: by the counter of 2024 and 2025, fvcore's.
        flops_2023: by the counter of 2023, which looks at registered modules.
        activations: elements of all outputs of convolutions.
        convs: convolutions executed, whether or not their result is used.
    """

    parameters: int
    flops: int
    flops_2023: int
    activations: int
    convs: int


def measure_complexity(network: nn.Module, height: int = 256, width: int = 256, device: str = "meta") -> Complexity:
    """Count the work of a network's deploy form on one RGB image of ``height`` x ``width`` LR pixels.

    On ``meta`` only shapes are computed, so neither the image's size nor the network's costs time or memory. A network
    whose code looks at values, or makes tensors on a device of its own choice, is counted on ``cpu``.
    """
    shapes = copy.deepcopy(network).to(device).eval()
    image = torch.zeros(1, 3, height, width, device=device)
    flops = count_flops(shapes, image)
    hooks = _HookCounter(shapes)
    with torch.no_grad():
        shapes(image)
    return Complexity(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=flops,
        flops_2023=hooks.flops,
        activations=hooks.activations,
        convs=hooks.convs,
    )


class _HookCounter:
    """The 2023 counter, and the counts of activations and convolutions, by forward hooks on registered modules.

    It knows a convolution's multiply-accumulates, 1 per output element of an activation of the ReLU family, 2 of a
    batch norm (1 without affine), and linear layers. GELU, sigmoid, pooling, up-sampling and functional calls cost
    nothing in it.
    """

    def __init__(self, network: nn.Module) -> None:
        self.flops = 0
        self.activations = 0
        self.convs = 0
        for module in network.modules():
            module.register_forward_hook(self._count)

    def _count(self, module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        match module:
            case nn.Conv2d():
                self.convs += 1
                self.activations += output.numel()
                self.flops += output.numel() * module.weight[0].numel()
            case nn.ReLU() | nn.LeakyReLU() | nn.PReLU() | nn.ELU() | nn.ReLU6():
                self.flops += output.numel()
            case nn.BatchNorm2d():
                self.flops += output.numel() * (2 if module.affine else 1)
            case nn.Linear():
                self.flops += output.numel() * module.in_features
